"""The procedural service's limits: what exceeds them is answered with 429, counted, and not accepted."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.contract.video_services.stage import Server, delivered, request_for
from vidpipe.domain.requests import VideoRequest
from vidpipe.errors import Refused, Unavailable
from vidpipe.services.procedural.adapter import ProceduralService


def not_now(service: ProceduralService, request: VideoRequest) -> float:
    """Seconds after which the service wants to be asked again; its limits are no fault of one order."""
    with pytest.raises(Unavailable) as caught:
        service.submit(request)
    assert caught.value.retry_after is not None
    return caught.value.retry_after


def test_no_more_operations_than_allowed_are_in_flight(serve: Callable[..., Server]) -> None:
    server = serve("--most-operations", "2", "--latency", "600")
    service = ProceduralService(server.url)
    first = service.submit(request_for()).name
    service.submit(request_for(count=2))
    request = request_for()
    assert not_now(service, request) == 1
    assert server.posts(request.token) == 0
    assert service.cancel(first)
    service.submit(request)
    stats = server.get("/v1/stats")
    assert (stats["in_flight"], stats["most_in_flight"]) == (2, 2)
    assert stats["rejected"] == {"operations": 1, "requests": 0}


def test_what_was_delivered_is_no_longer_in_flight(serve: Callable[..., Server]) -> None:
    server = serve("--most-operations", "1")
    service = ProceduralService(server.url)
    for _ in range(3):
        delivered(service, service.submit(request_for(duration=0.5)).name)
    assert server.get("/v1/stats")["rejected"]["operations"] == 0


def test_no_more_orders_than_allowed_come_within_a_minute_over_a_restart_too(serve: Callable[..., Server]) -> None:
    server = serve("--requests-per-minute", "3")
    service = ProceduralService(server.url)
    with pytest.raises(Refused):
        service.submit(request_for(duration=99.0))  # one that is refused is one that came
    service.submit(request_for())
    service.submit(request_for())
    assert 55 <= not_now(service, request_for()) <= 60
    stats = server.get("/v1/stats")
    assert (stats["most_in_a_minute"], stats["rejected"]["requests"]) == (3, 1)
    server.end(signal.SIGKILL)
    server.start()
    service.submit(request_for())  # the refused one was not written down
    assert not_now(service, request_for()) > 50


def test_without_limits_there_are_none(server: Server) -> None:
    assert server.get("/v1/stats")["limits"] == {"operations": None, "requests_per_minute": None}
