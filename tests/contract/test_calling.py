"""What every client keeps to by which a service is called, of whichever library: patience, size, and no surprises."""

from __future__ import annotations

import gzip
import time
from itertools import islice
from typing import Any

import httpx
import httpx2
import pytest

from tests.emulated import Emulated
from tests.hostile import Answer, Hostile
from vidpipe.services.wire import calling

PATIENCE = 0.2  # seconds
SOON = 2.0

pytestmark = pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda found: found.__name__)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"{", endless=b"x", pause=0.02), Answer(unending=b"x", pause=0.02),
        Answer(unending=b"x: y\r\n", pause=0.02),
        Answer(endless=b"1\r\nx\r\n", pause=0.02, headers={"transfer-encoding": "chunked"}),
        Answer(status=103, unending=b"\r\nHTTP/1.1 103 Early Hints\r\nx: y\r\n", pause=0.02),
    ],
    ids=["body", "header", "headers", "chunks", "hints"],
)  # fmt: skip
def test_who_drips_is_given_up_as_who_says_nothing(library: Any, hostile: Hostile, answer: Answer) -> None:
    hostile.answer = answer
    begun = time.monotonic()
    with calling.client(library, PATIENCE) as client, pytest.raises(library.ReadTimeout):
        client.post(hostile.url, json={})
    assert PATIENCE * 0.9 < time.monotonic() - begun < SOON and len(hostile.requests) == 1


@pytest.mark.parametrize("answer", [Answer(unending=b"x", pause=0.02), Answer(unending=b"x: y\r\n", pause=0.02)])
def test_a_file_has_its_headers_in_time_too(library: Any, hostile: Hostile, answer: Answer) -> None:
    hostile.answer = answer
    with calling.client(library, PATIENCE, most=None) as client, pytest.raises(library.ReadTimeout):
        client.get(hostile.url)


def test_a_file_may_take_longer_and_be_larger_than_an_answer(library: Any, hostile: Hostile) -> None:
    hostile.answer = Answer(endless=b"x" * 65_536, pause=0.02)
    begun = time.monotonic()
    with calling.client(library, PATIENCE, most=None) as client, client.stream("GET", hostile.url) as answer:
        for _ in answer.iter_raw(65_536):
            if time.monotonic() - begun > 2 * PATIENCE:
                break
        else:
            pytest.fail("the file ended")


def test_what_is_longer_than_an_answer_may_be_is_not_read(library: Any, hostile: Hostile) -> None:
    hostile.answer = Answer(endless=b" " * 65_536)
    with calling.client(library, 5, most=100_000) as client, pytest.raises(library.ReadError, match="more than 100000"):
        client.get(hostile.url)
    assert hostile.sent < 16 * 1024 * 1024


def test_what_comes_packed_is_not_unpacked(library: Any, hostile: Hostile) -> None:
    hostile.answer = Answer(body=gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    with calling.client(library, 5) as client, pytest.raises(library.DecodingError):
        client.get(hostile.url)


def test_nothing_of_the_environment_and_no_redirect_leads_elsewhere(
    library: Any, hostile: Hostile, other: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    hostile.answer = Answer(status=307, headers={"location": other.url})
    with calling.client(library, 5) as client:
        assert client.post(hostile.url, json={}).status_code == 307
    assert len(hostile.requests) == 1 and other.requests == []


def test_an_answer_can_be_read_as_it_comes_and_its_connection_is_not_used_again(
    library: Any, emulator: Emulated
) -> None:
    ports = set()
    with calling.client(library, 5) as client:
        for _ in range(3):
            with client.stream("GET", f"{emulator.url}/emulator/stats") as answer:
                ports.add(answer.extensions["network_stream"].get_extra_info("client_addr")[1])
                assert b"".join(islice(answer.iter_bytes(1), 1)) == b"{"
    assert len(ports) == 3


def test_where_nobody_listens_nothing_was_sent(library: Any) -> None:
    with calling.client(library, 5) as client, pytest.raises(calling.not_sent(library)):
        client.get("http://127.0.0.1:9")  # discard: nobody listens
