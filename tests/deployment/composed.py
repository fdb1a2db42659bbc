"""docker/compose.yaml as docker-compose itself reads it, with the example's environment filled in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidpipe.settings import child_environment

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"
GPU = DOCKER / "compose.gpu.yaml"
OURS = "vidpipe-"  # how the names of our own images begin


def tool(name: str) -> str:
    """A program that a package has put beside this Python."""
    return str(Path(sys.prefix) / "bin" / name)


def example() -> dict[str, str]:
    """The names and values of docker/.env.example."""
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def secrets() -> tuple[str, ...]:
    """What the example leaves to be filled in."""
    return tuple(name for name, value in example().items() if not value)


def filled(without: str = "") -> dict[str, str]:
    """The example with a secret of its own for each that is empty, but for `without`."""
    made = {name: f"madeup{number:02}{name.lower().replace('_', '')}" for number, name in enumerate(secrets())}
    return {**example(), **made, **({without: ""} if without else {})}


def compose(
    *words: str, folder: Path, values: Mapping[str, str], files: tuple[Path, ...] = (COMPOSE,)
) -> subprocess.CompletedProcess[str]:
    """`docker-compose WORDS` with these values in its .env file, and nothing of this machine's environment."""
    env_file = folder / "values.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    named = [word for path in files for word in ("--file", str(path))]
    keep = child_environment({"HOME": str(folder)}, without=("COMPOSE_", "DOCKER_", "VIDPIPE_", "VIDEO_", *values))
    command = [tool("docker-compose"), "--env-file", str(env_file), *named, *words]
    return subprocess.run(command, env=keep, capture_output=True, text=True, timeout=60, check=False)


def read(folder: Path, *, files: tuple[Path, ...] = (COMPOSE,)) -> dict[str, Any]:
    """The whole model, every profile included; a dollar sign is one dollar sign."""
    profiles = ("--profile", "tools", "--profile", "rehearsal")
    done = compose(*profiles, "config", "--format", "json", folder=folder, values=filled(), files=files)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.replace("$$", "$"))
    return found


def seconds(words: str) -> float:
    """A length of time as compose writes it: 1m30s, 45s."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?", words)
    assert parts and words, words
    hours, minutes, rest = (float(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + rest


def ours(services: Mapping[str, Any]) -> dict[str, Any]:
    """The services that are vidpipe, not servers of other people."""
    return {name: service for name, service in services.items() if service["image"].startswith(OURS)}


def is_vidpipe(service: Mapping[str, Any]) -> bool:
    """Whether its container runs the command line of vidpipe (the procedural service has one of its own)."""
    return bool(service["image"].startswith(OURS)) and not service["image"].startswith(f"{OURS}procedural")


def settings_known() -> frozenset[str]:
    """Every name that vidpipe's settings read from the environment."""
    source = (ROOT / "vidpipe" / "settings.py").read_text(encoding="utf-8")
    return frozenset(re.findall(r'"((?:VIDPIPE|VIDEO|IMAGE|PROMETHEUS)_[A-Z0-9_]+)"', source))
