"""The procedural service's bill: what is charged, at which price, and that nothing in it is ever wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.video_services.stage import LITE_PRICE, PRICE, Server, delivered, outcome, request_for
from vidpipe.domain.pricing import Price
from vidpipe.errors import Uncertain
from vidpipe.services.procedural.adapter import ProceduralService


def test_what_was_filtered_is_counted_and_not_charged(server: Server, procedural: ProceduralService) -> None:
    request = request_for("a road [fault: filtered 1]", count=3)
    found = delivered(procedural, procedural.submit(request).name)
    assert [clip.number for clip in found.clips] == [2, 3]
    assert found.filtered == 1 and len(found.filter_reasons) == 1
    assert found.cost == PRICE * 2
    assert len(server.get(f"/v1/bill?token={request.token}")["rows"]) == 3


def test_a_failed_operation_is_not_charged(server: Server, procedural: ProceduralService) -> None:
    request = request_for("a road [fault: fail]")
    outcome(procedural, procedural.submit(request).name)
    assert Decimal(server.get(f"/v1/bill?token={request.token}")["total"]) == 0


@pytest.mark.parametrize(("model", "price"), [("procedural-1", PRICE), ("procedural-lite", LITE_PRICE)])
@pytest.mark.parametrize("seconds", [1.0, 0.7, 1.333])
def test_every_model_has_its_price_and_the_catalogue_comes_to_the_same(
    server: Server, procedural: ProceduralService, model: str, price: Decimal, seconds: float
) -> None:
    request = request_for(model=model, duration=seconds, count=3)
    found = delivered(procedural, procedural.submit(request).name)
    rows = server.bill(request.token)
    assert {row["amount"] for row in rows} == {f"{price * Decimal(str(seconds)):.6f}"}
    total = sum(Decimal(row["amount"]) for row in rows)
    assert found.cost == total == Price(price).of(seconds, 3)


def test_a_row_says_all_that_a_ledger_can_be_compared_with(server: Server, procedural: ProceduralService) -> None:
    request = request_for(count=2)
    name = procedural.submit(request).name
    rows = server.bill(request.token)
    told = [(row["token"], row["operation"], row["clip"], row["model"], row["given_back"]) for row in rows]
    assert told == [(request.token, name, clip, "procedural-1", None) for clip in (1, 2)]
    procedural.cancel(name)
    assert all(row["given_back"] is not None for row in server.bill(request.token))


@pytest.mark.parametrize("fault", ["500-after", "lost-answer", "timeout-after"])
def test_what_was_accepted_is_billed_whatever_was_answered(server: Server, fault: str) -> None:
    request = request_for(f"the sea [fault: {fault}]")
    with pytest.raises(Uncertain):
        ProceduralService(server.url, call_timeout=0.3).submit(request)
    assert [Decimal(row["amount"]) for row in server.bill(request.token)] == [PRICE]


def test_a_folder_of_version_0_1_is_gone_on_with(serve: Callable[..., Server], short_folder: Path) -> None:
    (short_folder / "d").mkdir()
    with closing(sqlite3.connect(short_folder / "d" / "service.sqlite3")) as books, books:
        books.execute(
            "create table bill (id integer primary key autoincrement, operation text not null, clip integer not null,"
            " token text not null, amount text not null, at real not null, given_back real, unique (operation, clip))"
        )
        books.execute("insert into bill (operation, clip, token, amount, at) values ('op-1', 1, 'old', '0.2', 1.0)")
    server = serve("--price", "0.1")
    request = request_for()
    ProceduralService(server.url).submit(request)
    assert [(row["token"], row["model"]) for row in server.get("/v1/bill")["rows"]] == [
        ("old", ""),
        (request.token, "procedural-1"),
    ]
    assert Decimal(server.get("/v1/bill")["total"]) == Decimal("0.3")
