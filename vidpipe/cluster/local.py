"""The procedural services that an embedded cluster runs: one server for every instance that the configuration has.

An entry of config/services.yaml, or of a user's own file, whose adapter is procedural and which has no `url` among its
options is such an instance. Each charges what the catalogue says, model by model, and keeps to its limits; and every
process of the cluster is handed the entries as the servers were started with them, so that an estimate, the ledger and
the bill agree whatever happens to the file meanwhile.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vidpipe.cluster.layout import MOST_SOCKET_PATH, Layout
from vidpipe.cluster.options import ClusterOptions
from vidpipe.domain.catalogue import ServiceFacts, options_of, read_catalogue
from vidpipe.errors import SetupError
from vidpipe.services.procedural.wire import MODELS
from vidpipe.settings import child_environment, load, merge

FIRST = "procedural"  # the instance that is there without any configuration; settings.procedural_url leads to it
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")


@dataclass(frozen=True)
class LocalService:
    """One instance."""

    facts: ServiceFacts
    entry: Mapping[str, Any]  # of the configuration, with the prices that it charges
    folder: Path
    socket: Path

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def process(self) -> str:
        """The name of its process and of its log."""
        return FIRST if self.name == FIRST else f"{FIRST}-{self.name}"

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http+unix://{quote(str(self.socket), safe='')}"

    def argv(self, options: ClusterOptions) -> tuple[str, ...]:
        """The command line of its server."""
        words = ["--dir", str(self.folder), "--uds", str(self.socket), "--name", self.name]
        for model, facts in self.facts.models.items():
            if facts.price_per_second:
                words += ["--price", f"{model}={facts.price_per_second:f}"]
        if self.facts.operations is not None:
            words += ["--most-operations", str(self.facts.operations)]
        if self.facts.requests_per_minute is not None:
            words += ["--requests-per-minute", str(self.facts.requests_per_minute)]
        if options.latency is not None:
            words += ["--latency", f"{options.latency:g}"]
        if options.renderers is not None:
            words += ["--renderers", str(options.renderers)]
        if options.faults:
            words += ["--faults"] if options.faults == "prompts" else ["--fault", options.faults]
        return (sys.executable, "-m", "vidpipe.services.procedural.server", *words)

    def prepare(self) -> None:
        """Make its folder; remove the socket of a killed server, which would find it taken."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.socket.unlink(missing_ok=True)


def local_services(layout: Layout, options: ClusterOptions) -> tuple[LocalService, ...]:
    """The instances to run; raises SetupError where the configuration cannot be used."""
    services = priced(load(child_environment(options.extra_env), home=layout.home).services, options.price)
    catalogue = read_catalogue(services)
    return tuple(
        _instance(layout, facts, services[name])
        for name, facts in catalogue.items()
        if facts.adapter == FIRST and not options_of(name, services[name]).get("url")
    )


def priced(services: Mapping[str, Any], price: str) -> Mapping[str, Any]:
    """`services` (Settings.services) with every model of the first instance at `price`; unchanged where it is empty."""
    models = services.get(FIRST, {}).get("models")
    if not price or not models:
        return services
    return merge(services, {FIRST: {"models": {model: {"price_per_second": price} for model in models}}})


def _instance(layout: Layout, facts: ServiceFacts, entry: Mapping[str, Any]) -> LocalService:
    name = facts.name
    unknown = [model for model in facts.models if model not in MODELS]
    if unknown:
        raise SetupError(
            f"services.{name} has a model that the procedural service does not: {unknown[0]}.",
            remedy=f"It has {' and '.join(MODELS)}.",
        )
    if name == FIRST:
        return LocalService(facts, entry, layout.procedural, layout.procedural_socket)
    folder, socket = layout.home / f"{FIRST}-{name}", layout.sockets / f"{name}.sock"
    if not _PLAIN.fullmatch(name) or socket == layout.valkey_socket:
        raise SetupError(
            f"a service of this cluster cannot be called {name[:60]!r}.",
            remedy="Give it another name: letters, digits, dashes and underscores.",
        )
    if len(str(socket).encode()) > MOST_SOCKET_PATH:
        raise SetupError(f"the socket's path {socket} is too long.", remedy=f"Give the service {name} a shorter name.")
    return LocalService(facts, entry, folder, socket)


def settings_of(services: Iterable[LocalService]) -> dict[str, Any]:
    """What other processes are told of them, under the names that vidpipe.settings gives it."""
    found = tuple(services)
    return {
        "service_urls": {one.name: one.url for one in found if one.name != FIRST},
        "services": {one.name: json.loads(json.dumps(one.entry, default=str)) for one in found},
    }


def environment(services: Iterable[LocalService]) -> dict[str, str]:
    """The same for the environment of this cluster's processes."""
    told = settings_of(services)
    return {"VIDPIPE_SERVICE_URLS": json.dumps(told["service_urls"]), "VIDPIPE_SERVICES": json.dumps(told["services"])}
