"""The one way vidpipe runs ffmpeg: the wheel's binary, no shell, no terminal, a time limit, and a reason.

Graphs are built with the `ffmpeg` package (ffmpeg-python) from `source()`s, which may open plain files of
known containers only. The process that runs is niced and its CPU seconds are limited by the kernel, so that one
whose parent was killed doesn't run for ever; it is killed on every way out of `run`.
"""

from __future__ import annotations

import math
import os
import resource
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg

from vidpipe.boundary import slow
from vidpipe.errors import MediaError
from vidpipe.media.prober import FORMATS

_TAIL = 2000  # bytes of ffmpeg's last words that are kept


@dataclass(frozen=True)
class Effort:
    """What one run may take."""

    seconds: float = 600.0  # on the wall; then it is killed
    threads: int = 2
    nice: int = 5


EFFORT = Effort()


@cache
def binary() -> str:
    """The ffmpeg that came with the imageio-ffmpeg wheel."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def source(path: Path, *, formats: str = FORMATS, threads: int = 2, **options: Any) -> Any:
    """`path` as an input of a graph: the file protocol and `formats` (demuxers) only."""
    return ffmpeg.input(
        f"file:{path.absolute()}",
        protocol_whitelist="file",
        format_whitelist=formats,
        threads=threads,
        **options,
    )


def h264(*, threads: int, crf: int = 18, sps_id: int = 0, profile: str = "high") -> dict[str, Any]:
    """Output options for pictures: what vidpipe encodes anew is all alike, so that it can be joined by copying.

    `crf` 18 is what x264's documentation calls visually lossless or nearly so. `sps_id` numbers the parameter
    sets, so that pictures of two encoders can stand in one stream (see media/splice.py).
    """
    return {
        "vcodec": "libx264",
        "preset": "veryfast",
        "crf": crf,
        "profile:v": profile,
        "pix_fmt": "yuv420p",
        "x264-params": f"sps-id={sps_id}:open-gop=0",
        "threads": threads,
        "map_metadata": -1,
    }


def run(graph: Any, *, what: str, effort: Effort = EFFORT) -> None:
    """Run `graph` (one or more outputs) to its end; `what` names the work in errors ('joining the clips').

    Raises MediaError with ffmpeg's last words where it fails, and where it takes longer than allowed.
    """
    slow(what)
    command = [
        binary(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y",
        "-filter_threads", "1", "-filter_complex_threads", str(effort.threads),
        *ffmpeg.get_args(graph),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words, start_new_session=True
        )
        try:
            _limit(process.pid, effort)
            status = process.wait(effort.seconds)
        except subprocess.TimeoutExpired as error:
            raise MediaError(f"{what} took more than {effort.seconds:g} s and was stopped.") from error
        finally:
            process.kill()
            process.wait()
        if status != 0:
            raise MediaError(f"{what} failed: {_tail(words) or f'ffmpeg ended with {status}'}")


def _limit(pid: int, effort: Effort) -> None:
    cpu = math.ceil(effort.seconds * max(effort.threads, 2))
    with suppress(ProcessLookupError):  # it is done already: nothing to limit
        os.setpriority(os.PRIO_PROCESS, pid, effort.nice)
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu, cpu))


def _tail(words: IO[bytes]) -> str:
    """The end of what ffmpeg said, on one line."""
    size = words.seek(0, os.SEEK_END)
    words.seek(max(0, size - _TAIL))
    lines = words.read().decode("utf-8", errors="replace").splitlines()
    return "; ".join(line.strip() for line in lines[-6:] if line.strip())
