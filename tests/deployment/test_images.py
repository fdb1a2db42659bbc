"""The Dockerfile: linted, built from what its context has, each image with what its commands need and no more."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import composed, dockerfile, image
from tests.deployment.composed import DOCKER, ROOT
from vidpipe.cli.main import parser

TARGETS = ("io", "gpu", "web", "tick", "procedural")
# What a worker, a sender and a person's command import at the latest when they do their work.
MODULES = {
    "io": ("tasks.route", "tasks.ticks", "tasks.heartbeat", "vidpipe.cli.worker", "vidpipe.cli.health",
           "vidpipe.services.openai_videos", "vidpipe.services.runway", "vidpipe.services.pika",
           "vidpipe.services.google.veo", "vidpipe.services.google.gemini", "vidpipe.services.images.gemini",
           "vidpipe.services.images.procedural", "vidpipe.services.text.gemini"),
    "gpu": ("tasks.route", "tasks.heartbeat", "vidpipe.vision.technical", "vidpipe.cli.worker", "vidpipe.cli.health"),
    "web": ("tasks.app", "flower.command", "vidpipe.cli.flower", "vidpipe.cli.health"),
    "tick": (
        "tasks.ticks", "tasks.beat", "vidpipe.services.openai_videos", "vidpipe.services.runway",
        "vidpipe.services.google.veo", "vidpipe.services.pika", "vidpipe.services.google.gemini",
        *(f"vidpipe.cli.{name}" for name in ("db", "metrics", "enqueue", "status", "follow", "report", "doctor",
                                             "storage", "uncertain", "health")),
    ),
    "procedural": ("vidpipe.services.procedural.server",),
}  # fmt: skip


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [composed.tool("hadolint"), "--no-color", str(path)], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_linter_has_nothing_to_say() -> None:
    done = lint(DOCKER / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_say_it(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    good = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    bad.write_text(good.replace("'tini=0.19.0-1*'", "tini").replace('CMD ["worker", "io"]', "CMD worker io"))
    found = lint(bad)
    assert found.returncode == 1 and "DL3008" in found.stdout and "DL3025" in found.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_a_fixed_user_under_tini_and_is_stopped_by_sigterm(target: str) -> None:
    stage = dockerfile.stages()[target]
    assert stage.user == "10001:10001" and stage.stop_signal == "SIGTERM"
    assert stage.entrypoint[:2] == ("tini", "--")


@pytest.mark.parametrize("target", [name for name in TARGETS if name != "procedural"])
def test_an_images_own_command_and_healthcheck_are_vidpipes(target: str) -> None:
    stage = dockerfile.stages()[target]
    assert stage.entrypoint == ("tini", "--", "vidpipe")
    for words in (stage.command, stage.health[1:]):
        parser(words[0])[0].parse_args(words[1:])
    assert stage.health[0] == "vidpipe"


def test_an_image_is_as_healthy_alone_as_under_compose(services: dict[str, Any]) -> None:
    for target, service in {"io": "io", "gpu": "gpu", "tick": "tick", "web": "flower"}.items():
        assert dockerfile.stages()[target].health == dockerfile.health_of(services[service]), target


def test_only_the_gpu_image_brings_torch() -> None:
    extras = {target: dockerfile.stages()[target].extra for target in TARGETS}
    assert extras == {
        "io": "services",
        "tick": "services",
        "web": "flower",
        "procedural": "procedural",
        "gpu": "vision",
    }


def test_no_image_compiles_anything() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    assert "PIP_ONLY_BINARY=:all:" in text
    for word in ("gcc", "build-essential", "g++", "-dev"):
        assert f" {word}" not in text and f"{word} " not in text


def test_the_builder_is_given_the_sources_and_no_secret() -> None:
    files = dockerfile.context()
    for source in dockerfile.stages()["wheel"].sources:
        assert any(path.as_posix().startswith(source.rstrip("./")) for path in files), source
    for hidden in ("docker/.env", ".git/config", ".venv/bin/python", ".vidpipe/signing-key", "vidpipe/__pycache__/a"):
        assert dockerfile.ignored(Path(hidden)), hidden
    assert not dockerfile.ignored(Path("vidpipe/cli/main.py"))


def test_the_wheel_holds_every_file_that_vidpipe_reads(built: image.Image) -> None:
    inside = set(zipfile.ZipFile(next(built.app.parent.glob("*.whl"))).namelist())
    told = (".py", ".yaml", ".json", ".txt", ".html", ".css", ".js", ".mako", ".typed")
    for path in dockerfile.context():
        if path.parts[0] in ("vidpipe", "tasks", "config") and path.suffix in told:
            name = path.as_posix() if path.parts[0] != "config" else f"vidpipe/{path.as_posix()}"
            assert name in inside, f"{path} is missing from the wheel: see setup.cfg, packages and package_data"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_brings_what_its_commands_import(built: image.Image, tmp_path: Path, target: str) -> None:
    env = built.environment(dockerfile.stages()[target], {"VIDPIPE_HOME": str(tmp_path)})
    lines = "; ".join(f"import {name}" for name in MODULES[target])
    done = subprocess.run([sys.executable, "-c", lines], env=env, cwd=tmp_path, capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_image_without_a_package_would_be_noticed(built: image.Image, tmp_path: Path) -> None:
    env = built.environment(dockerfile.stages()["io"], {"VIDPIPE_HOME": str(tmp_path)})
    done = subprocess.run([sys.executable, "-c", "import flower"], env=env, cwd=tmp_path, capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 1 and "this image does not bring it" in done.stderr


def test_what_is_run_is_the_wheel_and_not_the_checkout(built: image.Image, tmp_path: Path) -> None:
    env = built.environment(dockerfile.stages()["io"], {})
    code = "import vidpipe, tasks; print(vidpipe.__file__, tasks.__file__)"
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True,
                          timeout=60, check=True)  # fmt: skip
    assert done.stdout.count(str(built.app)) == 2 and str(ROOT / "vidpipe") not in done.stdout
