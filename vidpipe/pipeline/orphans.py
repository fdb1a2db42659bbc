"""What the rows name and what the media store holds, compared: nothing missing, nothing changed, nothing left over.

The names go into a file of their own, the store's listing passes by it once: neither is ever in memory as a whole.
Only what no row names, neither before nor after the listing, and what is older than an hour, is an orphan. Notes in
the journal of orders (`pipeline/journal.py`) never are, and what lies in the folder of a take that has not ended is
that take's.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session

from vidpipe.db import media
from vidpipe.db.media import Named
from vidpipe.domain import keys
from vidpipe.errors import NotStored, SetupError
from vidpipe.pipeline import restored
from vidpipe.pipeline.deps import Deps
from vidpipe.storage.base import Entry, Leftover
from vidpipe.storage.names import SUFFIX, without_metadata

GRACE = 3600.0  # seconds for which what no row names yet is left alone
TEMPORARY = "tmp/"  # the store's own rule clears it, in a day or so
_TEMPORARY_GRACE = 2 * 86400.0  # seconds
_AT_ONCE = 8  # questions to the store
_PAGE = 1000
_GIVEN = re.compile(r"[^/]+/given/([0-9a-f]{64})\.\w+")  # domain.keys.given: named by what it holds
_NOT_COMPARED = (
    "what no row names may belong to orders that this database has forgotten: it was started or restored, and has not"
    " been compared with the journal of orders yet"
)


@dataclass(frozen=True)
class Orphan:
    """An object that no row names."""

    key: str
    size: int  # bytes
    age: float  # seconds
    kept: str = ""  # why it is not to be deleted all the same


@dataclass(frozen=True)
class Fault:
    """An object that is not as the rows say."""

    key: str
    where: str  # the table, column and row that name it
    what: str


@dataclass(frozen=True)
class Broken:
    """An upload that was begun long ago and never finished."""

    key: str
    age: float  # seconds


@dataclass(frozen=True)
class StoreCheck:
    """What was found. Media files are counted, their metadata are not."""

    objects: int
    size: int  # bytes
    named: int  # objects that rows name
    young: int  # that no row names yet
    orphans: tuple[Orphan, ...]
    faults: tuple[Fault, ...]
    broken_uploads: tuple[Broken, ...]
    deleted: int = 0  # orphans and broken uploads that are no more, and are not among the above

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.orphans or self.faults or self.broken_uploads)


def check(
    deps: Deps,
    *,
    delete_orphans: bool = False,
    deep: bool = False,
    grace: float = GRACE,
    tell: Callable[[str], None] = lambda words: None,
) -> StoreCheck:
    """Compare the store with the rows; `deep` reads every file that a row names.

    Raises StorageError where the store cannot be asked, SetupError where nothing may be deleted now.
    """
    if delete_orphans and not deps.db.run(restored.may_buy):
        raise SetupError(_NOT_COMPARED, remedy="Start the cluster; its tick compares them within seconds. Then again.")
    with tempfile.TemporaryDirectory(dir=deps.folder("check")) as folder, closing(_Names(Path(folder))) as names:
        tell("reading what the rows name")
        deps.db.run(names.read)
        tell("listing what the store holds")
        found = _Listing(names, grace)
        for entry in without_metadata(deps.storage.entries("")):
            found.see(entry)
        faults = [*found.faults]
        tell("reading every file" if deep else "comparing checksums")
        faults += _all(names.sums(deep=deep), lambda name: _content(deps, name, deep=deep))
        faults += _all(names.unseen(), lambda name: _missing(deps, name))
        broken = [one for one in deps.storage.leftovers() if _age(one.begun) > grace]
        orphans = deps.db.run(lambda session: _judged(session, found))
        deleted = 0
        if delete_orphans:
            tell("deleting what nobody names")
            deps.db.run(names.read)  # what was named meanwhile stays
            orphans, deleted = _delete(deps, names, orphans, broken)
            broken = []
    return StoreCheck(
        found.objects, found.size, found.named, found.young, tuple(orphans), tuple(faults),
        tuple(Broken(one.key, _age(one.begun)) for one in broken), deleted,
    )  # fmt: skip


class _Names:
    """What the rows name, in a file."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "names.sqlite3")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE names (key TEXT PRIMARY KEY, place TEXT, size INT, sha256 TEXT, to_come INT, seen INT)"
            " WITHOUT ROWID"
        )

    def close(self) -> None:
        self._db.close()

    def read(self, session: Session) -> None:
        """Take in what the rows name now; what they named before stays named."""
        with self._db:  # whole, or not at all
            self._db.executemany(
                "INSERT INTO names VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (key) DO UPDATE SET"
                " place = CASE WHEN names.to_come THEN excluded.place ELSE names.place END,"
                " size = coalesce(names.size, excluded.size), sha256 = coalesce(names.sha256, excluded.sha256),"
                " to_come = min(names.to_come, excluded.to_come)",
                ((n.key, n.where, n.size, n.sha256 or _sum_in(n.key), n.to_come) for n in media.named(session)),
            )

    def protect(self, key: str) -> bool:
        """Whether a row names `key`, or what it is the description of."""
        described = key.removesuffix(SUFFIX) if key.endswith(SUFFIX) else key
        return self.get(key) is not None or self.get(described) is not None

    def get(self, key: str) -> Named | None:
        """Who names `key`."""
        row = self._db.execute("SELECT key, place, size, sha256, to_come FROM names WHERE key = ?", (key,)).fetchone()
        return Named(*row) if row else None

    def see(self, key: str) -> None:
        """The store holds it."""
        self._db.execute("UPDATE names SET seen = 1 WHERE key = ?", (key,))

    def sums(self, *, deep: bool) -> Iterator[Named]:
        """What is there, and whose content is to be compared."""
        return self._select("seen" if deep else "seen AND sha256 IS NOT NULL")

    def unseen(self) -> Iterator[Named]:
        """What should be there, and was not listed."""
        return self._select("NOT seen AND NOT to_come")

    def _select(self, condition: str) -> Iterator[Named]:
        last = ""
        while True:
            rows = self._db.execute(
                f"SELECT key, place, size, sha256, to_come FROM names WHERE key > ? AND {condition}"
                " ORDER BY key LIMIT ?",
                (last, _PAGE),
            ).fetchall()
            if not rows:
                return
            yield from (Named(*row) for row in rows)
            last = rows[-1][0]


class _Listing:
    """The store's files as they pass by."""

    def __init__(self, names: _Names, grace: float) -> None:
        self._names = names
        self._grace = grace
        self.objects = self.size = self.named = self.young = 0
        self.orphans: list[Orphan] = []
        self.faults: list[Fault] = []
        self.ordered: set[str] = set()  # films in the journal of orders

    def see(self, entry: Entry) -> None:
        """One file."""
        journal = keys.journal_of(None)
        if entry.key.startswith(journal):
            self.ordered.add(entry.key.removeprefix(journal).partition("/")[0])
            return
        self.objects += 1
        self.size += entry.size
        name = self._names.get(entry.key)
        if name is not None:
            self._named(entry, name)
        elif not self._names.protect(entry.key):
            self._unnamed(entry)

    def _named(self, entry: Entry, name: Named) -> None:
        self.named += 1
        if name.size is not None and name.size != entry.size and not name.to_come:
            what = f"it has {entry.size} bytes, and should have {name.size}"
            self.faults.append(Fault(entry.key, name.where, what))
            return  # its content is another one, no need to look
        self._names.see(entry.key)

    def _unnamed(self, entry: Entry) -> None:
        age = _age(entry.modified)
        if age > (max(self._grace, _TEMPORARY_GRACE) if entry.key.startswith(TEMPORARY) else self._grace):
            self.orphans.append(Orphan(entry.key, entry.size, age))
        else:
            self.young += 1


def _judged(session: Session, found: _Listing) -> list[Orphan]:
    """The orphans, but for what belongs to a take that has not ended; those of a forgotten film are to be kept."""
    takes = media.unended_takes(session)
    forgotten = found.ordered - media.films(session)
    judged = []
    for orphan in found.orphans:
        folders = orphan.key.split("/")
        if folders[0] in forgotten:
            kept = "orders were given for its film, and this database does not know the film: is it the right one?"
            judged.append(replace(orphan, kept=kept))
        elif not takes.intersection(folders[:-1]):
            judged.append(orphan)
    return judged


def _delete(
    deps: Deps, names: _Names, orphans: Iterable[Orphan], broken: Iterable[Leftover]
) -> tuple[list[Orphan], int]:
    """Delete what may be deleted: what is left of the orphans, and how many things are gone."""
    left = [orphan for orphan in orphans if orphan.kept]
    gone = [orphan for orphan in orphans if not orphan.kept and not names.protect(orphan.key)]
    uploads = list(broken)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda orphan: deps.storage.delete(orphan.key), gone):
            pass
        for _ in pool.map(deps.storage.drop, uploads):
            pass
    return left, len(gone) + len(uploads)


def _content(deps: Deps, name: Named, *, deep: bool) -> Fault | None:
    """Whether the store holds the bytes that the row, or the store's own note, says."""
    stored = deps.storage.stat(name.key)
    if stored is None:
        return None if name.to_come else Fault(name.key, name.where, "it was deleted while this check ran")
    wanted = name.sha256 or stored.sha256
    found = stored.sha256
    if deep and found == wanted:
        try:
            with deps.storage.open_local(name.key) as path, path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except NotStored as error:
            return Fault(name.key, name.where, error.message)
    return None if found == wanted else Fault(name.key, name.where, f"its sha256 is {found}, and should be {wanted}")


def _missing(deps: Deps, name: Named) -> Fault | None:
    """What was not listed is asked for once more: it may have come meanwhile."""
    return None if deps.storage.stat(name.key) is not None else Fault(name.key, name.where, "it is missing")


def _all(names: Iterator[Named], look: Callable[[Named], Fault | None]) -> Iterator[Fault]:
    """The faults among `names`, several looked at at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while page := list(islice(names, _PAGE)):
            yield from (fault for fault in pool.map(look, page) if fault is not None)


def _sum_in(key: str) -> str | None:
    found = _GIVEN.fullmatch(key)
    return found[1] if found else None


def _age(moment: datetime) -> float:
    return max((datetime.now(UTC) - moment).total_seconds(), 0.0)
