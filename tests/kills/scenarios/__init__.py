"""Films, and what befalls them: together they pass every place of `places`. Each has an end and a price that no kill
may change. Services fail by injection, so that one order meets the fault and the next does not."""

from __future__ import annotations

from tests.kills.scenarios import answers, money, orders, store, unclear, usual

_ALL = (*usual.all_of(), *answers.all_of(), *store.all_of(), *orders.all_of(), *money.all_of(), *unclear.all_of())
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
