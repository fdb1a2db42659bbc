"""A scenario decides which orders meet which troubles, and says what is wrong with itself, with the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidpipe.emulator.limits import Limits
from vidpipe.emulator.scenario import Call, Scenario, ScenarioInvalid, read
from vidpipe.emulator.troubles import ANSWER, BEFORE, NO_FIGURE, TROUBLES, settled
from vidpipe.services.procedural.store import Store

SERVICES, ENDPOINTS = ("veo", "runway"), ("videos", "images")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "s")
    yield made
    made.close()


def scenario(text: str) -> Scenario:
    return read(text, services=SERVICES, endpoints=ENDPOINTS)


def order(prompt: str = "a sea", service: str = "veo", endpoint: str = "videos", model: str = "m") -> Call:
    return Call(service, endpoint, model, prompt)


def met(text: str, store: Store, *calls: Call) -> list[dict[str, float]]:
    played = scenario(text)
    return [dict(played.fate(call, store).found) for call in calls]


def test_a_rule_is_for_the_orders_it_fits(store: Store) -> None:
    text = "rules: [{fault: black, service: veo, endpoint: videos, model: m, prompt: 'sea|storm'}]"
    calls = (order(), order("A STORM"), order("a road"), order(service="runway"), order(endpoint="images"))
    assert met(text, store, *calls, order(model="n")) == [{"black": -1}, {"black": -1}, {}, {}, {}, {}]


def test_orders_are_counted_from_one_and_each_rule_counts_its_own(store: Store) -> None:
    text = "rules: [{fault: black, orders: [1, 3]}, {fault: short, prompt: road, orders: 2}, {fault: silent, every: 2}]"
    found = met(text, store, order(), order("a road"), order("a road"), order())
    assert [sorted(one) for one in found] == [["black"], ["silent"], ["black", "short"], ["silent"]]


def test_per_prompt_counts_each_prompt_by_itself(store: Store) -> None:
    text = "rules: [{fault: '429', orders: 1, per: prompt}]"
    found = met(text, store, order("a"), order("b"), order("a"), order("b"))
    assert [bool(one) for one in found] == [True, True, False, False]


def test_chance_is_decided_by_the_seed_and_not_by_the_order_of_arrival(tmp_path: Path) -> None:
    def drawn(seed: int, prompts: list[str], name: str) -> dict[str, bool]:
        store = Store(tmp_path / name)
        found = met(f"seed: {seed}\nrules: [{{fault: black, chance: 0.5}}]", store, *map(order, prompts))
        store.close()
        return {prompt: bool(one) for prompt, one in zip(prompts, found, strict=True)}

    prompts = [f"prompt {number}" for number in range(40)]
    one = drawn(1, prompts, "a")
    assert one == drawn(1, prompts[::-1], "b") != drawn(2, prompts, "c")
    assert 8 < sum(one.values()) < 32


def test_for_a_while_begins_with_the_order_that_was_chosen_and_ends(store: Store) -> None:
    played = scenario("rules: [{fault: quota, orders: 2, for: 30}]")
    times = (100.0, 101.0, 102.0, 130.0, 132.0, 140.0)
    found = [bool(played.fate(order(), store, clock=lambda now=now: now).found) for now in times]
    assert found == [False, True, True, True, False, False]


def test_what_was_counted_survives_a_restart(tmp_path: Path) -> None:
    text = "rules: [{fault: black, orders: 2}]"
    for expected in (False, True, False):
        store = Store(tmp_path / "s")
        assert bool(met(text, store, order())[0]) is expected
        store.close()


def test_the_first_that_refuses_goes_alone_and_answers_go_wrong_in_one_way() -> None:
    assert settled([("black", -1), ("429", 2.0), ("500", -1)]).found == {"429": 2.0}
    assert settled([("hang-after", -1), ("500-after", -1), ("black", -1)]).found == {"hang-after": -1, "black": -1}


def test_figures_are_read(store: Store) -> None:
    text = """
rules:
  - {fault: filtered, count: 2, prompt: two}
  - {fault: filtered, count: all, prompt: every}
  - {fault: latency, seconds: 1.5, prompt: slow}
  - {fault: vanish, prompt: gone}
"""
    assert met(text, store, *map(order, ("two", "every", "slow", "gone"))) == [
        {"filtered": 2.0}, {"filtered": NO_FIGURE}, {"latency": 1.5}, {"vanish": 1.0},
    ]  # fmt: skip


def test_limits_are_read_and_null_is_none() -> None:
    found = scenario("limits: {veo: {operations: 4, requests: null}, runway: {requests: 60}}").limits
    assert found == {"veo": {"operations": 4, "requests": None}, "runway": {"requests": 60}}
    assert Limits(9, 9).under(found["veo"]) == Limits(4, None) and Limits(9, 9).under({}) == Limits(9, 9)


@pytest.mark.parametrize(
    ("text", "line", "what", "remedy"),
    [
        ("- a", 1, "a scenario is a mapping", "seed, latency and rules"),
        ("seed: x", 1, "seed is 'x'", "whole number"),
        ("sed: 1", 1, "there is no key 'sed'", "Did you mean seed?"),
        ("rules: 3", 1, "rules should be a list", "dash"),
        ("rules:\n  - fault: blak", 2, "there is no fault 'blak'", "Did you mean black?"),
        ("rules:\n  - service: veo", 2, "names no fault", ""),
        ("rules:\n  - fault: black\n    service: vio", 3, "there is no service 'vio'", "Did you mean veo?"),
        ("rules:\n  - fault: black\n    endpoint: x", 3, "there is no endpoint 'x'", "images, videos"),
        ("rules:\n  - fault: black\n    seconds: 3", 3, "black knows no seconds", "It has no figure."),
        ("rules:\n  - fault: latency", 2, "latency needs seconds", "Add `seconds:`."),
        ("rules:\n  - fault: latency\n    seconds: -1", 3, "seconds is -1", "a number from 0"),
        ("rules:\n  - fault: black\n    orders: [0]", 3, "orders are counted from 1", "a list"),
        ("rules:\n  - fault: black\n    chance: 2", 3, "chance is 2", "from 0 to 1"),
        ("rules:\n  - fault: black\n    every: true", 3, "every is True", "whole number"),
        ("rules:\n  - fault: black\n    every: 2\n    orders: 1", 2, "exclude one another", "Keep one"),
        ("rules:\n  - fault: black\n    prompt: '('", 3, "no regular expression", "Mend it"),
        ("rules:\n  - fault: black\n    per: film", 3, "per is 'film'", "per: prompt"),
        ("limits: 3", 1, "a mapping of services", "veo"),
        ("limits:\n  vio: {}", 2, "there is no service 'vio'", "Did you mean veo?"),
        ("limits:\n  veo: 3", 2, "a limit is a mapping", "operations and requests"),
        ("limits:\n  veo:\n    operation: 3", 3, "there is no key 'operation'", "Did you mean operations?"),
        ("limits:\n  veo:\n    requests: 0.5", 3, "requests is 0.5", "whole number"),
        ("rules: [", 2, "not YAML", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_what_to_do(text: str, line: int, what: str, remedy: str) -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        scenario(text)
    problem = caught.value.problems[0]
    assert problem.line == line and what in problem.what and remedy in problem.remedy
    assert problem.file == "scenario"


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        scenario("sed: 1\nrules:\n  - fault: blak\n  - fault: black\n    chance: 7\n")
    assert [problem.line for problem in caught.value.problems] == [1, 3, 5]


def test_every_trouble_has_a_stage_and_words() -> None:
    assert {trouble.stage for trouble in TROUBLES.values()} == {BEFORE, ANSWER, "work", "clip", "fetch"}
    assert all(trouble.what for trouble in TROUBLES.values())
