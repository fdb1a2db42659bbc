"""What a vendor's protocol gives, and what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vidpipe.emulator.core import Emulator
from vidpipe.emulator.troubles import Refusal

Handler = Callable[[Request], Awaitable[Response]]


class Protocol(ABC):
    """One service of one vendor's kind. Handlers raise Refusal; `worded` says it as the vendor does."""

    path: ClassVar[str] = ""  # what follows the service's name in its base URL
    endpoints: ClassVar[tuple[str, ...]] = ()  # the names that its calls have in a scenario

    def __init__(self, core: Emulator, service: str) -> None:
        self.core, self.service = core, service

    @abstractmethod
    def routes(self) -> list[Route]:
        """Its paths, below the service's name."""

    @abstractmethod
    def worded(self, refusal: Refusal) -> Response:
        """Every no, with the vendor's status, body and headers."""

    @staticmethod
    def route(method: str, path: str, handler: Handler) -> Route:
        """One path for exactly one method."""
        made = Route(path, handler, methods=[method])
        made.methods = {method}  # Starlette adds HEAD to GET
        return made
