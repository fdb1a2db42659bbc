"""`vidpipe storage check|prepare`: the media store, compared with what the films' rows name; or made ready."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.text import Text

from vidpipe.cli import codes, show
from vidpipe.cli.terminal import console, table
from vidpipe.pipeline.orphans import StoreCheck, check
from vidpipe.reach import connect
from vidpipe.settings import load
from vidpipe.storage.registry import open_storage

_MOST_LINES = 200  # of a kind, for people; --json has them all


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """check or prepare."""
    parser.add_argument(
        "action", choices=("check", "prepare"),
        help="check: what is missing, changed, or named by nobody (ends with 1 where something is wrong); prepare:"
        " make the folder, or the bucket with its rules",
    )  # fmt: skip
    parser.add_argument(
        "--delete-orphans", action="store_true",
        help="delete what no film names and what is older than an hour, and uploads that broke off",
    )  # fmt: skip
    parser.add_argument("--deep", action="store_true", help="read every file, instead of comparing noted checksums")


def run(args: argparse.Namespace) -> int:
    """Raises StorageError or SetupError where the store or the database cannot be used."""
    if args.action == "prepare":
        settings = load(home=args.home)
        open_storage(settings).prepare()
        where = settings.storage_root if settings.storage_kind == "folder" else settings.s3_bucket
        if args.json:
            show.document({"storage": settings.storage_kind, "where": where, "ready": True})
        else:
            show.say(f"The media store is ready: {settings.storage_kind} {where}")
        return codes.DONE
    tell = (lambda words: None) if args.json else (lambda words: show.say(f"{words} ..."))
    with connect(home=args.home) as connection:
        found = check(connection.deps, delete_orphans=args.delete_orphans, deep=args.deep, tell=tell)
    if args.json:
        show.document({**show.plain(found), "clean": found.clean})
    else:
        _print(found, deleting=args.delete_orphans)
    return codes.DONE if found.clean else codes.UNFINISHED


def _print(found: StoreCheck, *, deleting: bool) -> None:
    _rows("Not as it should be", ("Key", "What", "Named by"), [(one.key, one.what, one.where) for one in found.faults])
    orphans = [(one.key, _size(one.size), show.roughly(one.age), one.kept) for one in found.orphans]
    _rows("Named by nobody", ("Key", "Size", "Age", ""), orphans)
    _rows("Broken uploads", ("Key", "Age"), [(one.key, show.roughly(one.age)) for one in found.broken_uploads])
    young = f"; {found.young} so young that their rows may be still to come" if found.young else ""
    show.say(f"{found.objects} files, {_size(found.size)}; films name {found.named}{young}.")
    if deleting:
        show.say(f"{found.deleted} that nobody names were deleted.")
    if found.clean:
        show.say("Everything is as it should be.")
    elif not deleting and (found.orphans or found.broken_uploads):
        show.say(show.spoken("`vidpipe storage check --delete-orphans` deletes what nobody names."))


def _rows(title: str, columns: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    if not lines:
        return
    rows = table(*columns)
    for line in lines[:_MOST_LINES]:
        rows.add_row(*(Text(show.clean(cell)) for cell in line))
    show.say(f"{title}: {len(lines)}")
    console().print(rows)
    if len(lines) > _MOST_LINES:
        show.say(f"... and {len(lines) - _MOST_LINES} more; --json lists them all")


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size} bytes"
