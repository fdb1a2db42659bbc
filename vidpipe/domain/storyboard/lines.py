"""YAML or JSON to plain values, remembering the line of everything, within bounds that no file can exceed.

The parser's events are read one by one and never expanded beyond the bounds, so that a file which unfolds
into gigabytes ("YAML bomb") is refused at the alias that goes too far. Plain scalars follow YAML 1.2's core
schema, as editors do: `yes` and `on` are words, `1:02` is text, and dates are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from vidpipe.domain.storyboard.text import plain, quote

MAX_DEPTH = 30  # lists and mappings within one another
MAX_NODES = 50_000  # values, after every alias was followed

Where = tuple[str | int, ...]  # the way to a value: ("sequences", 0, "scenes", 1, "prompt")
_STR_TAGS = (None, "tag:yaml.org,2002:str")
_INT = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Unreadable(Exception):
    """The text cannot be read at all; the line is counted from 1."""

    def __init__(self, line: int, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.line, self.what, self.remedy = line, what, remedy


@dataclass
class Node:
    """One value of the file. `size` counts it and all within it, aliases followed; `height` its nesting."""

    kind: Literal["scalar", "list", "mapping"]
    line: int  # from 1
    value: object = None  # of a scalar: str, int, float, bool or None
    source: str = ""  # of a scalar: as written
    items: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[int, Node]] = field(default_factory=dict)  # key -> line of the key, value
    merges: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 0


@dataclass(frozen=True)
class Trouble:
    """Something wrong at a known place that doesn't keep the rest from being read."""

    where: Where
    line: int
    what: str
    remedy: str = ""


@dataclass
class Document:
    """A file that was read: its values, and where each stands."""

    root: Node
    troubles: list[Trouble] = field(default_factory=list)

    def values(self) -> Any:
        """Plain dicts, lists and scalars, each alias a value of its own."""
        return _plain(self.root)

    def line(self, where: Where) -> int:
        """The line of `where` (of its key, in a mapping), or of the nearest thing around it that exists."""
        return self._find(where)[0]

    def keys_at(self, where: Where) -> list[str]:
        """The keys of the mapping at `where`, as the file has them."""
        return list(self._find(where)[1].entries)

    def _find(self, where: Where) -> tuple[int, Node]:
        node, line = self.root, self.root.line
        for step in where:
            if isinstance(step, str) and step in node.entries:
                line, node = node.entries[step]
            elif isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                line = node.line
            else:
                break
        return line, node

    def scalars(self) -> Iterator[tuple[Where, Node]]:
        """Every scalar once (not again for each alias), with the first way that leads to it."""
        seen: set[int] = set()
        waiting: list[tuple[Where, Node]] = [((), self.root)]
        while waiting:
            where, node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.kind == "scalar":
                yield where, node
            waiting += [((*where, number), item) for number, item in enumerate(node.items)]
            waiting += [((*where, key), value) for key, (_, value) in node.entries.items()]

    def all_keys(self) -> Iterator[tuple[Where, str]]:
        """Every key of every mapping once, with the way to its mapping."""
        seen: set[int] = set()
        waiting: list[tuple[Where, Node]] = [((), self.root)]
        while waiting:
            where, node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            for key, (_, value) in node.entries.items():
                yield where, key
                waiting.append(((*where, key), value))
            waiting += [((*where, number), item) for number, item in enumerate(node.items)]


def field_name(where: Where) -> str:
    """sequences[0].scenes[1].prompt"""
    parts = (f"[{step}]" if isinstance(step, int) else f".{plain(step, most=60)}" for step in where)
    return "".join(parts).removeprefix(".")


def read_text(text: str, *, loader: Any = None) -> Document:
    """Read one YAML document; raises Unreadable with its line. `loader` is for tests of both parsers."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader or getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _in_words(error, text) from error
    if builder.root is None or (builder.root.kind == "scalar" and not builder.root.source):
        raise Unreadable(1, "the file is empty", "write a title and some scenes; config/examples has films to copy")
    return Document(builder.root, builder.troubles)


def _plain(node: Node) -> Any:
    if node.kind == "list":
        return [_plain(item) for item in node.items]
    if node.kind == "mapping":
        return {key: _plain(value) for key, (_, value) in node.entries.items()}
    return node.value


def scalar_value(source: str) -> object:
    """What a plain scalar means by YAML 1.2's core schema; numbers beyond all use stay text."""
    if source in _WORDS:
        return _WORDS[source]
    if _INT.fullmatch(source):
        base = {"0x": 16, "0o": 8}.get(source[:2], 10)
        return int(source, base) if base != 10 else int(source)
    if len(source) <= 40 and _FLOAT.fullmatch(source):
        number = float(source)
        return number if abs(number) < 1e300 else source
    return source


@dataclass
class _Open:
    """A list or mapping whose end has not come yet."""

    node: Node
    where: Where
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    plain_key: bool = True


class _Builder:
    """Events in, nodes out; keeps the bounds."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.troubles: list[Trouble] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            self._count(1, line)
            self._tagged(event, line)
            quoted = not event.implicit[0]
            value = event.value if quoted else scalar_value(event.value)
            self._place(Node("scalar", line, value, event.value), event.anchor, is_plain=not quoted)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._open(event, line)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            closed = self._stack.pop()
            self._merge(closed)
            self._place(closed.node, closed.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._place(self._alias(event.anchor, line), None)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise Unreadable(line, "a second document begins here (---)", "one file holds one storyboard")

    def _open(self, event: Any, line: int) -> None:
        self._count(1, line)
        self._tagged(event, line)
        if len(self._stack) >= MAX_DEPTH:
            raise Unreadable(line, f"lists and mappings are nested deeper than {MAX_DEPTH} levels here")
        kind: Literal["list", "mapping"] = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
        where = self._where()
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Open(Node(kind, line), where, event.anchor))

    def _where(self) -> Where:
        """The way to the value that comes next."""
        if not self._stack:
            return ()
        top = self._stack[-1]
        if top.node.kind == "list":
            return (*top.where, len(top.node.items))
        return (*top.where, top.key) if top.key is not None else top.where

    def _count(self, more: int, line: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise Unreadable(
                line,
                f"the file unfolds into more than {MAX_NODES:,} values here",
                "aliases (*name) of things that hold aliases multiply: write less of them",
            )

    def _alias(self, anchor: str | None, line: int) -> Node:
        if anchor in {level.anchor for level in self._stack}:
            raise Unreadable(line, f"the alias *{plain(anchor)} stands inside the very thing it names")
        if anchor not in self._anchors:
            raise Unreadable(
                line,
                f"the alias *{plain(anchor)} names nothing",
                f"mark what it means with &{plain(anchor)}",
            )
        node = self._anchors[anchor]
        self._count(node.size, line)
        if len(self._stack) + node.height > MAX_DEPTH:
            raise Unreadable(line, f"lists and mappings are nested deeper than {MAX_DEPTH} levels here")
        return node

    def _tagged(self, event: Any, line: int) -> None:
        if event.tag not in _STR_TAGS:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self.troubles.append(
                Trouble(
                    self._where(),
                    line,
                    f"the tag {plain(tag)} is not taken here",
                    "remove it: plain values are enough",
                )
            )

    def _place(self, node: Node, anchor: str | None, *, is_plain: bool = False) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.node.size += node.size
        deeper = 0 if parent.key == "<<" and parent.plain_key else 1  # what is merged in lies no deeper
        parent.node.height = max(parent.node.height, node.height + deeper)
        if parent.node.kind == "list":
            parent.node.items.append(node)
        elif parent.key is None:
            self._key(parent, node, is_plain)
        else:
            self._entry(parent, parent.key, node)
            parent.key = None

    def _key(self, parent: _Open, node: Node, is_plain: bool) -> None:
        if node.kind != "scalar":
            raise Unreadable(node.line, "a list or mapping stands where a key should be", "keys are words")
        parent.key, parent.key_line, parent.plain_key = node.source, node.line, is_plain

    def _entry(self, parent: _Open, key: str, node: Node) -> None:
        if key == "<<" and parent.plain_key:
            parent.node.merges += node.items if node.kind == "list" else [node]
        elif key in parent.node.entries:
            first = parent.node.entries[key][0]
            self.troubles.append(
                Trouble(
                    (*parent.where, key),
                    parent.key_line,
                    f"the key {quote(key)} stands here a second time",
                    f"keep one of the two (the first is on line {first})",
                )
            )
        else:
            parent.node.entries[key] = (parent.key_line, node)

    def _merge(self, closed: _Open) -> None:
        """`<<`: what is written in the mapping itself goes before what is merged into it."""
        for source in closed.node.merges:
            if source.kind != "mapping":
                self.troubles.append(
                    Trouble(
                        (*closed.where, "<<"),
                        source.line,
                        "<< merges mappings only",
                        "name one with an alias: <<: *night",
                    )
                )
                continue
            for key, entry in source.entries.items():
                closed.node.entries.setdefault(key, entry)


_SYNTAX = (  # what either parser says, what a person can use; {line} is where the open thing began
    (
        "mapping values are not allowed",
        "a colon stands where none can",
        "put a text that has a colon between quotes, and look at the indentation",
    ),
    ("unexpected end of stream", "a quotation mark opened on line {line} is never closed", "close it"),
    ("quoted scalar", "a quoted text has an escape that means nothing", "write \\\\ for one backslash"),
    ("flow sequence", "the list opened with [ on line {line} isn't closed", "look for a missing ] or comma"),
    (
        "flow mapping",
        "the mapping opened with {{ on line {line} isn't closed",
        "look for a missing } or comma",
    ),
    (
        "parsing a block",
        "this line doesn't fit the ones above it",
        "entries of one list begin in one column; a text with quotation marks needs others around it",
    ),
    ("could not find expected ':'", "a key has no colon after it", "write key: value"),
)


def _in_words(error: yaml.YAMLError, text: str) -> Unreadable:
    """A parser's error in plain words; the same ones from the C parser and the Python one."""
    mark, context_mark = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return Unreadable(1, f"this is not YAML: {plain(error)}")
    saying = f"{getattr(error, 'context', '') or ''} | {getattr(error, 'problem', '') or ''}"
    lines = text.splitlines()
    here = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())] or (mark.column < len(here) and here[mark.column] == "\t"):
        return Unreadable(mark.line + 1, "a tab stands where YAML wants spaces", "indent with spaces")
    if "cannot start any token" in saying:
        char = here[mark.column : mark.column + 1]
        return Unreadable(mark.line + 1, f"a text cannot begin with {quote(char)}", "put it between quotes")
    for sign, what, remedy in _SYNTAX:
        if sign in saying:
            began = (context_mark or mark).line + 1
            line = began if "{line}" in what else mark.line + 1
            return Unreadable(line, what.format(line=began), remedy)
    return Unreadable(mark.line + 1, f"this is not YAML: {plain(getattr(error, 'problem', error))}")
