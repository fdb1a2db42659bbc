"""Every place where a process passes from a transaction, an outside call or a send to the next, read from the code.

A place is a line of `vidpipe/pipeline`, `vidpipe/db/leases.py` or `tasks`, by the name that `vidpipe.boundary` gives it
when it is crossed: `pipeline.submit._work@73`. What counts is found by what is called, not by a list of lines:

    a transaction       db.run(...), db.transaction()
    a service           submit, poll, fetch, find, cancel, draw of what `deps.service(...)` gave
    the media store     any method of what is called `storage`
    slow media work     any function of vidpipe.media that is marked @slow
    a send              follow(...), apply_async(...); by the line of the `with crossing():` that it is within
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = (*sorted(ROOT.glob("vidpipe/pipeline/*.py")), ROOT / "vidpipe/db/leases.py", *sorted(ROOT.glob("tasks/*.py")))
SERVICE = ("submit", "poll", "fetch", "find", "cancel", "draw")
SENDS = ("follow", "apply_async")


def places() -> tuple[str, ...]:
    """The name of every place, in the order of the files and lines."""
    return tuple(dict.fromkeys(name for path in FILES for name in _Reader(path).places()))


class _Reader(ast.NodeVisitor):
    """Reads one file."""

    def __init__(self, path: Path) -> None:
        self._module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("vidpipe.")
        self._tree = ast.parse(path.read_text(encoding="utf-8"))
        self._slow = _imported(self._tree) & slow_media()
        self._within: list[str] = []
        self._crossing: int | None = None  # the line of the `with crossing():` that is being read
        self._found: list[str] = []

    def places(self) -> list[str]:
        """Its places."""
        self.visit(self._tree)
        return self._found

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._within.append(node.name)
        self.generic_visit(node)
        self._within.pop()

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

    def visit_With(self, node: ast.With) -> None:
        lines = (item.context_expr.lineno for item in node.items if _last_name(item.context_expr) == "crossing")
        outside, self._crossing = self._crossing, next(lines, self._crossing)
        self.generic_visit(node)
        self._crossing = outside

    def visit_Call(self, node: ast.Call) -> None:
        if self._counts(node.func):
            sent = _last_name(node.func) in SENDS and self._crossing
            self._found.append(f"{self._module}.{'.'.join(self._within)}@{sent or node.func.end_lineno}")
        self.generic_visit(node)

    def _counts(self, func: ast.expr) -> bool:
        if isinstance(func, ast.Name):
            return func.id in self._slow or func.id in SENDS
        if not isinstance(func, ast.Attribute):
            return False
        owner = _last_name(func.value)
        return (
            (owner in ("db", "_db") and func.attr in ("run", "transaction"))
            or (owner == "service" and func.attr in SERVICE)
            or owner == "storage"
            or func.attr in SENDS
        )


def _last_name(node: ast.expr) -> str:
    """What a thing is called: `deps.db` is db, `deps.service(name)` is service."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _imported(tree: ast.Module) -> set[str]:
    """The names that come from vidpipe.media."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vidpipe.media.")
        for alias in node.names
    }


@cache
def slow_media() -> frozenset[str]:
    """The functions of vidpipe.media that are marked @slow."""
    return frozenset(name for path in ROOT.glob("vidpipe/media/*.py") for name in _marked(ast.parse(path.read_text())))


def _marked(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(_last_name(mark) == "slow" for mark in node.decorator_list):
            yield node.name
