"""What an adapter is opened with: its entry of the configuration, its address, its keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vidpipe.domain.catalogue import guess, options_of
from vidpipe.errors import SetupError
from vidpipe.settings import Settings

OpenMedia = Callable[[str], AbstractContextManager[Path]]  # storage.base.Storage.open_local


@dataclass(frozen=True)
class Opening:
    """One service to be opened. An adapter's `open_service(opening)` is what the registry calls."""

    name: str
    entry: Mapping[str, Any]
    settings: Settings
    media: OpenMedia

    def options(self, **known: type) -> dict[str, Any]:
        """The adapter's own options, each of the type that `known` names; SetupError for any other key or value."""
        found = dict(options_of(self.name, self.entry))
        for key, value in found.items():
            where = f"services.{self.name}.options"
            if key not in known:
                raise SetupError(f"{where} has a key that nothing reads: {key!r}.", remedy=guess(str(key), known))
            if known[key] is bool and not isinstance(value, bool):
                raise SetupError(f"{where}.{key} should be true or false, not {value!r}.")
            if not isinstance(value, known[key]):
                raise SetupError(f"{where}.{key} should be a {known[key].__name__}, not {value!r}.")
        return found

    def at(self, option: str) -> str:
        """The address that an option names, without a slash at its end; empty where it names none.

        In a rehearsal no option names one: the emulator answers for all hosts of a service, below its one address.
        """
        found = "" if self.settings.rehearsing else options_of(self.name, self.entry).get(option)
        return str(found or "").rstrip("/")

    @property
    def url(self) -> str:
        """Its address: the option `url`, else what the settings name for it (in a rehearsal the emulator), else
        nothing."""
        return self.at("url") or str(self.settings.service_urls.get(self.name) or "").rstrip("/")

    def key(self, number: int = 0) -> str:
        """The value of one of the variables that the entry lists as `keys`; SetupError where it is not set.

        It goes to the service alone: never into a message, a row or a log.
        """
        groups = list(self.entry.get("keys") or ())
        named = groups[number] if number < len(groups) else ()
        names = [named] if isinstance(named, str) else [str(name) for name in named]
        for name in names:
            if self.settings.keys.get(name):
                return self.settings.keys[name]
        if not names:
            raise SetupError(
                f"services.{self.name} names no variable that holds its key.",
                remedy="Write keys: [NAME_OF_THE_VARIABLE].",
            )
        raise SetupError(f"the service {self.name} has no key.", remedy=f"Set {' or '.join(names)}.")

    def spare_key(self) -> str | None:
        """The first value of the variables that the entry lists as `optional_keys`, where one is set."""
        keys = self.settings.keys
        return next((keys[name] for name in self.entry.get("optional_keys") or () if keys.get(name)), None)


def address(name: str, url: str) -> str:
    """`url` where it can be used: https, or http on this machine or a private network; else raises SetupError."""
    parts = urlsplit(url)
    try:
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0) and not (parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https") or parts.username or parts.password:
        raise SetupError(
            f"the address of the service {name} cannot be used: {url[:200]!r}.",
            remedy="It should look like https://host/v1, without a login.",
        )
    if parts.scheme == "http" and not near(str(parts.hostname)):
        raise SetupError(
            f"the address of the service {name} is http: its key would be sent in the open.", remedy="Use https."
        )
    return url.rstrip("/")


def near(host: str) -> bool:
    """Whether a host is this machine, an address of a private network, or a name without a dot."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return found.is_loopback or found.is_private
