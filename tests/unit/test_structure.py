"""What the code promises about itself, kept by reading its syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("vidpipe/**/*.py"), *ROOT.glob("tasks/**/*.py")])
WRITTEN = [path for path in SOURCES if "migrations/versions" not in path.as_posix()]  # by people, not by alembic


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in nodes(path):
        if isinstance(node, ast.Call):
            func = node.func
            yield (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")), node


def imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_is_something_to_read() -> None:
    assert len(SOURCES) > 60


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_the_transitions_write_a_state(path: Path) -> None:
    if name(path) == "vidpipe/db/transitions.py":
        return
    for node in nodes(path):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        written = [t for t in targets if isinstance(t, ast.Attribute) and t.attr == "state"]
        own = [t for t in written if isinstance(t.value, ast.Name) and t.value.id == "self"]
        assert len(written) == len(own), f"{name(path)}:{getattr(node, 'lineno', 0)} writes a state"
    for called, call in calls(path):
        words = [keyword.arg for keyword in call.keywords]
        assert not (called == "values" and "state" in words), f"{name(path)}:{call.lineno} writes a state"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_chains_and_chords_are_declared_in_the_route_alone(path: Path) -> None:
    canvas = {"celery.chain", "celery.chord", "celery.group", "celery.canvas"}
    if name(path) != "tasks/route.py":
        assert not canvas & set(imports(path))


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith("vidpipe/")], ids=name)
def test_vidpipe_knows_no_celery(path: Path) -> None:
    assert not [found for found in imports(path) if found.split(".")[0] in ("celery", "kombu", "tasks")]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_the_environment_is_read_in_the_settings_alone(path: Path) -> None:
    if name(path) == "vidpipe/settings.py":
        return
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr not in ("environ", "getenv", "environb"), (
                f"{name(path)}:{node.lineno} reads the environment"
            )


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_waits_in_the_broker(path: Path) -> None:
    for called, call in calls(path):
        words = {keyword.arg for keyword in call.keywords}
        if called in ("apply_async", "retry", "signature", "set", "send_task", "si", "s"):
            assert not words & {"countdown", "eta"}, f"{name(path)}:{call.lineno} waits in the broker"
    assert "celery.exceptions.Ignore" not in set(imports(path))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_error_is_swallowed(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{name(path)}:{node.lineno} catches everything"
            empty = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
            assert not empty, f"{name(path)}:{node.lineno} swallows an error"


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_no_file_is_a_drawer(path: Path) -> None:
    assert path.stem not in ("utils", "util", "helpers", "helper", "manager", "common", "misc")
    assert path.read_text(encoding="utf-8").count("\n") <= 400, f"{name(path)} is over 400 lines"


# The local service's own adapter is not one of them: what stands beside it is a server of ours.
ADAPTERS = [path for path in SOURCES if re.match(r"vidpipe/services/(?!procedural/)", name(path))]


@pytest.mark.parametrize("path", ADAPTERS, ids=name)
def test_an_adapter_is_read_in_a_minute(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") < 250, f"{name(path)} has 250 lines or more"


# Their libraries come with extras: they are not always there.
VENDORS = {"openai", "google", "runwayml", "fal_client", "httpx2"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_vendors_library_is_imported_in_the_services_alone(path: Path) -> None:
    assert path in ADAPTERS or not {found.split(".")[0] for found in imports(path)} & VENDORS


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_no_test_waits_for_a_length_of_time() -> None:
    for path in ROOT.glob("tests/**/*.py"):
        for called, call in calls(path):
            if called == "sleep" and path != Path(__file__):
                zero = call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
                assert zero, f"{name(path)}:{call.lineno} sleeps"


def test_nothing_names_the_machine_it_was_written_on() -> None:
    """Where the checkout lies is of no use to anybody else; short places such as /app may well stand in a text."""
    folders = ("*.md", "*.cfg", "scripts/**/*", "config/**/*", "docker/**/*", "tests/**/*.py")
    found = [path for pattern in folders for path in ROOT.glob(pattern) if path.is_file()]
    files = [path for path in found if "__pycache__" not in path.parts]
    own = re.compile(rf"{re.escape(str(ROOT))}\b")
    for path in [*SOURCES, *files]:
        if len(ROOT.parts) > 2 and path.stat().st_size < 1_000_000:
            assert not own.search(path.read_text(encoding="utf-8", errors="replace")), name(path)
