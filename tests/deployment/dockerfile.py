"""docker/Dockerfile read far enough for the tests: what each target inherits, copies and runs."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.deployment.composed import DOCKER, ROOT


@dataclass
class Stage:
    """One stage with all that it has from those below it."""

    name: str
    user: str = ""
    stop_signal: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    extra: str = ""  # of setup.cfg, that its environment brings
    sources: list[str] = field(default_factory=list)  # what it copies from the build's context


def stages() -> dict[str, Stage]:
    """Every stage by name."""
    found: dict[str, Stage] = {}
    now = Stage("")
    for word, rest in _instructions((DOCKER / "Dockerfile").read_text(encoding="utf-8")):
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            below = found.get(base, Stage(base))
            now = found[name] = Stage(
                **{**below.__dict__, "name": name, "env": dict(below.env), "sources": list(below.sources)}
            )
        else:
            _apply(now, word, rest, found)
    return found


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines())]


def _apply(stage: Stage, word: str, rest: str, found: dict[str, Stage]) -> None:
    match word:
        case "USER":
            stage.user = rest
        case "STOPSIGNAL":
            stage.stop_signal = rest
        case "ENTRYPOINT":
            stage.entrypoint = tuple(json.loads(rest))
        case "CMD":
            stage.command = tuple(json.loads(rest))
        case "HEALTHCHECK":
            stage.health = tuple(json.loads(rest[rest.index("[") :]))
        case "ENV":
            stage.env.update(part.split("=", 1) for part in shlex.split(rest))
        case "RUN" if "scripts/environment.py" in rest:
            stage.extra = rest.rpartition("scripts/environment.py")[2].strip().strip('"') or stage.extra
        case "COPY" if rest.startswith("--from="):
            source = rest.split()[0].removeprefix("--from=")
            stage.extra = found[source].extra
        case "COPY":
            stage.sources += shlex.split(rest)[:-1]
        case _:
            pass


def context() -> list[Path]:
    """The files that .dockerignore lets through, relative to the repository's root."""
    tops = {rule[1:].partition("/")[0] for rule in _rules() if rule.startswith("!")}
    found = [path for top in tops for path in (ROOT / top, *(ROOT / top).rglob("*")) if path.is_file()]
    return sorted(path for path in (each.relative_to(ROOT) for each in found) if not ignored(path))


def ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a file from the builder; later lines win, and a folder's line holds for all below."""
    hidden = False
    ways = [path, *path.parents][:-1]
    for rule in _rules():
        pattern = rule.removeprefix("!")
        if pattern.startswith("**/"):
            hit = any(fnmatch(way.name, pattern[3:]) for way in ways)
        else:
            level = pattern.count("/")
            hit = any(fnmatch(way.as_posix(), pattern) for way in ways if way.as_posix().count("/") == level)
        if hit:
            hidden = not rule.startswith("!")
    return hidden


def _rules() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def health_of(service: dict[str, Any]) -> tuple[str, ...]:
    """A compose service's healthcheck as an exec form."""
    test = service["healthcheck"]["test"]
    assert test[0] in ("CMD", "CMD-SHELL"), test
    return tuple(test[1:]) if test[0] == "CMD" else ("sh", "-c", test[1])
