"""The real servers that films are made on while processes are killed, and the services' books, read from outside."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import yaml
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.waiting import until
from vidpipe.cluster.embedded import start
from vidpipe.cluster.options import ClusterOptions

ASKED, MUTE = "procedural", "mute"  # the service that can be asked and told to stop, and the one that cannot
PRICE = Decimal(1)  # US dollars a second of the usual model; a clip here lasts half a second
CHEAP = Decimal("0.25")
_MODEL = {
    "min_duration": 0.5, "max_duration": 30, "max_pixels": 2073600, "frame_rates": [12], "max_candidates": 4,
    "audio": True, "seed": True, "first_frame": True, "last_frame": True, "max_references": 3, "poll_seconds": 0.05,
    "timeout_seconds": 600, "settling_seconds": 0,
}  # fmt: skip
_SERVICES = {
    ASKED: {
        "default_model": "procedural-1",
        "operations": 8,
        "models": {
            "procedural-1": {**_MODEL, "price_per_second": str(PRICE), "cheaper": f"{ASKED}/procedural-lite"},
            "procedural-lite": {**_MODEL, "price_per_second": str(CHEAP)},
        },
    },
    MUTE: {
        "adapter": "procedural",
        "default_model": "procedural-1",
        "operations": None,
        "options": {"askable": False, "cancellable": False},
        "models": {
            "procedural-1": {**_MODEL, "price_per_second": str(PRICE)},
        },
    },
}


@dataclass(frozen=True)
class Billed:
    """One clip on a service's bill."""

    service: str
    operation: str
    token: str
    amount: Decimal  # US dollars; nothing where it was given back


class House:
    """A broker, a database server and two services with bills."""

    def __init__(self, home: Path, settings: dict[str, Any]) -> None:
        self.home = home
        self.settings = settings
        self.halted = False
        self._numbers = count(1)
        self._admin = create_engine(self._database("postgres"), isolation_level="AUTOCOMMIT")

    def fresh_database(self, like: str = "vidpipe") -> str:
        """The address of a copy of the database `like`; waits until nobody uses that."""
        name = f"kills_{next(self._numbers)}"

        def made() -> bool:
            try:
                self._run(f"CREATE DATABASE {name} TEMPLATE {like}")
            except OperationalError as error:
                if "being accessed" not in str(error):
                    raise
                return False
            return True

        until(made, what=f"a copy of {like}")
        return self._database(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever uses it."""
        self._run(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        self._admin.dispose()

    def _database(self, name: str) -> str:
        return make_url(self.settings["database_url"]).set(database=name).render_as_string(hide_password=False)

    def _run(self, words: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(words))

    def bill(self, after: dict[str, int]) -> list[Billed]:
        """What the services have charged since `mark`."""
        found = []
        for service in (ASKED, MUTE):
            rows = self._read(service, "select * from bill where id > ? order by id", after[service])
            found += [
                Billed(service, row["operation"], row["token"], Decimal(0 if row["given_back"] else row["amount"]))
                for row in rows
            ]
        return found

    def mark(self) -> dict[str, int]:
        """Where the bills stand now."""
        last = "select coalesce(max(id), 0) as id from bill where id > ?"
        return {service: self._read(service, last, 0)[0]["id"] for service in (ASKED, MUTE)}

    def _read(self, service: str, words: str, value: int) -> list[sqlite3.Row]:
        path = self.home / _folder(service) / "service.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as books:
            books.row_factory = sqlite3.Row
            return list(books.execute(words, (value,)))

    def inject(self, service: str, fault: str, orders: int = 1) -> None:
        """Let the next orders meet a fault."""
        with self._client(service) as client:
            client.post("/v1/faults", json={"fault": fault, "next": orders}).raise_for_status()

    def finish(self, service: str) -> None:
        """What a service works on slowly is done now."""
        with closing(sqlite3.connect(self.home / _folder(service) / "service.sqlite3", timeout=10)) as books, books:
            books.execute("update operations set ready_at = accepted where state = 'working'")

    def correct_the_bill(self, service: str, by: Decimal) -> str:
        """A service finds that its latest clip cost `by` US dollars more; the operation's name."""
        with closing(sqlite3.connect(self.home / _folder(service) / "service.sqlite3", timeout=10)) as books, books:
            latest = "select id, operation, amount from bill order by id desc limit 1"
            line, operation, amount = books.execute(latest).fetchone()
            books.execute("update bill set amount = ? where id = ?", (str(Decimal(amount) + by), line))
        return str(operation)

    def heal(self) -> None:
        """No fault waits any more, and both services run."""
        for service in (ASKED, MUTE):
            self.wake(service)
            with self._client(service) as client:
                client.delete("/v1/faults").raise_for_status()

    def halt(self, service: str) -> None:
        """Let a service stand still: it takes connections and answers nothing."""
        self.halted = True
        os.kill(self._pid(service), signal.SIGSTOP)

    def wake(self, service: str) -> None:
        """Let it go on."""
        os.kill(self._pid(service), signal.SIGCONT)
        self.halted = False

    def _pid(self, service: str) -> int:
        note = json.loads((self.home / "cluster.json").read_text(encoding="utf-8"))
        return int(note["processes"][_folder(service)]["pid"])

    def _client(self, service: str) -> httpx.Client:
        url = self.settings["procedural_url"] if service == ASKED else self.settings["service_urls"][service]
        socket = unquote(url.removeprefix("http+unix://"))
        return httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://service", timeout=10)


def _folder(service: str) -> str:
    """What a service's folder and process are called."""
    return ASKED if service == ASKED else f"{ASKED}-{service}"


@contextmanager
def opened(home: Path) -> Iterator[House]:
    """A house for a while."""
    config = home.with_suffix(".yaml")
    config.write_text(yaml.safe_dump({"services": _SERVICES}), encoding="utf-8")
    options = ClusterOptions(faults="prompts", renderers=1, extra_env={"VIDPIPE_CONFIG": str(config)})
    with start(home, supervisor="tests.servers_only", options=options) as handle:
        house = House(home, dict(handle.settings))
        try:
            yield house
        finally:
            house.close()
