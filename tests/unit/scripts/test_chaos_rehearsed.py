"""What scripts/chaos --rehearse plays on the emulator, and how it reads the emulator's books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scripts.chaos_runs import rehearsed
from scripts.chaos_runs.books import EMULATED, SHORTLY, Entered, bills, faulted, played, turned_away
from scripts.chaos_runs.scales import unbilled, uncovered
from vidpipe.domain.catalogue import read_catalogue
from vidpipe.emulator.ledger import Ledger
from vidpipe.emulator.registry import ENDPOINTS, PROTOCOLS
from vidpipe.emulator.scenario import Call, read
from vidpipe.emulator.troubles import TROUBLES, Fate
from vidpipe.services.procedural.wire import Order

PRICE = Decimal("0.0371")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    path = tmp_path / EMULATED
    path.parent.mkdir()
    made = Ledger(path)
    yield made
    made.store.close()


def order(ledger: Ledger, token: str, name: str, *, service: str = "runway", **memo: str) -> None:
    """One order that is accepted, after a 500 that is answered all the same."""
    call, fate = Call(service, "videos", "small", "a sea", token), Fate({"500-after": -1.0})
    ledger.post(call, fate)
    wanted = Order(token=token, model="procedural-lite", prompt="a sea", duration=1.0, width=160, height=90, fps=24)
    ledger.accept(call, fate, wanted, name=name, memo=memo, amount=PRICE, ready_at=0.0, filtered=0)


def rules(seed: int, orders: int) -> list[dict[str, Any]]:
    """The scenario's rules, as the emulator finds nothing wrong with them."""
    text = rehearsed.scenario(seed, orders)
    names = [name for name in rehearsed.PRICES if name != rehearsed.ASKABLE]
    assert read(text, services=names, endpoints=ENDPOINTS).rules
    found: list[dict[str, Any]] = json.loads(text)["rules"]
    return found


@pytest.mark.parametrize("orders", [20, 200, 2000])
def test_every_trouble_is_scripted_soon_and_again_and_by_the_seed(orders: int) -> None:
    found = rules(1, orders)
    assert {rule["fault"] for rule in found} == set(TROUBLES)
    assert all(rule["orders"][0] <= max(len(found), orders // 3) and len(rule["orders"]) > 1 for rule in found)
    assert rules(1, orders) == found != rules(2, orders)


def test_of_orders_without_a_service_of_their_own_none_meets_two_troubles_at_once() -> None:
    often = {"slow-answer"}
    free = [rule for rule in rules(3, 200) if not {"service", "prompt"} & set(rule) and rule["fault"] not in often]
    places = [rule["orders"][0] for rule in free]
    assert len(set(places)) == len(places)


def test_every_paid_protocol_that_makes_clips_is_ordered_from() -> None:
    entries = rehearsed.config()["services"]
    keyed = {name: {"keys": ["K"], "title": name, **entry} for name, entry in entries.items()}
    adapters = {facts.adapter for facts in read_catalogue(keyed).values()}
    assert adapters - {"procedural"} == {name for name in PROTOCOLS if name not in ("gemini_images", "gemini_text")}
    assert {service for service, _ in rehearsed.REHEARSED.routes} == set(entries) - {"procedural"}


def test_a_bill_with_one_operation_more_than_the_ledger_is_seen(ledger: Ledger, tmp_path: Path) -> None:
    order(ledger, "t", "one")
    entered = {"t": Entered("t", PRICE, Decimal(0))}
    billed = bills(tmp_path)
    assert [one.operation for one in billed["t"]] == ["one"]
    assert not uncovered(billed, entered) and not unbilled(entered, billed)
    order(ledger, "t", "two")
    again = bills(tmp_path)
    assert len(again["t"]) == 2 and sum(one.charged for one in again["t"]) == 2 * PRICE
    assert "one, two is charged $0.0742" in uncovered(again, entered)["t"]
    assert "knows nothing of it" in uncovered(again, {})["t"]
    ledger.books.end("one", "failed", "")
    ledger.books.end("two", "failed", "")
    assert unbilled(entered, bills(tmp_path)) == ["$0.0371 is settled for the order t, and $0 is charged for it"]


def test_an_operation_is_called_as_its_service_calls_it(ledger: Ledger, tmp_path: Path) -> None:
    order(ledger, "t", "ab", service="veo", parent="projects/p/models/m")
    (found,) = bills(tmp_path)["t"]
    assert (found.operation, found.service, found.faults) == (
        "projects/p/models/m/operations/ab",
        "veo",
        ("500-after",),
    )


def test_the_log_of_troubles_is_read_by_token(ledger: Ledger, tmp_path: Path) -> None:
    for service, token, fate in (
        ("pika", "a", {"quota": 1.0}), ("veo", "b", {"503": 1.0}), ("veo", "c", {"503": -1.0}), ("veo", "c", {}),
    ):  # fmt: skip
        ledger.post(Call(service, "videos", "m", "p", token), Fate(fate))
    assert faulted(tmp_path) == {"a": ["quota"], "b": [SHORTLY], "c": ["503"]}
    assert played(tmp_path) == {"quota": 1, SHORTLY: 1, "503": 1} and turned_away(tmp_path) == {"pika"}
    assert "503" in rehearsed.REHEARSED.unsure and SHORTLY not in rehearsed.REHEARSED.unsure
