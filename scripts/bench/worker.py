"""The Celery app of the bench's workers: vidpipe's own app, route and steps, with what stands outside exchanged.

Exchanged are the video service (a bench's), and, where the work says so, looking at a clip: the clip, which is
always the same, is decoded once a process, and the GPU is occupied instead. Everything else is as in every film:
rows, leases, money, chords, the audit trail, the files in the store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from celery.signals import worker_shutdown

import tasks.analyze
from scripts.bench import statements, stopwatch, vendors
from scripts.bench.house import WORK, Work
from scripts.bench.service import NAME, BenchService
from scripts.bench.slot import Slot
from tasks import base
from tasks.app import app
from vidpipe.db.models import Scene
from vidpipe.media.info import DecodedClip
from vidpipe.pipeline import score
from vidpipe.pipeline.analyze import ANALYZE
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.pipeline.step import Refs
from vidpipe.services.base import VideoService
from vidpipe.services.footage import OpenMedia
from vidpipe.services.registry import guarded, open_service
from vidpipe.settings import Settings
from vidpipe.vision.base import Measurer, Reading, Subject

__all__ = ["app"]

work = Work(**json.loads(Path(os.environ[WORK]).read_text(encoding="utf-8")))
folder = Path(work.folder)
slot = Slot(folder)


class Occupies:
    """An eye that only takes its time on the GPU."""

    dimension = "visual_quality"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def measure(self, clip: DecodedClip, subject: Subject) -> Reading:
        """Occupy the GPU."""
        slot.occupy(self._seconds)
        return Reading(self.dimension, "measured", 0.8, "the bench looks at nothing")


def open_ours(name: str, settings: Settings, media: OpenMedia) -> VideoService:
    """The bench's service, else the one that is really meant."""
    if name != NAME:
        return open_service(name, settings, media)
    if work.url:
        return vendors.opened(work.vendor, work.way, work.url, settings, media)
    return guarded(BenchService(Path(work.clip), submit=work.submit, operation=work.operation))


def eyes(seconds: float) -> Callable[[Settings], tuple[Measurer, ...]]:
    """What looks at clips where looking is only a matter of time."""
    return lambda settings: (Occupies(seconds),)


def open_bench(settings: Settings, worker: str, **options: Any) -> Deps:
    """vidpipe's dependencies with the bench's service and eyes."""
    deps = open_deps(settings, worker, **options)
    if work.statements:
        statements.count(deps.db.engine, folder)
    changed = replace(deps, opener=open_ours)
    return changed if work.score is None else replace(changed, measurers=eyes(work.score))


def decoded_once(decode: Callable[..., DecodedClip]) -> Callable[..., DecodedClip]:
    """`decode`, which gives its first answer for ever: all clips are the same."""
    known: list[DecodedClip] = []

    def decoded(path: Path, *args: Any, **kwargs: Any) -> DecodedClip:
        if not known:
            known.append(decode(path, *args, **kwargs))
        return known[0]

    return decoded


def analyze_on_the_gpu(deps: Deps, scene: Scene, lease: UUID) -> Refs:
    """What the step does, after its time on the GPU."""
    slot.occupy(work.analyze or 0.0)
    return ANALYZE.work(deps, scene, lease)


vars(base)["open_deps"] = open_bench
if work.score is not None:
    vars(score)["decode"] = decoded_once(score.decode)
if work.analyze is not None:
    vars(tasks.analyze)["ANALYZE"] = replace(ANALYZE, work=analyze_on_the_gpu)
if work.stopwatch:
    watch = stopwatch.install()
    worker_shutdown.connect(lambda **_: watch.write(folder), weak=False)
