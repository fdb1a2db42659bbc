"""One renderer process: reads jobs as lines of JSON, writes one line of JSON for each; ends when the server does.

The server holds the other end of standard input: when that closes, by whatever death, this process ends at once.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vidpipe.services.procedural.encode import Planes, write_clip
from vidpipe.services.procedural.faults import without_faults
from vidpipe.services.procedural.painting.film import Film, Shot
from vidpipe.services.procedural.sound import ambient
from vidpipe.services.procedural.wire import Order, stored_order

NICE = 10  # workers that wait for clips go first
LITE = "procedural-lite"
LEAST_PAINTED = 64  # pixels
LEAST_RATE = 12  # pictures a second
Image.MAX_IMAGE_PIXELS = 40_000_000


def render(order: Order, seed: int, faults: dict[str, float], images: dict[str, Path], dest: Path) -> None:
    """Paint, sound and encode one clip of an order into `dest`."""
    if "wrong-size" in faults:
        order = replace(order, width=_other(order.width), height=_other(order.height))
    width, height, hold = painted(order)
    seconds = order.duration / 2 if "short" in faults else order.duration
    film = Film(
        Shot(
            prompt=without_faults(order.prompt), seed=seed, seconds=seconds, width=width, height=height,
            fps=order.fps, label=order.label, shot=order.shot, camera=order.camera, negative=order.negative_prompt,
            first_frame=images.get("first"), last_frame=images.get("last"),
            references=tuple(path for name, path in sorted(images.items()) if name.startswith("reference-")), hold=hold,
        )
    )  # fmt: skip
    sound = ambient(film.wanted, seed, film.shot.frames / order.fps) if order.audio else None
    if sound is not None and "silent" in faults:
        sound = np.zeros_like(sound)
    write_clip(dest, _frames(film, faults), width=order.width, height=order.height, fps=order.fps, sound=sound)
    if "truncated" in faults:
        os.truncate(dest, dest.stat().st_size * 6 // 10)
    if "rubbish" in faults:
        dest.write_bytes(np.random.default_rng(seed).bytes(dest.stat().st_size))


def _other(side: int) -> int:
    """Another even number of pixels, three quarters of `side` where that can be painted."""
    return side * 3 // 8 * 2 if side * 3 // 8 * 2 >= LEAST_PAINTED else side * 2


def painted(order: Order) -> tuple[int, int, int]:
    """Pixels across and down that are painted, and for how many frames each picture is shown.

    The cheaper model paints half as wide and high, which is then enlarged, and half as often where that leaves 12
    pictures a second.
    """
    if order.model != LITE:
        return order.width, order.height, 1
    width, height = (max(LEAST_PAINTED, side // 4 * 2) for side in (order.width, order.height))
    return width, height, 2 if order.fps >= 2 * LEAST_RATE else 1


def _frames(film: Film, faults: dict[str, float]) -> Iterator[Planes]:
    """The film's frames, spoiled where that was asked for."""
    if "frozen" in faults:
        return iter(repeat(next(iter(film)), film.shot.frames))
    if "black" in faults:
        y, u, v = next(iter(film))
        return iter(repeat((np.full_like(y, 16), np.full_like(u, 128), np.full_like(v, 128)), film.shot.frames))
    return iter(film)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job; what goes wrong comes back in words."""
    faults: dict[str, float] = job["faults"]
    if job["try"] <= faults.get("crash", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    dest = Path(job["dest"])
    part = dest.with_suffix(".part")
    try:
        images = {name: Path(path) for name, path in job["images"].items()}
        render(stored_order(job["order"]), job["seed"], faults, images, part)
        part.replace(dest)
    except Exception as error:  # noqa: BLE001 - a job that fails is answered, the process goes on
        traceback.print_exc(file=sys.stderr)
        part.unlink(missing_ok=True)
        return {"ok": False, "reason": f"{type(error).__name__}: {error}"[:500]}
    return {"ok": True, "size": dest.stat().st_size}


def _read_jobs(jobs: queue.Queue[dict[str, Any]]) -> None:
    """Hand lines on; end the process when the server has gone."""
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)


def _stand_back() -> None:
    """Leave the processor to whoever makes films of the clips.

    Where Linux groups processes by session (sched(7), autogroup), niceness counts inside of the group alone: so this is
    one of its own, and the whole of it is nice.
    """
    os.nice(NICE)
    with suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="ascii")


def main(argv: list[str] | None = None) -> None:
    """Work until standard input ends."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    _stand_back()
    for name in (signal.SIGINT, signal.SIGTERM):  # the server ends its renderers by closing their input
        signal.signal(name, signal.SIG_IGN)
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    while True:
        answer = work(jobs.get())
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
