"""Workers that do one thing wrong on purpose, so that it is seen that a run finds it (`scripts/chaos --break NAME`).

early      the order is given before it is written down: a worker that dies in between has bought for nobody
guess      an order of unknown fate counts as not given, and is given again
no-sweep   what was sent once is never sent again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import Session

from vidpipe.db import attempts, money
from vidpipe.db.models import Attempt, Take, Workable
from vidpipe.db.transitions import advance
from vidpipe.domain.price import cost_of
from vidpipe.errors import ServiceError, Transient
from vidpipe.pipeline import journal, purchase, reconcile, submit, sweep
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.step import Ref, Refs

NAME = "CHAOS_BREAK"  # what says in a worker's environment which rule it breaks


def _early() -> None:
    object.__setattr__(submit.SUBMIT, "work", _order_first)


def _order_first(deps: Deps, take: Take, lease: UUID) -> Refs:
    able, token = deps.capabilities(take.service, take.model), uuid4()
    with ExitStack() as media:
        request = replace(submit._request(deps, take, media), token=str(token))
        price = cost_of(able, request)
        try:
            accepted = deps.service(take.service).submit(request)
        except ServiceError as error:
            raise Transient(error.message) from error

    def intend(session: Session) -> Attempt:
        advance(session, take, "submit_began", lease=lease, lease_token=lease, lease_by=deps.worker)
        return money.begin_attempt(session, money.order_of(take, price), purchase.BEGIN_WITHIN, token=token)

    begun = deps.db.run(intend)
    journal.write(deps, take, begun, price)
    return submit._Answer(deps, take, begun, able).accepted(accepted)


def _guess() -> None:
    def unclear(self: Any, reason: str) -> Refs:
        self.deps.db.run(lambda session: self._again(session, reason))
        return ()

    def nothing_was_bought(deps: Deps, take: Take, lease: UUID) -> Refs:
        deps.db.run(lambda session: _call_lost(session, deps, take, lease))
        return (Ref(take.entity, take.id),)

    setattr(submit._Answer, "unclear", unclear)  # noqa: B010 - mypy knows that a method is no variable
    object.__setattr__(reconcile.RECONCILE, "work", nothing_was_bought)


def _call_lost(session: Session, deps: Deps, take: Take, lease: UUID) -> None:
    for attempt in attempts.unsure(session, take):
        money.end_attempt(session, attempt.id, "lost", detail="so it is guessed")
        money.release(session, attempt)
    reconcile.lost(session, take, lease, deps.settings.tries, "so it is guessed")


def _no_sweep() -> None:
    resend = sweep._resend

    def once(
        session: Session, model: type[Workable], which: ColumnElement[bool], *more: Any
    ) -> Sequence[tuple[UUID, str]]:
        return resend(session, model, and_(which, model.sent_at.is_(None)), *more)

    sweep.__dict__["_resend"] = once
    sweep.__dict__["_to_settle"] = lambda session: ()


PROTOCOLS: Mapping[str, Callable[[], None]] = {"early": _early, "guess": _guess, "no-sweep": _no_sweep}
