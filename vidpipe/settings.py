"""The only reader of the environment and of configuration files; everything else is handed a `Settings`.

Order, later wins: config/defaults.yaml, the user's file (VIDPIPE_CONFIG), the embedded cluster's own note
({home}/cluster.json, written while it runs), the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vidpipe.errors import SetupError

HOME_NAME = ".vidpipe"
SIGNING_KEY = "signing-key"  # a file in the home folder, made with the embedded cluster


@dataclass(frozen=True)
class Timing:
    """Seconds, all of them. Outside calls end before the lease of the step that makes them."""

    lease: float = 12.0  # how long a dead worker's row stays claimed
    heartbeat: float = 3.0  # how often a living worker renews its leases
    call_timeout: float = 30.0  # one submit, poll or fetch request
    poll_timeout: float = 10.0  # one operation within a wave
    wave_every: float = 0.5
    sweep_every: float = 1.0
    resend_after: float = 30.0  # an unclaimed message is sent again after this, doubling each time
    resend_most: float = 900.0
    backoff: float = 2.0  # first pause after a transient fault, doubling each time
    backoff_most: float = 120.0


@dataclass(frozen=True)
class Settings:
    """How this process reaches everything else."""

    home: Path
    # Whatever may hold a secret is left out of the representation, which finds its way into logs.
    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    storage_kind: str = "folder"
    storage_root: Path = Path()
    signing_key: str = field(default="", repr=False)  # of links to media in a folder
    default_service: str = "procedural"
    procedural_url: str = ""  # http+unix:// or http:// address of the local procedural service
    timing: Timing = field(default_factory=Timing)
    services: Mapping[str, Any] = field(default_factory=dict)  # config/services.yaml and the user's additions
    tries: int = 3  # for transient faults, a row

    @property
    def work(self) -> Path:
        """Where steps keep files while they work on them; may be emptied when nothing runs."""
        return self.home / "work"


def config_file(name: str) -> Path:
    """A data file of config/, in a checkout or in an installed package."""
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "config", here / "config"):
        if (folder / name).is_file():
            return folder / name
    raise SetupError(f"the data file {name} is missing from this installation", remedy="Install vidpipe again.")


def find_home(env: Mapping[str, str], cwd: Path) -> Path:
    """VIDPIPE_HOME, else the nearest .vidpipe folder upwards, else one to be made in the working directory."""
    if env.get("VIDPIPE_HOME"):
        return Path(env["VIDPIPE_HOME"]).expanduser().absolute()
    for folder in (cwd, *cwd.parents):
        if (folder / HOME_NAME).is_dir():
            return folder / HOME_NAME
    return cwd / HOME_NAME


def read_yaml(path: Path) -> dict[str, Any]:
    """One configuration file; raises SetupError where it cannot be read."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}", remedy="Mend or remove the file.") from error
    if not isinstance(found, dict):
        raise SetupError(f"{path} should hold a mapping", remedy="See config/defaults.yaml for its shape.")
    return found


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on it, mapping by mapping."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def load(environ: Mapping[str, str] | None = None, cwd: Path | None = None, *, home: Path | None = None) -> Settings:
    """The settings of this process; `home` goes before what the environment says.

    Raises SetupError with a remedy where something cannot be used.
    """
    env = os.environ if environ is None else environ
    home = home.expanduser().absolute() if home else find_home(env, cwd or Path.cwd())
    options = read_yaml(config_file("defaults.yaml"))
    services = read_yaml(config_file("services.yaml"))
    if env.get("VIDPIPE_CONFIG"):
        own = read_yaml(Path(env["VIDPIPE_CONFIG"]))
        services = merge(services, {"services": own.pop("services", {})})
        options = merge(options, own)
    note = home / "cluster.json"
    if note.is_file():
        options = merge(options, _cluster_note(note))
    key = home / SIGNING_KEY
    if key.is_file():
        options["signing_key"] = key.read_text(encoding="utf-8").strip()
    options = merge(options, _from_environment(env))
    return _settings(home, options, services)


def _cluster_note(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} cannot be read: {error}", remedy="Stop the cluster and remove it.") from error
    urls = found.get("settings", {})
    return urls if isinstance(urls, dict) else {}


_ENVIRONMENT = {
    "VIDPIPE_DATABASE_URL": "database_url",
    "VIDPIPE_BROKER_URL": "broker_url",
    "VIDPIPE_STORAGE": "storage_kind",
    "VIDPIPE_STORAGE_ROOT": "storage_root",
    "VIDPIPE_SIGNING_KEY": "signing_key",
    "VIDPIPE_PROCEDURAL_URL": "procedural_url",
    "VIDEO_PROVIDER": "default_service",
}


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    return {option: env[name] for name, option in _ENVIRONMENT.items() if env.get(name)}


def _settings(home: Path, options: Mapping[str, Any], services: Mapping[str, Any]) -> Settings:
    try:
        timing = Timing(**{key: float(value) for key, value in options.get("timing", {}).items()})
    except (TypeError, ValueError) as error:
        raise SetupError(f"the timing settings cannot be used: {error}") from error
    root = options.get("storage_root") or home / "media"
    return Settings(
        home=home,
        database_url=str(options.get("database_url", "")),
        broker_url=str(options.get("broker_url", "")),
        storage_kind=str(options.get("storage_kind", "folder")),
        storage_root=Path(root),
        signing_key=str(options.get("signing_key", "")),
        default_service=str(options.get("default_service", "procedural")),
        procedural_url=str(options.get("procedural_url", "")),
        timing=timing,
        services=services["services"],
        tries=int(options.get("tries", 3)),
    )


def child_environment(
    extra: Mapping[str, str],
    *,
    without: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """This process's environment for a child process, with `extra` laid on it.

    Names that begin with one of `without` are left out. A PYTHONPATH in `extra` goes before the present one.
    """
    env = os.environ if environ is None else environ
    kept = {name: value for name, value in env.items() if not name.startswith(without)}
    path = [part for part in (extra.get("PYTHONPATH"), env.get("PYTHONPATH")) if part]
    return kept | dict(extra) | ({"PYTHONPATH": os.pathsep.join(path)} if path else {})
