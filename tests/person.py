"""Somebody with a hand on the wheel of one film: says anything at any time, and answers truly what is asked."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from tests.fickle import Fickle
from vidpipe.errors import UserError
from vidpipe.pipeline import control, uncertain
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.uncertain import Unknown

Act = Callable[[], str]
_WORDS = {
    "pause": 4, "resume": 5, "cancel": 2, "retry": 2, "retry a scene": 4, "skip": 3, "budget": 3, "priority": 1,
    "answer": 5,
}  # fmt: skip
_BUDGETS = (None, Decimal(0), Decimal("0.3"), Decimal(1), Decimal(5))


@dataclass(frozen=True)
class Order:
    """One thing to say."""

    words: str
    act: Act


@dataclass
class Person:
    """Gives orders about a film, and keeps what was said and what came of it."""

    deps: Deps
    project_id: UUID
    labels: Sequence[str]
    services: Mapping[str, Fickle]
    dice: random.Random
    said: list[str] = field(default_factory=list)
    lowered: bool = False  # the budget was changed, perhaps to less than was spent

    def order(self) -> Order:
        """Something to say now."""
        deps, film = self.deps, self.project_id
        label = self.dice.choice(self.labels)
        match self.dice.choices(list(_WORDS), list(_WORDS.values()))[0]:
            case "pause":
                return Order("pause", lambda: control.pause(deps, film))
            case "resume":
                return Order("resume", lambda: control.resume(deps, film))
            case "cancel":
                return Order("cancel", lambda: control.cancel(deps, film))
            case "retry":
                return Order("retry", lambda: control.retry(deps, film))
            case "retry a scene":
                return Order(f"retry {label}", lambda: control.retry(deps, film, label))
            case "skip":
                return Order(f"skip {label}", lambda: control.skip(deps, film, label))
            case "budget":
                budget, self.lowered = self.dice.choice(_BUDGETS), True
                return Order(f"budget {budget}", lambda: control.set_budget(deps, film, budget))
            case "priority":
                priority = self.dice.randint(0, 9)
                return Order(f"priority {priority}", lambda: control.set_priority(deps, film, priority))
        unknown = uncertain.listed(deps, film)
        if not unknown:
            return Order("an answer to nothing", lambda: uncertain.lost(deps, "nothing of the kind"))
        answer = self.answer(self.dice.choice(unknown))
        return answer or Order("resume", lambda: control.resume(deps, film))

    def answer(self, one: Unknown, *, again: bool = True) -> Order | None:
        """The truth about an order of unknown fate; None while the order is still on its way."""
        deps, service, token = self.deps, self.services[one.service], str(one.token)
        if again and self.dice.random() < 0.25:
            return Order(f"resubmit {one.scene}", lambda: uncertain.resubmit(deps, token))
        if any(request.token == token for _, request, _ in service.coming):
            return None
        operation = service.operations.get(f"{service.name}-{token}")
        if operation is None:
            return Order(f"lost {one.scene}", lambda: uncertain.lost(deps, token))
        if not operation.never:
            return Order(f"found {one.scene}", lambda: uncertain.found(deps, token, operation.name))
        if self.dice.random() < 0.5:
            service.stop(operation.name)
            return Order(f"lost after all {one.scene}", lambda: uncertain.lost(deps, token))
        operation.end, operation.over, operation.ready_at = "expired", True, service.clock.now
        amount = service.bill[operation.name]
        return Order(f"billed {one.scene}", lambda: uncertain.billed(deps, token, amount))

    def say(self, order: Order, where: str) -> None:
        """Say it. It does what it says it does, or tells what is wrong; anything else that it raises is a defect."""
        try:
            came = order.act()
        except UserError as error:
            came = f"no: {error.message}"
        self.said.append(f"{where}: {order.words}: {came}")

    def say_at_once(self, orders: Sequence[Order], where: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Say them all at the same moment, each from a thread of its own, while `meanwhile` happens here."""
        gate = threading.Barrier(len(orders))
        failures: list[BaseException] = []

        def speak(order: Order) -> None:
            try:
                gate.wait(10)
                self.say(order, f"{where}, at once")
            except Exception as error:  # noqa: BLE001 - raised below, where the test hears of it
                failures.append(error)

        threads = [threading.Thread(target=speak, args=(order,)) for order in orders]
        for thread in threads:
            thread.start()
        try:
            meanwhile()
        finally:
            for thread in threads:
                thread.join(30)
        assert not any(thread.is_alive() for thread in threads), f"a word was never answered: {self.said}"
        for failure in failures:
            raise failure
