"""How the procedural service's operations end, and what survives of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.video_services.stage import Server, delivered, outcome, request_for
from tests.waiting import until
from vidpipe.domain.requests import Pending
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient
from vidpipe.services.base import Cancellable
from vidpipe.services.procedural.adapter import ProceduralService


def test_how_an_operation_ends_is_told(procedural: ProceduralService) -> None:
    def end(fault: str, **changes: object) -> ServiceError:
        return outcome(procedural, procedural.submit(request_for(f"a road [fault: {fault}]", **changes)).name)

    assert type(end("fail")) is Broken
    late = end("refuse-late")
    assert isinstance(late, Refused) and late.kind == "policy"
    withheld = end("filtered 2", count=2)
    assert isinstance(withheld, Refused) and "withheld" in withheld.message
    assert type(end("poll-503")) is Transient


def test_a_download_that_breaks_off_leaves_nothing_and_can_be_had_again(
    procedural: ProceduralService, tmp_path: Path
) -> None:
    name = procedural.submit(request_for("a road [fault: cut-off x1]")).name
    clip = delivered(procedural, name).clips[0]
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(Transient):
        procedural.fetch(name, clip, folder / "clip.mp4")
    assert list(folder.iterdir()) == []
    procedural.fetch(name, clip, folder / "clip.mp4")
    assert (folder / "clip.mp4").stat().st_size > 1000


def test_an_expired_clip_says_so(procedural: ProceduralService, tmp_path: Path) -> None:
    name = procedural.submit(request_for("a road [fault: expired]")).name
    with pytest.raises(Expired):
        procedural.fetch(name, delivered(procedural, name).clips[0], tmp_path / "clip.mp4")


def test_a_hanging_operation_can_be_cancelled_and_is_then_free(server: Server, procedural: ProceduralService) -> None:
    assert isinstance(procedural, Cancellable)
    request = request_for("a road [fault: hang]")
    name = procedural.submit(request).name
    assert procedural.cancel(name) is True
    assert procedural.cancel(name) is False
    assert type(outcome(procedural, name)) is Broken
    assert Decimal(server.get(f"/v1/bill?token={request.token}")["total"]) == 0
    done = procedural.submit(request_for()).name
    delivered(procedural, done)
    assert procedural.cancel(done) is False


def test_a_dead_renderer_is_replaced_and_its_clip_rendered_again(procedural: ProceduralService) -> None:
    assert delivered(procedural, procedural.submit(request_for("a road [fault: crash x2]")).name).clips
    assert type(outcome(procedural, procedural.submit(request_for("a road [fault: crash x9]")).name)) is Broken


def test_a_killed_server_goes_on_with_what_it_accepted_and_leaves_no_renderer(
    short_folder: Path, tmp_path: Path
) -> None:
    server = Server(short_folder)
    server.start()
    service = ProceduralService(server.url)
    request = request_for(count=3, duration=2.0)
    name = service.submit(request).name
    renderers = until(lambda: server.get("/healthz")["renderers"], what="a renderer to be up")
    server.end(signal.SIGKILL)
    until(lambda: not any(_runs(pid) for pid in renderers), seconds=5, what="the renderers to end with their server")
    with pytest.raises(Transient):
        service.submit(request_for())
    server.start()
    clips = delivered(service, name).clips
    assert [clip.number for clip in clips] == [1, 2, 3]
    service.fetch(name, clips[2], tmp_path / "clip.mp4")
    assert server.posts(request.token) == 1
    assert server.end() == 0
    assert not server.socket.exists()


def test_two_servers_do_not_share_a_folder(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    command = [
        sys.executable,
        "-m",
        "vidpipe.services.procedural.server",
        "--dir",
        str(server.folder / "d"),
        "--port",
        "0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "another procedural service works in" in done.stderr


def test_latency_counts_from_acceptance(short_folder: Path) -> None:
    server = Server(short_folder, ("--latency", "1.2", "--renderers", "1"))
    server.start()
    try:
        service = ProceduralService(server.url)
        name = service.submit(request_for(duration=0.5)).name
        until(lambda: not list(short_folder.rglob("*.part")) and list(short_folder.rglob("1.mp4")), what="the clip")
        assert server.get(f"/v1/operations/{name}")["state"] == "running"
        delivered(service, name)
    finally:
        server.end()


def _runs(pid: int) -> bool:
    try:
        return "renderer" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(("fault", "told"), [("late 600", 0.0), ("slow 600", 600.0)])
def test_who_is_late_does_not_say_so_beforehand(
    server: Server, procedural: ProceduralService, fault: str, told: float
) -> None:
    name = procedural.submit(request_for(f"a road [fault: {fault}]", duration=0.5)).name
    clip = server.folder / "d" / "clips" / name / "1.mp4"
    until(clip.exists, what="the clip to be rendered")
    answer = asyncio.run(procedural.poll(name))
    assert isinstance(answer, Pending)
    assert answer.retry_in == pytest.approx(told, abs=10)
    assert procedural.cancel(name)


def test_what_is_late_comes_at_last(procedural: ProceduralService) -> None:
    assert delivered(procedural, procedural.submit(request_for("a road [fault: late 1]")).name).clips
