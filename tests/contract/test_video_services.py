"""What every video service keeps to, tried on each adapter against the real thing it speaks to.

A new adapter joins here: a `Case` that opens it and makes requests which it can serve.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from urllib.parse import quote

import av
import httpx
import pytest
from PIL import Image

from tests.waiting import until
from vidpipe.domain.requests import Accepted, Delivered, FootageCut, Reference, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, NotStored, Refused, ServiceError, SetupError, Transient, Uncertain
from vidpipe.media.probe import probe
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.services.footage import FootageService, OpenMedia
from vidpipe.services.procedural.adapter import ProceduralService
from vidpipe.services.registry import guarded

PRICE = Decimal("0.1")
_numbers = count(1)


@dataclass
class Server:
    """A real procedural server on a unix socket."""

    folder: Path
    arguments: tuple[str, ...] = ("--faults", "--price", str(PRICE), "--renderers", "1")
    process: subprocess.Popen[str] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def url(self) -> str:
        return f"http+unix://{quote(str(self.socket), safe='')}"

    def start(self) -> None:
        command = [sys.executable, "-m", "vidpipe.services.procedural.server", "--dir", str(self.folder / "d")]
        self.process = subprocess.Popen(
            [*command, "--uds", str(self.socket), *self.arguments], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "ready on http+unix://" in line, line

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None and self.process.stdout is not None
        self.process.send_signal(number)
        status = self.process.wait(10)
        self.process.stdout.close()
        return status

    def get(self, path: str) -> dict:  # type: ignore[type-arg]
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://x") as client:
            return dict(client.get(path).json())

    def posts(self, token: str) -> int:
        """How many operations were accepted, and billed, under a token."""
        return len({row["operation"] for row in self.get(f"/v1/bill?token={token}")["rows"]})


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="vp"))  # a socket's path may have 107 bytes
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="vp"))
    made = Server(folder)
    made.start()
    yield made
    made.end()
    shutil.rmtree(folder)


@pytest.fixture
def procedural(server: Server) -> ProceduralService:
    return ProceduralService(server.url, call_timeout=3, poll_timeout=3)


def request_for(prompt: str = "a lighthouse at dusk", **changes: object) -> VideoRequest:
    """A small request with a token of its own."""
    base = VideoRequest(
        token=f"token-{next(_numbers)}", model="procedural-1", prompt=prompt, duration=1.0, width=192, height=108,
        fps=12, seed=7, label="Shot 1A",
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """One adapter, and how to ask it for something."""

    service: VideoService
    ask: Callable[..., VideoRequest]
    bills: bool = True  # and so remembers what was bought


@pytest.fixture(scope="module")
def film_file(server: Server) -> Path:
    """A file as people might have filmed it: another size and rate than asked for."""
    service = ProceduralService(server.url)
    path = server.folder / "filmed.mp4"
    bring(service, request_for("waves on a beach", duration=3.0, width=256, height=144, fps=15), path)
    return path


@pytest.fixture(params=["procedural", "footage"])
def case(request: pytest.FixtureRequest, tmp_path: Path, server: Server, film_file: Path) -> Case:
    """Every adapter, as the registry hands it out."""
    if request.param == "procedural":
        return Case(guarded(ProceduralService(server.url)), request_for)

    def ask(**changes: object) -> VideoRequest:
        return request_for(model="footage", footage=FootageCut("film", start=0.5), **changes)

    return Case(guarded(FootageService(shelf(film=film_file))), ask, bills=False)


def shelf(**files: Path) -> OpenMedia:
    """A media store that holds these files under these keys."""

    @contextmanager
    def open_local(key: str) -> Iterator[Path]:
        if key not in files:
            raise NotStored(f"the media store holds no {key}")
        yield files[key]

    return open_local


def delivered(service: VideoService, operation: str, seconds: float = 15) -> Delivered:
    """What an operation brings, once it is done."""

    def ask() -> Delivered | None:
        answer = asyncio.run(service.poll(operation))  # a loop of its own each time, as the wave does
        return answer if isinstance(answer, Delivered) else None

    found = until(ask, seconds=seconds, what=f"{operation} to be done")
    assert found is not None
    return found


def bring(service: VideoService, request: VideoRequest, dest: Path) -> bytes:
    """Submit, wait, fetch the first clip."""
    name = service.submit(request).name
    service.fetch(name, delivered(service, name).clips[0], dest)
    return dest.read_bytes()


def outcome(service: VideoService, operation: str, seconds: float = 15) -> ServiceError:
    """The error that an operation ends in."""

    def ask() -> ServiceError | None:
        try:
            asyncio.run(service.poll(operation))
        except ServiceError as error:
            return error
        return None

    found = until(ask, seconds=seconds, what=f"{operation} to end badly")
    assert found is not None
    return found


# -- what all of them keep to ----------------------------------------------------------------------------------


def test_what_was_asked_for_is_what_comes(case: Case, tmp_path: Path) -> None:
    bring(case.service, case.ask(), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = sum(1 for _ in container.decode(video))
        assert (video.codec_context.width, video.codec_context.height, frames) == (192, 108, 12)
        assert video.average_rate == 12
        assert audio.codec_context.sample_rate == 48_000
        assert container.duration == pytest.approx(1_000_000, abs=60_000)


def test_without_sound_there_is_no_sound(case: Case, tmp_path: Path) -> None:
    bring(case.service, case.ask(audio=False), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert not container.streams.audio


def test_the_same_request_gives_the_same_bytes(case: Case, tmp_path: Path) -> None:
    one = bring(case.service, case.ask(), tmp_path / "one.mp4")
    assert one == bring(case.service, case.ask(), tmp_path / "two.mp4")


def test_fetch_leaves_nothing_but_the_clip_and_writes_over_nothing(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    dest = folder / "clip.mp4"
    bring(case.service, case.ask(), dest)
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]
    name = case.service.submit(case.ask()).name
    with pytest.raises(FileExistsError):
        case.service.fetch(name, delivered(case.service, name).clips[0], dest)


def test_an_unknown_operation_has_expired(case: Case, tmp_path: Path) -> None:
    for name in ("op-0000000000000000", "../../etc/passwd", "", "x" * 500, '{"token":"../../x"}'):
        with pytest.raises(Expired):
            asyncio.run(case.service.poll(name))


def test_what_was_bought_is_found_by_its_token_and_nothing_else_is(case: Case) -> None:
    assert isinstance(case.service, Findable)
    request = case.ask()
    assert case.service.find(request.token) is None
    accepted = case.service.submit(request)
    assert case.service.find(request.token) == (accepted if case.bills else None)
    assert case.service.find(request.token + "-other") is None


# -- the procedural service ------------------------------------------------------------------------------------


def test_candidates_differ_clearly(procedural: ProceduralService, tmp_path: Path) -> None:
    name = procedural.submit(request_for(count=2)).name
    found = delivered(procedural, name)
    assert [clip.seed for clip in found.clips] == [7, 8]
    pictures = []
    for clip in found.clips:
        procedural.fetch(name, clip, tmp_path / f"{clip.number}.mp4")
        with av.open(str(tmp_path / f"{clip.number}.mp4")) as container:
            pictures.append(next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float))
    assert abs(pictures[0] - pictures[1]).mean() > 12  # of 255


def test_a_second_candidate_is_what_its_seed_alone_gives(procedural: ProceduralService, tmp_path: Path) -> None:
    name = procedural.submit(request_for(count=2)).name
    procedural.fetch(name, delivered(procedural, name).clips[1], tmp_path / "second.mp4")
    assert (tmp_path / "second.mp4").read_bytes() == bring(procedural, request_for(seed=8), tmp_path / "alone.mp4")


def test_first_and_last_frame_and_references_are_honoured(procedural: ProceduralService, tmp_path: Path) -> None:
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    Image.new("RGB", (300, 200), (220, 30, 30)).save(red)
    Image.new("RGB", (300, 200), (30, 30, 220)).save(blue)
    request = request_for(first_frame=red, last_frame=blue, references=(Reference(red, "CHAR_01", "a red card"),))
    bring(procedural, request, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24")[54, 96].astype(int) for frame in container.decode(video=0)]
    assert frames[0][0] > 180 and frames[0][2] < 80
    assert frames[-1][2] > 180 and frames[-1][0] < 80


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        ("503 x1", Transient, 0),
        ("429 x1", Transient, 0),
        ("500 x1", Uncertain, 0),
        ("refuse-policy", Refused, 0),
        ("invalid", Refused, 0),
        ("lost-answer", Uncertain, 1),
        ("stall 20", Uncertain, 1),
    ],
)
def test_a_submit_posts_once_and_says_what_became_of_it(
    server: Server, fault: str, error: type[ServiceError], accepted: int
) -> None:
    service = ProceduralService(server.url, call_timeout=0.5)
    request = request_for(f"the sea [fault: {fault}]", label=f"once {fault}")
    with pytest.raises(error) as caught:
        service.submit(request)
    assert type(caught.value) is error
    assert server.posts(request.token) == accepted
    found = service.find(request.token)
    assert (found is not None) == bool(accepted)
    if error is Transient:
        assert isinstance(caught.value, Transient) and caught.value.retry_after == 1
        service.submit(request)  # the second attempt of the same prompt goes through
        assert server.posts(request.token) == 1
    if fault == "refuse-policy":
        assert isinstance(caught.value, Refused) and caught.value.kind == "policy"


def test_a_server_that_is_not_there_has_accepted_nothing(short_folder: Path) -> None:
    service = ProceduralService(f"http+unix://{quote(str(short_folder / 'none'), safe='')}")
    with pytest.raises(Transient):
        service.submit(request_for())
    with pytest.raises(Transient):
        asyncio.run(service.poll("op-0"))


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 31.0}, {"duration": 0.1}, {"fps": 23}, {"width": 191}, {"width": 4000, "height": 2000},
        {"count": 5},
        {"model": "procedural-9"}, {"prompt": " "}, {"prompt": "x" * 10_001}, {"token": "a b"},
    ],
)  # fmt: skip
def test_what_the_model_cannot_do_is_refused_and_not_billed(
    server: Server, procedural: ProceduralService, changes: dict[str, object]
) -> None:
    request = request_for(**changes)
    with pytest.raises(Refused) as caught:
        procedural.submit(request)
    assert caught.value.kind == "invalid"
    assert server.posts("token-" + str(next(_numbers) - 1)) == 0


def test_a_reference_that_is_no_picture_is_refused(procedural: ProceduralService, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(Refused, match="neither PNG nor JPEG"):
        procedural.submit(request_for(first_frame=tmp_path / "a.png"))
    with pytest.raises(Refused, match="cannot be read"):
        procedural.submit(request_for(first_frame=tmp_path / "missing.png"))


def test_how_an_operation_ends_is_told(procedural: ProceduralService) -> None:
    def end(fault: str, **changes: object) -> ServiceError:
        return outcome(procedural, procedural.submit(request_for(f"a road [fault: {fault}]", **changes)).name)

    assert type(end("fail")) is Broken
    late = end("refuse-late")
    assert isinstance(late, Refused) and late.kind == "policy"
    withheld = end("filtered 2", count=2)
    assert isinstance(withheld, Refused) and "withheld" in withheld.message
    assert type(end("poll-503")) is Transient


def test_what_was_filtered_is_counted_and_not_charged(server: Server, procedural: ProceduralService) -> None:
    request = request_for("a road [fault: filtered 1]", count=3)
    found = delivered(procedural, procedural.submit(request).name)
    assert [clip.number for clip in found.clips] == [2, 3]
    assert found.filtered == 1 and len(found.filter_reasons) == 1
    assert found.cost == PRICE * 2
    assert len(server.get(f"/v1/bill?token={request.token}")["rows"]) == 3


def test_a_failed_operation_is_not_charged(server: Server, procedural: ProceduralService) -> None:
    request = request_for("a road [fault: fail]")
    outcome(procedural, procedural.submit(request).name)
    assert Decimal(server.get(f"/v1/bill?token={request.token}")["total"]) == 0


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


def test_spoiled_clips_are_spoiled_as_asked(procedural: ProceduralService, tmp_path: Path) -> None:
    def frames(fault: str) -> tuple[list[float], float]:
        path = tmp_path / f"{fault}.mp4"
        bring(procedural, request_for(f"waves [fault: {fault}]"), path)
        with av.open(str(path)) as container:
            pictures = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
        changes = [float(abs(b - a).mean()) for a, b in pairwise(pictures)]
        return changes, float(pictures[len(pictures) // 2].mean())

    assert frames("black")[1] < 20
    frozen, healthy = frames("frozen")[0], frames("slow 0")[0]
    assert max(frozen) < 0.3 < min(healthy)
    assert len(frames("short")[0]) == 5
    path = tmp_path / "truncated.mp4"
    whole = len(bring(procedural, request_for("waves"), tmp_path / "whole.mp4"))
    assert len(bring(procedural, request_for("waves [fault: truncated]"), path)) < 0.7 * whole


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


# -- footage ---------------------------------------------------------------------------------------------------


def test_footage_that_is_missing_or_cut_wrongly_is_refused(film_file: Path) -> None:
    service = FootageService(shelf(film=film_file))
    for cut in (None, FootageCut("film", 3, 2), FootageCut("film", -1)):
        with pytest.raises(Refused):
            service.submit(request_for(footage=cut))


def test_footage_that_was_submitted_on_one_machine_is_fetched_on_another(tmp_path: Path, film_file: Path) -> None:
    name = FootageService(shelf()).submit(request_for(footage=FootageCut("film", start=1.0))).name
    other = FootageService(shelf(film=film_file))
    other.fetch(name, delivered(other, name).clips[0], tmp_path / "clip.mp4")
    assert probe(tmp_path / "clip.mp4").duration > 0
    assert other.find("whatever") is None


def test_footage_that_the_store_does_not_hold_has_expired(tmp_path: Path) -> None:
    service = FootageService(shelf())
    name = service.submit(request_for(footage=FootageCut("film"))).name
    for operation in (name, "op-1", "{}", "[]"):
        with pytest.raises(Expired):
            service.fetch(operation, RemoteClip(1), tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_footage_that_is_no_video_is_broken(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    service = FootageService(shelf(film=tmp_path / "text.mp4"))
    name = service.submit(request_for(footage=FootageCut("film"))).name
    with pytest.raises(Broken):
        service.fetch(name, delivered(service, name).clips[0], tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_an_address_that_is_none_is_a_set_up_error() -> None:
    for url in ("", "ftp://x", "http://", "/tmp/x"):
        with pytest.raises(SetupError):
            ProceduralService(url)


def test_a_submit_is_named(procedural: ProceduralService) -> None:
    assert isinstance(procedural.submit(request_for()), Accepted)
