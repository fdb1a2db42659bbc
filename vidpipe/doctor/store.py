"""The media store: whether it answers, takes a file, gives it back, and has room."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from vidpipe.doctor.asking import Unanswered
from vidpipe.doctor.broker import megabytes
from vidpipe.doctor.finding import Finding, Severity, sentence
from vidpipe.doctor.site import Site
from vidpipe.errors import SetupError, StorageError
from vidpipe.settings import Settings
from vidpipe.storage.base import Storage
from vidpipe.storage.registry import open_storage

SECONDS = 3.0  # without an answer that end a request to an object store
LITTLE = 2_000_000_000  # bytes; a film of some length takes as much
PREFIX = "tmp/"  # what is left there is cleared by the store's own rule
_AWAY = re.compile(r"cannot be reached|does not answer in time|is in trouble", re.IGNORECASE)
_PROBE = b"vidpipe doctor was here\n"


@dataclass(frozen=True)
class Store:
    """A store that took a file and gave it back."""

    where: str
    round_trip: float  # seconds to write, look up and remove a small file
    free: int | None  # bytes; None: it does not say


def where(settings: Settings) -> str:
    """Where media lie."""
    if settings.storage_kind == "folder":
        return str(settings.storage_root)
    return f"{settings.s3_endpoint}, bucket {settings.s3_bucket}"


def open_soon(settings: Settings) -> Storage:
    """The store, which answers soon or not at all; raises SetupError where it is not wholly named."""
    return open_storage(replace(settings, timing=replace(settings.timing, call_timeout=SECONDS)))


def look(settings: Settings) -> Store:
    """Write a small file, look it up and remove it. Raises StorageError where that cannot be done."""
    storage = open_soon(settings)
    began = time.perf_counter()
    key = f"{PREFIX}doctor-{uuid4().hex}.txt"
    with tempfile.TemporaryDirectory(prefix="vidpipe-doctor-") as work:
        path = Path(work) / "probe.txt"
        path.write_bytes(_PROBE)
        stored = storage.put(key, path)
    try:
        if storage.stat(key) != stored:
            raise StorageError("it took a file and did not give it back as it was")
    finally:
        storage.delete(key)
    round_trip = time.perf_counter() - began
    free = shutil.disk_usage(settings.storage_root).free if settings.storage_kind == "folder" else None
    return Store(where(settings), round_trip, free)


def judge(site: Site, found: Store | Unanswered) -> Iterator[Finding]:
    """What is wrong with it."""
    if isinstance(found, Unanswered):
        yield _unfit(site, found)
    elif found.free is not None and found.free < LITTLE:
        yield Finding(
            "store.nearly_full", Severity.NOTE,
            f"The media folder's disk is nearly full: {megabytes(found.free)} are free ({found.where}).",
            "When it is full, clips that were paid for wait at their services, which keep them for a day or two.",
            "Free some space; `vidpipe storage check` finds what no film names.", figures={"free": found.free},
        )  # fmt: skip


def _unfit(site: Site, found: Unanswered) -> Finding:
    place = where(site.settings)
    waits = "Clips that were bought wait for it; services keep them for a day or two, so do not wait long."
    if isinstance(found.error, SetupError):
        what = sentence(f"{found.why[0].upper()}{found.why[1:]}")
        return Finding("store.settings", Severity.BROKEN, what, remedy=sentence(found.error.remedy))
    if "No space left" in found.why or "quota" in found.why.lower():
        return Finding(
            "store.full", Severity.BROKEN, f"The media store is full ({place}).", sentence(found.why),
            f"Free some space; `vidpipe storage check` finds what no film names. {waits}",
        )  # fmt: skip
    if "is no media store" in found.why:
        return Finding(
            "store.missing", Severity.BROKEN, f"The media folder is not there, or is no media store ({place}).",
            "A disk that is not mounted looks like this.",
            f"Mount it, or mend VIDPIPE_STORAGE_ROOT; `vidpipe storage prepare` makes a new folder a store. {waits}",
        )  # fmt: skip
    if site.settings.storage_kind == "folder" and not found.timed_out:
        return Finding(
            "store.unwritable", Severity.BROKEN, f"The media folder cannot be written ({place}).", sentence(found.why),
            f"Mend the folder or its permissions, or mend VIDPIPE_STORAGE_ROOT. {waits}",
        )  # fmt: skip
    if not found.timed_out and not _AWAY.search(found.why):  # an object store, whose errors say what to do
        return Finding(
            "store.refuses", Severity.BROKEN, f"The media store takes nothing ({place}).", sentence(found.why), waits
        )
    remedy = site.start("s3", "Start its server, or mend the VIDPIPE_S3_... settings.")
    folder = "See whether the disk or the server that it is on answers."
    return Finding(
        "store.unreachable", Severity.BROKEN, f"The media store does not answer ({place}).", sentence(found.why),
        f"{folder if site.settings.storage_kind == 'folder' else remedy} {waits}",
    )  # fmt: skip


def lost(storage: Storage, named: Sequence[str]) -> tuple[str, ...]:
    """Of `named`, those that it does not hold. Raises StorageError where it cannot be asked."""
    return tuple(key for key in named if storage.stat(key) is None)


def judge_lost(site: Site, found: tuple[str, ...] | Unanswered, named: Sequence[str]) -> Iterator[Finding]:
    """Whether it holds what the rows named last; a store that cannot be asked has been told of already."""
    if isinstance(found, Unanswered) or not found:
        return
    yield Finding(
        "store.other", Severity.BROKEN, f"The media store does not hold what the films name ({where(site.settings)}).",
        f"{len(found)} of the {len(named)} clips that came last are not there, {found[0]} among them.",
        "If it is the wrong folder or bucket, mend VIDPIPE_STORAGE_ROOT or VIDPIPE_S3_BUCKET and start the workers"
        " anew; `vidpipe storage check` lists all that is missing.", figures={"missing": list(found)},
    )  # fmt: skip


def figures(found: Store) -> dict[str, object]:
    """What was looked at."""
    return {"where": found.where, "round_trip": found.round_trip, "free": found.free}
