"""Probing: what is told of good files, what is refused and why, and that the child is caged and replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import clips
from tests.unit.media.conftest import Shelf
from tests.waiting import until
from vidpipe.media.probe import ProbeLimits, Prober, ProbeRefused, _prober, probe

ROOT = Path(__file__).parents[3]


def test_a_clean_clip_is_told_as_it_is(shelf: Shelf) -> None:
    info = probe(shelf("long.mp4"))
    assert info.video is not None
    assert info.audio is not None
    assert (info.container, info.video.codec, info.video.width, info.video.height) == ("mov", "h264", 640, 360)
    assert (info.video.frame_rate, info.video.frames, info.video.pixel_format) == (24.0, 96, "yuv420p")
    assert (info.audio.codec, info.audio.sample_rate, info.audio.channels) == ("aac", 48_000, 1)
    assert info.duration == pytest.approx(4.0, abs=0.05)
    assert info.size == shelf("long.mp4").stat().st_size


def test_webm_and_a_clip_without_sound_are_taken(shelf: Shelf) -> None:
    assert probe(shelf("clean.webm")).container == "matroska"
    assert probe(shelf("mute.mp4")).audio is None


def _text(content: str) -> Callable[[Path, Shelf], None]:
    return lambda path, shelf: (path.write_text(content, encoding="utf-8"), None)[1]


def _cut(name: str, share: float) -> Callable[[Path, Shelf], None]:
    return lambda path, shelf: (clips.truncated(path, shelf(name), share), None)[1]


REFUSED: dict[str, tuple[str, str, Callable[[Path, Shelf], None]]] = {
    "empty": ("empty", "is empty", _text("")),
    "text": ("not_video", "is not a video", _text("hello " * 100)),
    "html": ("not_video", "an HTML page", _text("<!DOCTYPE html><p>not found</p>")),
    "json": ("not_video", "JSON", _text('{"error": "expired"}')),
    "hls": ("playlist", "an HLS playlist", lambda p, s: (clips.playlist(p, "http://127.0.0.1:1/a.ts"), None)[1]),
    "concat": ("playlist", "a concat list", _text("ffconcat version 1.0\nfile clean.mp4\n")),
    "bare_concat": ("playlist", "a concat list", _text("file '/etc/passwd'\n")),
    "dash": ("playlist", "a DASH manifest", _text('<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash"></MPD>')),
    "cut_before_its_index": ("truncated", "cut off", _cut("long.mp4", 0.6)),
    "cut_after_its_index": ("truncated", "should have at least", _cut("front.mp4", 0.6)),
    "cut_webm": ("truncated", "should have at least", _cut("clean.webm", 0.6)),
    "folder": ("not_file", "not an ordinary file", lambda path, shelf: path.mkdir()),
    "pipe": ("not_file", "not an ordinary file", lambda path, shelf: os.mkfifo(path)),
    "missing": ("missing", "is not there", lambda path, shelf: None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_video_is_refused_in_words(name: str, tmp_path: Path, shelf: Shelf) -> None:
    code, words, make = REFUSED[name]
    path = tmp_path / "delivered.mp4"
    make(path, shelf)
    with pytest.raises(ProbeRefused) as caught:
        probe(path)
    assert caught.value.code == code
    assert "delivered.mp4" in caught.value.message
    assert words in caught.value.message


def test_a_playlist_is_refused_even_where_its_mark_is_hidden(tmp_path: Path, shelf: Shelf) -> None:
    path = tmp_path / "list.mp4"
    path.write_text(f"# a comment first\nfile '{shelf('clean.mp4')}'\n", encoding="utf-8")
    with pytest.raises(ProbeRefused):
        probe(path)


def test_limits_on_size_and_pixels_are_kept(shelf: Shelf) -> None:
    with pytest.raises(ProbeRefused, match="too large") as caught:
        probe(shelf("clean.mp4"), ProbeLimits(size=100))
    assert caught.value.code == "too_large"
    with pytest.raises(ProbeRefused, match="320x180") as caught:
        probe(shelf("clean.mp4"), ProbeLimits(pixels=1000))
    assert caught.value.code == "pixels"


def test_the_child_stays_and_is_replaced_after_so_many_files(shelf: Shelf) -> None:
    prober, limits = Prober(), ProbeLimits(files=3)
    pids = []
    for _ in range(5):
        prober.ask(shelf("clean.mp4"), limits)
        pids.append(prober.pid)
    prober.close()
    assert pids[0] == pids[1] == pids[2] != pids[3] == pids[4]


def test_a_child_that_was_killed_is_replaced(shelf: Shelf) -> None:
    prober, limits = Prober(), ProbeLimits()
    prober.ask(shelf("clean.mp4"), limits)
    first = prober.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: not _alive(first), what="the child's end")
    assert prober.ask(shelf("clean.mp4"), limits)["video"]["frames"] == 24
    assert prober.pid != first
    prober.close()


def test_a_child_that_hangs_is_ended_and_replaced(shelf: Shelf) -> None:
    prober = Prober()
    prober.ask(shelf("clean.mp4"), ProbeLimits())
    stopped = prober.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(ProbeRefused) as caught:
        prober.ask(shelf("clean.mp4"), ProbeLimits(seconds=0.2))
    assert caught.value.code == "too_long"
    assert not _alive(stopped)
    assert prober.ask(shelf("clean.mp4"), ProbeLimits())["video"]["frames"] == 24
    prober.close()


def test_the_child_may_write_nothing_and_use_so_much_memory_only(shelf: Shelf) -> None:
    probe(shelf("clean.mp4"))
    limits = Path(f"/proc/{_prober.pid}/limits").read_text(encoding="ascii")
    kept = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
    assert kept["Max file size"] == ["0", "0"]
    assert kept["Max address space"] == [str(2**30)] * 2
    assert kept["Max open files"] == ["16", "16"]
    assert kept["Max cpu time"][0] != "unlimited"


def test_too_little_memory_is_an_answer_and_not_a_traceback(shelf: Shelf) -> None:
    prober = Prober()
    with pytest.raises(ProbeRefused):
        prober.ask(shelf("long.mp4"), ProbeLimits(memory=40 * 2**20))
    prober.close()


def test_the_child_ends_when_its_parent_is_killed(shelf: Shelf) -> None:
    code = (
        "import os, signal; from pathlib import Path; from vidpipe.media import probe\n"
        f"probe.probe(Path({str(shelf('clean.mp4'))!r})); print(probe._prober.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    child = int(parent.stdout)
    until(lambda: not _alive(child), what="the end of the prober")


def test_a_forked_process_asks_a_child_of_its_own(shelf: Shelf) -> None:
    path = shelf("clean.mp4")
    probe(path)
    before = _prober.pid
    forked = os.fork()
    if forked == 0:
        code = 1
        try:
            probe(path)
            code = 0 if _prober.pid not in (None, before) else 2
            _prober.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0
    probe(path)
    assert _prober.pid == before


def test_many_threads_get_their_own_answers(shelf: Shelf) -> None:
    names = ["clean.mp4", "long.mp4", "mute.mp4"] * 6
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda name: probe(shelf(name)), names))
    assert [info.size for info in found] == [shelf(name).stat().st_size for name in names]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
