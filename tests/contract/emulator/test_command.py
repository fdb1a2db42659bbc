"""`vidpipe emulate`: on this machine alone, with a bill that survives, and the same clips for the same seed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.contract.emulator.test_openai_videos import AUTH, create
from tests.emulated import Emulated
from tests.waiting import until
from vidpipe.settings import child_environment

Begin = Callable[..., Emulated]


def bought(emulator: Emulated, prompt: str = "a sea", service: str = "openai_videos") -> str:
    return str(create(emulator.bases[service], prompt=prompt).json()["id"])


def fetched(emulator: Emulated, name: str) -> bytes:
    url = f"{emulator.bases['openai_videos']}/videos/{name}"
    until(lambda: httpx.get(url, headers=AUTH).json()["status"] == "completed", what="the video", seconds=20)
    return httpx.get(f"{url}/content", headers=AUTH).content


def test_it_ends_cleanly_and_tells_its_bill(begin: Begin) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        emulator = begin(number.name)
        bought(emulator)
        code, out = emulator.end(number)
        bill = json.loads(out)
        assert code == 0 and bill["total"] == "0.100000"
        assert [(row["service"], row["model"], row["clips"]) for row in bill["bill"]] == [("openai_videos", "tiny", 1)]


def test_only_this_machine_is_listened_to(begin: Begin) -> None:
    port = int(begin().url.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_what_was_accepted_survives_a_kill(begin: Begin) -> None:
    emulator = begin("one", "--latency", "1")
    name = bought(emulator)
    emulator.end(signal.SIGKILL)
    again = begin("one")
    assert fetched(again, name)[4:8] == b"ftyp"
    assert Decimal(again.ask("bill")["total"]) == Decimal("0.1")


def test_the_same_seed_gives_the_same_clips_and_candidates_differ(begin: Begin, tmp_path: Path) -> None:
    def clips(name: str, seed: int) -> list[bytes]:
        (tmp_path / f"{name}.yaml").write_text(f"seed: {seed}")
        emulator = begin(name, "--scenario", str(tmp_path / f"{name}.yaml"))
        made = [fetched(emulator, bought(emulator)) for _ in range(2)]
        emulator.end()
        return made

    one, again, other = clips("a", 5), clips("b", 5), clips("c", 6)
    assert one == again and one[0] != one[1] and one[0] != other[0]


def test_a_mark_that_nobody_sees_changes_no_clip(begin: Begin) -> None:
    plain, marked = begin("a"), begin("b")
    assert fetched(plain, bought(plain)) == fetched(marked, bought(marked, "a sea" + "\ufe0f" * 16))


def test_the_bill_and_the_posts_can_be_asked_for(begin: Begin) -> None:
    emulator = begin()
    emulator.play("rules: [{fault: '429', prompt: road}]")
    for prompt in ("a sea", "a road"):
        create(emulator.bases["openai_videos"], prompt=prompt, headers={**AUTH, "X-Client-Request-Id": "t-1"})
    assert emulator.posts("t-1") == 2
    posts = emulator.ask("posts", token="t-1")["posts"]
    assert [(post["prompt"], post["fate"], bool(post["job"])) for post in posts] == [
        ("a sea", {}, True), ("a road", {"429": -1.0}, False),
    ]  # fmt: skip
    assert len(emulator.bill("t-1")) == 1 and emulator.ask("bill", service="openai_deaf")["rows"] == []


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = child_environment({"VIDPIPE_HOME": str(tmp_path)}, without=("VIDPIPE_",))
    command = [sys.executable, "-c", "import sys; from vidpipe.cli.main import main; sys.exit(main())", "emulate"]
    return subprocess.run([*command, *words], env=env, capture_output=True, text=True, timeout=30, check=False)


def test_a_scenario_that_cannot_be_used_ends_it_with_every_problem(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("rules:\n  - fault: blak\n  - fault: black\n    service: nobody\n")
    done = run(tmp_path, "--scenario", str(tmp_path / "s.yaml"))
    assert done.returncode == 2 and "s.yaml:2" in done.stderr and "s.yaml:4" in done.stderr
    assert "Did you mean black?" in done.stderr


def test_a_folder_belongs_to_one_and_figures_have_bounds(begin: Begin, tmp_path: Path) -> None:
    emulator = begin()
    done = run(tmp_path, "--dir", str(emulator.folder / "e"))
    assert done.returncode == 2 and "Stop it, or choose another --dir" in done.stderr
    assert run(tmp_path, "--port", "70000").returncode == 2


def test_a_bad_scenario_is_not_followed(begin: Begin) -> None:
    emulator = begin()
    answer = httpx.put(f"{emulator.url}/emulator/scenario", content="rules: [{fault: blak}]")
    assert answer.status_code == 422 and "black" in answer.json()["error"]
    assert emulator.ask("health")["ok"] is True


@pytest.mark.parametrize("kind", ["--uds"])
def test_it_listens_on_a_socket_too(tmp_path_factory: pytest.TempPathFactory, begin: Begin, kind: str) -> None:
    path = tmp_path_factory.mktemp("s") / "s"
    begin("one", kind, str(path))
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://x") as client:
        assert client.get("/emulator/health").json()["ok"] is True
