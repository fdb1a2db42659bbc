"""The process that starts all others of an embedded cluster, watches them, and stops them.

    python -m vidpipe.cluster.supervisor --home HOME [--options JSON] [--report-fd N] [--owner-fd N]

Servers start at once; when broker and database answer, the database's tables are brought up to date, then the
workers start. A process that dies is started again; one that dies at once five times in a row ends the
cluster. It stops on SIGTERM or SIGINT (a second one: without waiting for work in hand), and when its owner
ends. It writes one JSON object a line to the report descriptor until it is ready.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vidpipe.cluster import local, lock, logs, note, processes, reaper, seaweed, valkey
from vidpipe.cluster.child import Child
from vidpipe.cluster.events import Events
from vidpipe.cluster.layout import Layout, failure_path, free_port, make_socket_folder, prepare_home
from vidpipe.cluster.migration import SECONDS as MIGRATION_SECONDS
from vidpipe.cluster.migration import Migration
from vidpipe.cluster.options import ClusterOptions
from vidpipe.cluster.processes import Plan, ProcessSpec
from vidpipe.cluster.reaping import Reaper
from vidpipe.errors import SetupError, StorageError
from vidpipe.settings import child_environment
from vidpipe.storage.folder import FolderStorage

log = logging.getLogger("vidpipe.cluster")

QUICK = 0.02  # seconds between two looks while something is on its way
SLOW = 5.0  # and while nothing is; a signal or a child's end wakes it at once

MakePlan = Callable[[Layout, ClusterOptions], Plan]


class StopAsked(Exception):
    """The cluster is to stop before it was ready."""


class Supervisor:
    """One cluster, from its first process to its last. The home is locked by the caller."""

    def __init__(
        self,
        layout: Layout,
        options: ClusterOptions,
        events: Events,
        *,
        marker: str,
        lock_fd: int,
        make_plan: MakePlan = processes.plan,
    ) -> None:
        self._layout = layout
        self._events = events
        self._marker = marker
        self._plan = make_plan(layout, options)
        self._settings = layout.settings() | local.settings_of(self._plan.services)
        extra = processes.environment(layout, options, self._plan.services) | {reaper.MARKER_NAME: marker}
        self._env = child_environment(extra, without=processes.LEFT_OUT)
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._children: list[Child] = []
        self._migration: Migration | None = None
        self._up = False
        self._epoch_is_stale = False
        self._reaper = Reaper(layout, marker, lock_fd, self._env)

    def start(self, say: Callable[[str], None]) -> dict[str, Any]:
        """Start everything and return the settings by which it is reached.

        Raises SetupError where something cannot be started, StopAsked where it is to stop meanwhile.
        """
        began = time.monotonic()
        say("starting the servers")
        if self._plan.migration:
            logfile = self._layout.log("migration")
            self._migration = Migration(self._plan.migration, logfile, self._env, self._layout.home)
        for spec in self._plan.servers:
            self._launch(spec)
        first = [child for child in self._children if child.spec.needed_first]
        self._until(lambda: all(child.ready_at is not None for child in first), seconds=None)
        if self._migration:
            self._migration.begin()
            self._until(self._migration.finished, seconds=MIGRATION_SECONDS)
            self._migration = None
        say("starting the workers")
        for spec in self._plan.workers:
            self._launch(spec)
        self._until(lambda: all(child.ready_at is not None for child in self._children), seconds=None)
        self._up = True
        self._write_note()
        log.info("ready after %.2f s", time.monotonic() - began)
        return self._settings

    def watch(self) -> None:
        """Keep everything running until asked to stop; raises SetupError where something cannot be kept."""
        while not self._events.stopping:
            settled = all(child.running and child.ready_at is not None for child in self._children)
            self._events.wait(SLOW if settled and not self._epoch_is_stale else QUICK)
            self._attend()
            for child in self._children:
                logs.keep_small(child.log)
        log.info("stopping: %s", "its owner is gone" if self._events.owner_gone else "as asked")

    def stop(self) -> None:
        """Stop everything, stage by stage, and leave nothing behind but data and logs."""
        began = time.monotonic()
        if self._migration:
            self._migration.end()
        for stage in sorted({child.spec.stage for child in self._children}):
            self._stop_stage([child for child in self._children if child.spec.stage == stage])
        if not reaper.kill_all({}, self._marker, self._layout.tag, spare=(self._reaper.pid,)):
            log.warning("some processes do not end: %s", reaper.remaining({}, self._marker, self._layout.tag))
        self._layout.note.unlink(missing_ok=True)
        if self._layout.s3_ports:
            seaweed.clear(self._layout)
        shutil.rmtree(self._layout.sockets, ignore_errors=True)
        self._reaper.dismiss()
        log.info("stopped after %.2f s", time.monotonic() - began)

    def _launch(self, spec: ProcessSpec) -> None:
        child = Child(spec, self._layout.log(spec.name), self._env, self._layout.home)
        self._children.append(child)
        self._begin(child)

    def _begin(self, child: Child) -> None:
        child.start()
        self._reaper.add(child.pid, stage=child.spec.stage, stop_signal=child.spec.stop_signal)
        log.info("%s runs as process %d", child.spec.name, child.pid)
        self._write_note()

    def _until(self, done: Callable[[], bool], *, seconds: float | None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        while not done():
            if end and time.monotonic() > end:
                raise SetupError(
                    f"the database's tables were not brought up to date within {seconds:g} s",
                    remedy=f"See {self._layout.log('migration')}.",
                )
            self._events.wait(QUICK)
            if self._events.stopping:
                raise StopAsked
            self._attend()

    def _attend(self) -> None:
        """Look once at every process: has it died, is it to be started, is it ready?"""
        if self._reaper.check():
            log.warning("the reaper was killed; another was started")
        for child in self._children:
            code = child.see_end()
            if code is not None:
                self._died(child, code)
            elif not child.running and time.monotonic() >= child.next_start:
                self._restart(child)
            elif child.overdue:
                self._overdue(child)
            elif child.ready_at is None and child.ask_ready():
                log.info("%s is ready", child.spec.name)
        if self._epoch_is_stale and valkey.forget_epoch(self._layout):
            self._epoch_is_stale = False

    def _died(self, child: Child, code: int) -> None:
        self._reaper.keep_only({other.pid for other in self._children if other.running})
        never_ready = child.ready_at is None
        log.warning("%s %s", child.spec.name, logs.ended(code))
        if never_ready and child.spec.mend and child.spec.mend(child.last_words()):
            log.warning("%s could not read its data; they were moved aside", child.spec.name)
        elif never_ready and not self._up and not child.restarts:
            raise child.failure(f"could not be started: it {logs.ended(code)}")
        self._epoch_is_stale = self._epoch_is_stale or child.spec.holds_messages
        if not child.plan_restart():
            raise child.failure(f"died {child.quick_deaths} times in a row, the last time it {logs.ended(code)}")

    def _restart(self, child: Child) -> None:
        try:
            self._begin(child)
        except SetupError as error:
            log.warning("%s", error.message)
            if not child.plan_restart():
                raise

    def _overdue(self, child: Child) -> None:
        if not self._up:
            raise child.failure(f"was not ready within {child.spec.start_timeout:g} s")
        log.warning("%s is not ready after %g s: killing it", child.spec.name, child.spec.start_timeout)
        child.kill()

    def _stop_stage(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        while any(child.running for child in children):
            self._events.wait(QUICK)
            for child in children:
                code = child.see_end()
                if code is not None:
                    log.info("%s %s", child.spec.name, logs.ended(code))
                elif child.kill_if_overdue(hurry=self._events.stops > 1):
                    log.warning("%s was killed: it did not end by itself", child.spec.name)

    def _write_note(self) -> None:
        content: dict[str, Any] = {
            "pid": os.getpid(),
            "marker": self._marker,
            "sockets": str(self._layout.sockets),
            "started": self._started,
            "settings": self._settings if self._up else {},
            "processes": {child.spec.name: _entry(child) for child in self._children if child.running},
        }
        try:
            note.write(self._layout.note, content)
        except SetupError as error:
            if not self._up:
                raise
            log.warning("%s", error.message)  # what runs goes on running


def _entry(child: Child) -> dict[str, Any]:
    return {
        "pid": child.pid,
        "start": child.start_ticks,
        "since": child.since,
        "restarts": child.restarts,
        "stage": child.spec.stage,
        "signal": int(child.spec.stop_signal),
    }


class Report:
    """Tells whoever started the supervisor how it goes; silent after the last word or without a listener."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def say(self, words: str) -> None:
        """What is being done."""
        self._write({"progress": words})

    def ready(self, settings: dict[str, Any]) -> None:
        """Everything runs: the last word."""
        self._write({"ready": settings})
        self._close()

    def failed(self, error: SetupError) -> bool:
        """It could not be started: the last word; whether someone heard it."""
        heard = self._write({"error": error.message, "remedy": error.remedy})
        self._close()
        return heard

    def _write(self, words: dict[str, Any]) -> bool:
        if self._fd is None:
            return False
        try:
            os.write(self._fd, json.dumps(words).encode() + b"\n")
        except BrokenPipeError:
            self._close()
            return False
        return True

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def supervise(home: Path, options: ClusterOptions, events: Events, report: Report, **how: Any) -> None:
    """Run the cluster of `home` until it is to stop; raises SetupError where it cannot be run.

    The home stays locked until this process ends.
    """
    prepare_home(home)
    held = lock.take(home)
    note.clean_stale(home)
    layout = Layout(
        home, sockets=make_socket_folder(), s3_ports=seaweed.ports(home, options.storage),
        emulator_port=free_port() if options.rehearse else 0,
    )  # fmt: skip
    _clear(layout)
    _prepare_media(layout)
    try:
        supervisor = Supervisor(layout, options, events, lock_fd=held.fd, **how)
    except SetupError:
        shutil.rmtree(layout.sockets, ignore_errors=True)
        raise
    try:
        report.ready(supervisor.start(report.say))
        supervisor.watch()
    except StopAsked:
        log.info("asked to stop before everything was ready")
    finally:
        supervisor.stop()  # the lock is let go by the end of this process, when its last word is said
        _clear(layout)


def _prepare_media(layout: Layout) -> None:
    """A home's own folder for media is made with it; raises SetupError where it cannot be."""
    root = layout.settings().get("storage_root")
    if root is None:
        return
    try:
        FolderStorage(Path(root), "").prepare()
    except StorageError as error:
        raise SetupError(error.message, remedy="Mend the folder, or start the cluster in another home.") from error


def _clear(layout: Layout) -> None:
    """Remove what workers that were killed left half done: nothing works on it any more."""
    for unfinished in layout.unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)


def main(argv: list[str] | None = None, *, make_plan: MakePlan = processes.plan) -> int:
    """Exit code 0: stopped as asked; 2: something could not be started or kept, said in words."""
    parser = argparse.ArgumentParser(prog="vidpipe.cluster.supervisor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="folder for data, logs and the lock")
    parser.add_argument("--options", default="{}", help="ClusterOptions as JSON")
    parser.add_argument("--marker", default="", help="a word that every process carries in its environment")
    parser.add_argument("--report-fd", type=int, help="descriptor for progress, one JSON object a line")
    parser.add_argument("--owner-fd", type=int, help="descriptor whose end means: stop")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    report = Report(args.report_fd)
    home = args.home.absolute()
    try:
        options = ClusterOptions.from_json(args.options)
        how = {"marker": args.marker or uuid.uuid4().hex, "make_plan": make_plan}
        supervise(home, options, Events(args.owner_fd), report, **how)
    except SetupError as error:
        log.error("%s %s", error.message, error.remedy)
        if not report.failed(error):
            note.write(failure_path(home), {"message": error.message, "remedy": error.remedy})
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
