"""What one submit may mean, and that it is one: the procedural service's answers and the outcomes they become."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contract.video_services.stage import Server, request_for
from vidpipe.domain.requests import Accepted, RemoteClip
from vidpipe.errors import Refused, ServiceError, SetupError, Transient, Unavailable, Uncertain
from vidpipe.services.procedural.adapter import ProceduralService


def test_a_submit_is_named(procedural: ProceduralService) -> None:
    assert isinstance(procedural.submit(request_for()), Accepted)


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        ("503 x1", Transient, 0),
        ("429 x1", Transient, 0),
        ("quota x1", Unavailable, 0),
        ("maintenance x1", Unavailable, 0),
        ("500 x1", Uncertain, 0),
        ("refuse-policy", Refused, 0),
        ("invalid", Refused, 0),
        ("lost-answer", Uncertain, 1),
        ("stall 20", Uncertain, 1),
        ("500-after", Uncertain, 1),
        ("timeout-after", Uncertain, 1),
    ],
)
def test_a_submit_posts_once_and_says_what_became_of_it(
    server: Server, fault: str, error: type[ServiceError], accepted: int
) -> None:
    service = ProceduralService(server.url, call_timeout=0.5)
    request = request_for(f"the sea [fault: {fault}]", label=f"once {fault}")
    with pytest.raises(error) as caught:
        service.submit(request)
    assert type(caught.value) is error
    assert server.posts(request.token) == accepted
    found = service.find(request.token)
    assert (found is not None) == bool(accepted)
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == 1
        service.submit(request)  # the second attempt of the same prompt goes through
        assert server.posts(request.token) == 1
    if fault == "refuse-policy":
        assert isinstance(caught.value, Refused) and caught.value.kind == "policy"


def nobody_there(folder: Path) -> list[str]:
    """Addresses where nobody listens: no such socket, and a port that was let go."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    return [f"http+unix://{quote(str(folder / 'none'), safe='')}", f"http://127.0.0.1:{port}"]


def test_a_server_that_is_not_there_has_accepted_nothing(short_folder: Path) -> None:
    for url in nobody_there(short_folder):
        service = ProceduralService(url)
        with pytest.raises(Unavailable):
            service.submit(request_for())
        with pytest.raises(Unavailable):
            asyncio.run(service.poll("op-0"))
        with pytest.raises(Unavailable):
            service.fetch("op-0", RemoteClip(1, {"number": 1}), short_folder / "clip.mp4")
        with pytest.raises(Unavailable):
            service.find("token")
        with pytest.raises(Unavailable):
            service.cancel("op-0")


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 31.0}, {"duration": 0.1}, {"fps": 23}, {"width": 191}, {"width": 4000, "height": 2000},
        {"count": 5},
        {"model": "procedural-9"}, {"prompt": " "}, {"prompt": "x" * 10_001}, {"token": "a b"},
    ],
)  # fmt: skip
def test_what_the_model_cannot_do_is_refused_and_not_billed(
    server: Server, procedural: ProceduralService, changes: dict[str, object]
) -> None:
    request = request_for(**changes)
    with pytest.raises(Refused) as caught:
        procedural.submit(request)
    assert caught.value.kind == "invalid"
    assert server.posts(request.token) == 0


def test_an_address_that_is_none_is_a_set_up_error() -> None:
    for url in ("", "ftp://x", "http://", "/tmp/x"):
        with pytest.raises(SetupError):
            ProceduralService(url)
