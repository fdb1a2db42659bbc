"""Ends every process of a cluster whose supervisor was killed. Run by path, with nothing but the interpreter.

    python -I -S reaper.py SOCKETS NOTE MARKER TAG

Standard input is a pipe from the supervisor: `add PID START STAGE SIGNAL`, `del PID`, `bye`. If it ends
without `bye`, the supervisor is gone: children are asked to stop stage by stage, then whatever is left of the
cluster (their process groups, their descendants, everything that carries MARKER in its environment, and
PostgreSQL processes that carry TAG in their title) is killed; the socket folder and the note go last. A pid
counts only with the start time it was registered with, so that a reused one is never touched.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

STAGE_SECONDS = 4.0  # for a stage to end by itself
KILL_ROUNDS = 40  # of 50 ms
MARKER_NAME = "VIDPIPE_CLUSTER"


class Process(NamedTuple):
    """One line of the system's list of processes; `start` is in clock ticks since boot (proc(5))."""

    pid: int
    parent: int
    group: int
    session: int
    start: str


class Known(NamedTuple):
    """A child that the supervisor told of."""

    start: str
    stage: int
    signal: int


def read_process(pid: int) -> Process | None:
    """The process `pid`, or None if there is none or it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no pathlib in this interpreter's start
            text = file.read().decode("ascii", "replace")
    except OSError:
        return None
    field = text[text.rindex(")") + 2 :].split()
    if field[0] in ("Z", "X"):
        return None
    return Process(pid, int(field[1]), int(field[2]), int(field[3]), field[19])


def start_of(pid: int) -> str:
    """The start time of `pid`; empty where the system does not tell."""
    found = read_process(pid)
    return found.start if found else ""


def all_processes() -> dict[int, Process]:
    """Every living process, zombies left out; empty where there is no /proc."""
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - no pathlib in this interpreter's start
    except OSError:
        return {}
    found = (read_process(int(name)) for name in names if name.isdigit())
    return {process.pid: process for process in found if process}


def carries(pid: int, marker: str, tag: str) -> bool:
    """Whether `pid` has the marker in its environment, or the tag in a PostgreSQL process's title."""
    sign = f"{MARKER_NAME}={marker}\0".encode()
    return sign in _read(f"/proc/{pid}/environ") or is_postgres_of(pid, tag)


def is_postgres_of(pid: int, tag: str) -> bool:
    """Whether `pid` is a server process of the PostgreSQL whose cluster_name is `tag`."""
    return command_line(pid).startswith(f"postgres: {tag}: ")


def command_line(pid: int) -> str:
    """The arguments of `pid`, each ended by a zero byte, or its title where it gave itself one."""
    return _read(f"/proc/{pid}/cmdline").decode("utf-8", "surrogateescape")


def remaining(known: dict[int, Known], marker: str, tag: str, spare: Iterable[int] = ()) -> set[int]:
    """The pids of all that belongs to the cluster: known children, their groups and descendants, marked ones.

    This process, the one that started it and those in `spare` are left out.
    """
    processes = all_processes()
    # A child that is gone leaves its group's number, which the kernel keeps while the group has members.
    roots = {pid for pid, child in known.items() if pid not in processes or processes[pid].start == child.start}
    if not processes:
        return {pid for pid in known if send(pid, 0)}
    mine = {
        process.pid
        for process in processes.values()
        if process.pid in roots or process.group in roots or process.session in roots
    }
    mine |= {pid for pid in processes if carries(pid, marker, tag)}
    grew = True
    while grew:
        more = {process.pid for process in processes.values() if process.parent in mine} - mine
        mine |= more
        grew = bool(more)
    return mine - {os.getpid(), os.getppid(), *spare}


def end_all(known: dict[int, Known], marker: str, tag: str) -> bool:
    """Stop the known children stage by stage, then kill what remains; whether nothing does."""
    for stage in sorted({child.stage for child in known.values()}):
        ours = {pid: child for pid, child in known.items() if child.stage == stage and _is(pid, child)}
        for pid, child in ours.items():
            send(pid, child.signal)
        end = time.monotonic() + STAGE_SECONDS
        while any(_is(pid, child) for pid, child in ours.items()) and time.monotonic() < end:
            time.sleep(0.02)
    return kill_all(known, marker, tag)


def kill_all(known: dict[int, Known], marker: str, tag: str, spare: Iterable[int] = ()) -> bool:
    """Kill whatever remains of the cluster, until nothing does; False if something would not go."""
    for _ in range(KILL_ROUNDS):
        left = remaining(known, marker, tag, spare)
        if not left:
            return True
        for pid in left:
            send(pid, signal.SIGKILL)
        time.sleep(0.05)
    return False


def remove_folder(path: str) -> None:
    """Remove a flat folder of sockets; what is gone already is fine."""
    try:
        names = os.listdir(path)  # noqa: PTH208
    except OSError:
        return  # gone
    for name in names:
        remove(os.path.join(path, name))  # noqa: PTH118
    try:
        os.rmdir(path)  # noqa: PTH106
    except OSError as error:
        complain(path, error)


def remove(path: str) -> None:
    """Remove a file; one that is gone already is fine."""
    try:
        os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        return
    except OSError as error:
        complain(path, error)


def complain(path: str, error: OSError) -> None:
    """Into the reaper's log: nobody else listens."""
    print(f"reaper: {path} was left: {error}", file=sys.stderr, flush=True)  # noqa: T201


def listen(lines: Iterable[str]) -> dict[int, Known] | None:
    """Follow the supervisor's words; the children left when it fell silent, or None after `bye`."""
    known: dict[int, Known] = {}
    for line in lines:
        word, *rest = line.split()
        if word == "add":
            known[int(rest[0])] = Known(rest[1], int(rest[2]), int(rest[3]))
        elif word == "del":
            known.pop(int(rest[0]), None)
        elif word == "bye":
            return None
    return known


def main(argv: list[str]) -> int:
    """Wait for the supervisor to say bye or to die."""
    sockets, note, marker, tag = argv
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    known = listen(sys.stdin)
    if known is None:
        return 0
    clean = end_all(known, marker, tag)
    remove(note)
    remove_folder(sockets)
    return 0 if clean else 1


def _is(pid: int, child: Known) -> bool:
    process = read_process(pid)
    if process is None:
        return not os.path.exists("/proc/self") and send(pid, 0)  # noqa: PTH110
    return process.start == child.start


def send(pid: int, number: int) -> bool:
    """Signal `pid`; whether it is there and may be signalled."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
