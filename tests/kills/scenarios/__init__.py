"""Films, and what befalls them: together they pass every place of `places`. Each has an end and a price that no kill
may change. Services fail by injection, so that one order meets the fault and the next does not."""

from __future__ import annotations

from tests.kills.scenarios import answers, drawn, money, orders, store, unclear, usual

_PARTS = (usual, answers, store, orders, money, unclear, drawn)
SCENARIOS = {scenario.name: scenario for part in _PARTS for scenario in part.all_of()}
