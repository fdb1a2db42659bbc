"""A real object store for tests, with the user that vidpipe is meant to be and one who may do everything."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from minio import Minio

from tests.waiting import until
from vidpipe.cluster import seaweed
from vidpipe.cluster.layout import BUCKET, Layout
from vidpipe.cluster.readiness import StoreAnswers
from vidpipe.settings import Settings, child_environment
from vidpipe.storage.s3 import S3Storage
from vidpipe.storage.s3_client import Address

ADMIN = ("admin-of-the-tests", "who may do everything")


@dataclass
class ObjectStore:
    """SeaweedFS as the embedded cluster runs it, by itself."""

    layout: Layout
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        """The bucket, as the one user with our policy alone."""
        keys = json.loads(self.layout.s3_credentials.read_text())
        endpoint = f"127.0.0.1:{self.layout.s3_ports[0]}"
        return Address(endpoint, BUCKET, keys["access_key"], keys["secret_key"], "us-east-1", secure=False)

    @property
    def admin(self) -> Address:
        """The same as somebody who may do everything."""
        return replace(self.address, access_key=ADMIN[0], secret_key=ADMIN[1])

    def settings(self, base: Settings) -> Settings:
        """`base` with media in this store."""
        address = self.address
        return replace(
            base, storage_kind="s3", s3_endpoint=address.endpoint, s3_bucket=address.bucket, s3_secure=False,
            s3_access_key=address.access_key, s3_secret_key=address.secret_key,
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        seaweed.prepare(self.layout)
        users = json.loads(self.layout.s3_users.read_text())
        admin = {"accessKey": ADMIN[0], "secretKey": ADMIN[1]}
        users["identities"].append({"name": "admin", "credentials": [admin], "actions": ["Admin"]})
        self.layout.s3_users.write_text(json.dumps(users))
        with (self.layout.home / "s3.log").open("ab") as log:
            self.process = subprocess.Popen(
                seaweed.argv(self.layout), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=child_environment(seaweed.environment(self.layout)), start_new_session=True,
            )  # fmt: skip
        ready = StoreAnswers(self.layout)
        until(lambda: ready(self.layout.home / "s3.log", 0), seconds=30, what="the object store to answer")

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        seaweed.clear(self.layout)


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """One that runs; its data lie in `folder`."""
    (folder / "sockets").mkdir(parents=True)
    found = ObjectStore(Layout(folder, folder / "sockets", seaweed.ports(folder, "s3")))
    found.start()
    try:
        yield found
    finally:
        found.kill()


def empty(store: S3Storage) -> None:
    """Remove everything from the bucket."""
    for entry in list(store.entries("")):
        store.delete(entry.key)
    for leftover in list(store.leftovers()):
        store.drop(leftover)


def as_minio(address: Address) -> Minio:
    """The server's own client, for what vidpipe never does."""
    return Minio(
        address.endpoint, address.access_key, address.secret_key, secure=False, region=address.region
    )  # fmt: skip
