"""The only reader of the environment and of configuration files; everything else is handed a `Settings`.

Order, later wins: config/defaults.yaml, the user's file (VIDPIPE_CONFIG), the embedded cluster's own note
({home}/cluster.json, written while it runs), the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from vidpipe import fence
from vidpipe.errors import SetupError
from vidpipe.service_entries import hurried, is_video, key_names, keys_of, lacking, stated_in

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
    lane_patience: float = 600.0  # a service that is away for longer is left to those scenes that have no other


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
    s3_endpoint: str = ""  # host:port of the object store, for storage_kind s3
    s3_public_endpoint: str = ""  # as browsers reach it, in signed links; empty: the same
    s3_bucket: str = "vidpipe"
    s3_access_key: str = field(default="", repr=False)
    s3_secret_key: str = field(default="", repr=False)
    s3_region: str = "us-east-1"
    s3_secure: bool = True  # TLS
    flower_login: str = field(default="", repr=False)  # USER:PASSWORD of Flower's page; empty: made up at its start
    default_service: str = "procedural"
    default_image_service: str = "procedural_images"  # draws key frames
    procedural_url: str = ""  # http+unix:// or http:// address of the local procedural service
    service_urls: Mapping[str, str] = field(default_factory=dict)  # and of its further instances, by service
    timing: Timing = field(default_factory=Timing)
    services: Mapping[str, Any] = field(default_factory=dict)  # config/services and the user's additions
    # Services that cannot be used here: the names of the variables that would have to be set (see `lacking`).
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # what those variables hold that are set, by name
    rehearsing: bool = False  # the emulator stands in for every paid service
    policy: Mapping[str, Any] = field(default_factory=dict)  # config/policy.yaml, or the user's own in its place
    tries: int = 3  # for transient faults, a row
    log_format: str = "plain"  # or json
    metrics_port: int | None = None  # where a worker shows its figures; 0: a free one, told in its log; None: nowhere
    metrics_host: str = "127.0.0.1"
    metrics_folder: Path | None = None  # of a worker that forks: what its children count; nobody else's

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever may hold a secret; logs leave it out."""
        marked = [getattr(self, known.name) for known in fields(self) if not known.repr]
        each = (list(value.values()) if isinstance(value, Mapping) else [value] for value in marked)
        return tuple(str(value) for values in each for value in values if value)

    @property
    def waves(self) -> tuple[str, ...]:
        """The video services that can be asked from here: those whose keys are all set, and those that need none."""
        return tuple(name for name in self.services if name not in self.lacking and is_video(self.services[name]))

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
        # The parser in C, where there is one, reads the services in a tenth of the time.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}", remedy="Mend or remove the file.") from error
    if not isinstance(found, dict):
        raise SetupError(f"{path} should hold a mapping", remedy="See config/defaults.yaml for its shape.")
    return found


def read_services() -> dict[str, Any]:
    """The services that vidpipe brings along: the local ones, and those of the vendors, a file each."""
    local = config_file("services.yaml")
    found = read_yaml(local)
    for path in sorted((local.parent / "services").glob("*.yaml")):
        found = merge(found, read_yaml(path))
    return found


REHEARSAL = "VIDPIPE_REHEARSAL"  # set to anything: this process rehearses
DUMMY = "rehearsal"  # what every key is then
# What could lead a rehearsal to other servers than its own.
_ELSEWHERE = (
    "VIDPIPE_DATABASE_URL", "VIDPIPE_BROKER_URL", "VIDPIPE_STORAGE", "VIDPIPE_S3_", "VIDPIPE_PROCEDURAL_URL",
    "VIDPIPE_SERVICE_URLS", "VIDPIPE_SERVICES",
)  # fmt: skip


def enter_rehearsal() -> None:
    """From now on this process, and what it starts, dials nothing but this machine and has no key but dummies."""
    for name in [name for name in os.environ if name.startswith(_ELSEWHERE)]:
        del os.environ[name]
    os.environ[REHEARSAL] = "1"
    fence.install()


def emulator_note(home: Path) -> dict[str, Any]:
    """Where the emulator of a home is (`url`) and where its services are (`services`); empty where there is none."""
    try:
        found = json.loads((home / "emulator" / "services.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
    options = read_yaml(config_file("defaults.yaml")) | read_yaml(config_file("policy.yaml"))
    services = read_services()
    if env.get("VIDPIPE_CONFIG"):
        file = Path(env["VIDPIPE_CONFIG"])
        own = read_yaml(file)
        services = merge(services, {"services": stated_in(own.pop("services", {}), file.name)})
        options = merge(options, own)
    note = home / "cluster.json"
    if note.is_file():
        options = merge(options, _cluster_note(note))
    key = home / SIGNING_KEY
    if key.is_file():
        options["signing_key"] = key.read_text(encoding="utf-8").strip()
    if env.get("VIDPIPE_S3_ENDPOINT"):
        options.pop("s3_credentials", None)  # they are of the server that the settings named
    options = merge(options, _from_environment(env))
    services = merge(services, {"services": options.pop("services", {})})
    if env.get(REHEARSAL):
        fence.install()
        env = dict(env) | dict.fromkeys(key_names(services["services"]), DUMMY)
        emulated = emulator_note(home).get("services", {})
        options = merge(options, {"service_urls": emulated})
    return _settings(home, options, services, env)


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
    "VIDPIPE_S3_ENDPOINT": "s3_endpoint",
    "VIDPIPE_S3_PUBLIC_ENDPOINT": "s3_public_endpoint",
    "VIDPIPE_S3_BUCKET": "s3_bucket",
    "VIDPIPE_S3_ACCESS_KEY": "s3_access_key",
    "VIDPIPE_S3_SECRET_KEY": "s3_secret_key",
    "VIDPIPE_S3_CREDENTIALS": "s3_credentials",  # a JSON file of both: {"access_key": ..., "secret_key": ...}
    "VIDPIPE_S3_REGION": "s3_region",
    "VIDPIPE_S3_SECURE": "s3_secure",
    "VIDPIPE_PROCEDURAL_URL": "procedural_url",
    "VIDPIPE_FLOWER_LOGIN": "flower_login",
    "VIDEO_PROVIDER": "default_service",
    "IMAGE_PROVIDER": "default_image_service",
    "VIDPIPE_LOG": "log_format",
    "VIDPIPE_METRICS_PORT": "metrics_port",
    "VIDPIPE_METRICS_HOST": "metrics_host",
    "PROMETHEUS_MULTIPROC_DIR": "metrics_folder",  # named by prometheus_client
}


# Each a JSON object. The embedded cluster hands its processes the services that it runs, as it runs them: a file that
# is changed meanwhile changes no price that is being charged.
_OBJECTS = {"VIDPIPE_SERVICES": "services", "VIDPIPE_SERVICE_URLS": "service_urls"}


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {option: env[name] for name, option in _ENVIRONMENT.items() if env.get(name)}
    return found | {option: _object(name, env[name]) for name, option in _OBJECTS.items() if env.get(name)}


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SetupError(f"{name} is not JSON: {error}", remedy="Mend it or unset it.") from error
    if not isinstance(found, dict):
        raise SetupError(f"{name} should be a JSON object", remedy="Mend it or unset it.")
    return found


def _settings(home: Path, options: Mapping[str, Any], services: Mapping[str, Any], env: Mapping[str, str]) -> Settings:
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
        **_object_store(options),
        flower_login=str(options.get("flower_login", "")),
        default_service=str(options.get("default_service", "procedural")),
        default_image_service=str(options.get("default_image_service", "procedural_images")),
        procedural_url=str(options.get("procedural_url", "")),
        service_urls={str(name): str(url) for name, url in options.get("service_urls", {}).items()},
        timing=timing,
        services=hurried(services["services"], 2 * timing.call_timeout) if env.get(REHEARSAL) else services["services"],
        lacking=lacking(services["services"], env, options.get("service_urls", {})),
        keys=keys_of(services["services"], env),
        rehearsing=bool(env.get(REHEARSAL)),
        policy=options.get("policy") or {},
        tries=int(options.get("tries", 3)),
        **_watched(options),
    )


def _watched(options: Mapping[str, Any]) -> dict[str, Any]:
    """How this process is watched: its log and its figures."""
    log_format, port = options.get("log_format", "plain"), options.get("metrics_port")
    if log_format not in ("plain", "json"):
        raise SetupError(f"a log cannot be written as {log_format!r}", remedy="Set VIDPIPE_LOG to plain or json.")
    if port is not None and not (str(port).isdecimal() and int(port) <= 65535):
        raise SetupError(
            f"{port!r} is no port to show metrics on",
            remedy="Set VIDPIPE_METRICS_PORT to a number up to 65535; 0 takes a free one.",
        )
    return {
        "log_format": log_format,
        "metrics_port": None if port is None else int(port),
        "metrics_host": str(options.get("metrics_host", "127.0.0.1")),
        "metrics_folder": Path(options["metrics_folder"]) if options.get("metrics_folder") else None,
    }


def _object_store(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings say of the object store; keys that are given go before those in a file."""
    found = {name: str(options[name]) for name in _OBJECT_STORE if options.get(name) not in (None, "")}
    if options.get("s3_credentials"):
        found = _credentials(Path(str(options["s3_credentials"]))) | found
    secure = str(options.get("s3_secure", True)).lower()
    if secure not in _YES + _NO:
        raise SetupError(f"s3_secure (VIDPIPE_S3_SECURE) is {secure!r}", remedy="Write true or false.")
    return {**found, "s3_secure": secure in _YES}


_OBJECT_STORE = (
    "s3_endpoint", "s3_public_endpoint", "s3_bucket", "s3_access_key", "s3_secret_key", "s3_region",
)  # fmt: skip
_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")


def _credentials(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"s3_access_key": str(found["access_key"]), "s3_secret_key": str(found["secret_key"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"the keys of the object store cannot be read from {path}: {type(error).__name__}",  # not what it holds
            remedy='It should hold {"access_key": ..., "secret_key": ...}.',
        ) from error


def store_in_environment(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The variables of the environment that say where media lie: they go before what a cluster's note says."""
    env = os.environ if environ is None else environ
    return tuple(name for name in _ENVIRONMENT if name.startswith(("VIDPIPE_STORAGE", "VIDPIPE_S3_")) and env.get(name))


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
    made = kept | dict(extra) | ({"PYTHONPATH": os.pathsep.join(path)} if path else {})
    if made.get("VIDPIPE_CONFIG"):  # the child may work in another folder
        made["VIDPIPE_CONFIG"] = str(Path(made["VIDPIPE_CONFIG"]).absolute())
    return made
