"""Faults that are injected while the server runs, and the log of every fault that an order met."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.video_services.stage import Server, delivered, request_for
from vidpipe.errors import Transient, Unavailable, Uncertain
from vidpipe.services.procedural.adapter import ProceduralService


def inject(server: Server, fault: str, orders: int) -> None:
    answer = server.ask("POST", "/v1/faults", json={"fault": fault, "next": orders})
    assert answer.status_code == 201, answer.text


def log(server: Server) -> list[tuple[str, str | None, str, float]]:
    rows: list[dict[str, Any]] = server.get("/v1/faults")["log"]
    assert all(row["at"] > 0 for row in rows)
    return [(row["token"], row["operation"], row["fault"], row["figure"]) for row in rows]


def test_the_next_orders_meet_it_and_no_others(serve: Callable[..., Server]) -> None:
    server = serve("--faults")
    service = ProceduralService(server.url)
    inject(server, "500-after", 2)
    met = [request_for() for _ in range(2)]
    for request in met:
        with pytest.raises(Uncertain):
            service.submit(request)
        assert server.posts(request.token) == 1
    service.submit(request_for())
    assert log(server) == [(request.token, found_name(service, request.token), "500-after", 1) for request in met]


def found_name(service: ProceduralService, token: str) -> str:
    found = service.find(token)
    assert found is not None
    return found.name


def test_what_was_injected_first_is_met_first_with_its_figure(serve: Callable[..., Server]) -> None:
    server = serve("--faults")
    service = ProceduralService(server.url)
    inject(server, "quota", 1)
    inject(server, "429 x5", 1)  # x5 is for words in prompts; an injection is for so many orders as it says
    inject(server, "late 0.2", 1)
    requests = [request_for() for _ in range(3)]
    with pytest.raises(Unavailable):
        service.submit(requests[0])
    with pytest.raises(Transient):
        service.submit(requests[1])
    name = service.submit(requests[2]).name
    assert delivered(service, name).clips
    assert log(server) == [
        (requests[0].token, None, "quota", 1),
        (requests[1].token, None, "429", 5),
        (requests[2].token, name, "late", 0.2),
    ]


def test_the_log_and_what_waits_survive_a_kill(serve: Callable[..., Server]) -> None:
    server = serve("--faults")
    service = ProceduralService(server.url)
    inject(server, "500-after", 3)
    with pytest.raises(Uncertain):
        service.submit(request_for())
    before = log(server)
    server.end(signal.SIGKILL)
    server.start()
    assert log(server) == before and len(before) == 1
    assert [row["remaining"] for row in server.get("/v1/faults")["waiting"]] == [2]
    with pytest.raises(Uncertain):
        service.submit(request_for())
    assert len(log(server)) == 2


def test_words_in_prompts_are_logged_where_they_come_true(serve: Callable[..., Server]) -> None:
    server = serve("--faults")
    service = ProceduralService(server.url)
    request = request_for("the sea [fault: 503 x1] [fault: silent]")
    with pytest.raises(Transient):
        service.submit(request)
    name = service.submit(request).name
    assert log(server) == [(request.token, None, "503", 1), (request.token, name, "silent", 1)]


def test_what_waits_can_be_withdrawn(serve: Callable[..., Server]) -> None:
    server = serve("--faults")
    inject(server, "500", 10)
    assert server.ask("DELETE", "/v1/faults").json() == {"log": [], "waiting": []}
    ProceduralService(server.url).submit(request_for())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"fault": "500-aftr", "next": 1}, 422), ({"fault": "", "next": 1}, 422), ({"fault": "503 x", "next": 1}, 422),
        ({"fault": "500", "next": 0}, 400), ({"fault": "500", "next": "all"}, 400), ({"next": 1}, 400), ([], 400),
        ({"fault": "500", "times": 2}, 400),
    ],
)  # fmt: skip
def test_an_injection_that_is_none_is_refused(server: Server, body: object, status: int) -> None:
    answer = server.ask("POST", "/v1/faults", json=body)
    assert answer.status_code == status and answer.json()["error"]["message"]
    assert server.get("/v1/faults")["waiting"] == []


def test_nothing_is_injected_into_a_server_that_was_not_started_for_it(serve: Callable[..., Server]) -> None:
    server = serve("--fault", "silent")
    for method in ("POST", "DELETE"):
        assert server.ask(method, "/v1/faults", json={"fault": "500", "next": 1}).status_code == 403
    request = request_for("the sea [fault: 500]")
    name = ProceduralService(server.url).submit(request).name
    assert log(server) == [(request.token, name, "silent", 1)]
