"""The person of a run: answers what waits for one, from the services' bills, and tries blocked scenes again.

Only what has a true reason may wait. Of orders: one at a service that cannot be asked, whose own call was cut off,
by the service's log of faults or by what was done to its worker or its service while it was made; or whose operation
hangs there. Of scenes: one each of whose takes came to nothing by a fault that its order met, or by what was done to
those who worked on it. Whatever else waits is an accusation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scripts.chaos_runs import terms
from scripts.chaos_runs.blows import IOS
from scripts.chaos_runs.books import SHORTLY, bills, faulted, turned_away
from scripts.chaos_runs.cast import Cast
from scripts.chaos_runs.diary import Diary
from scripts.chaos_runs.house import House
from vidpipe.db.models import Attempt, GenerationCandidate, Purchase, Scene, Take
from vidpipe.domain.selection import Fault
from vidpipe.domain.states import SceneState, TakeState
from vidpipe.pipeline import control, uncertain
from vidpipe.pipeline.step import DIED
from vidpipe.pipeline.uncertain import Unknown

# Faults that no take comes to nothing for.
_HARMLESS = {
    "500-after", "503-after", "timeout-after", "hang-after", "reset-after", "lost-answer", "stall", "slow",
    "slow-answer", "poll-503", "poll-429", "progress-back", SHORTLY,
}  # fmt: skip
_SLACK = 0.5  # seconds until what was done stands in the diary


@dataclass(frozen=True)
class Waiting:
    """One order or scene that waited for a person. `reason` is empty where it had none."""

    film: UUID
    scene: str
    what: str
    reason: str
    answer: str


@dataclass(frozen=True)
class Call:
    """One order's call, by the database's clock, which is this machine's too."""

    token: str
    service: str
    began: datetime
    ended: datetime  # at the latest
    age: float  # seconds since nothing more of it was under way from here

    def cut_by(self, diary: Diary, cast: Cast) -> str:
        """What was done to its worker or its service while it was made; empty where nothing was."""
        whom = (*IOS, cast.processes[self.service])
        done = diary.what_cut(whom, self.began.timestamp(), self.ended.timestamp() + _SLACK)
        return done.what if done is not None else ""


@dataclass(frozen=True)
class Failure:
    """A take of a blocked scene that brought nothing."""

    service: str
    what: str
    calls: tuple[Call, ...]
    away: bool  # it was given up because its service was away


@dataclass
class Person:
    """Looks at what waits; remembers what it answered."""

    house: House
    diary: Diary
    waited: list[Waiting] = field(default_factory=list)

    def answer(self) -> bool:
        """Answer everything that can be answered now; whether there was something, or will be.

        Of an order that was just sent, the bill may know soon.
        """
        unknown = uncertain.listed(self.house.deps)
        calls = self.house.deps.db.run(_calls)
        for one in unknown:
            if calls[str(one.token)].age > terms.SETTLING and (not one.asked or self._hangs(one)):
                self._answer(one, calls[str(one.token)])
        return self._retry() or bool(unknown)

    def _hangs(self, one: Unknown) -> bool:
        """Whether its operation will never end, as the console of its service would show."""
        orders = bills(self.house.home).get(str(one.token), [])
        return one.operation is not None and any(self.house.cast.endless in order.faults for order in orders)

    def _answer(self, one: Unknown, call: Call) -> None:
        orders = bills(self.house.home).get(str(one.token), [])
        token = str(one.token)
        if one.operation is not None:
            said = uncertain.billed(self.house.deps, token, sum((order.charged for order in orders), Decimal(0)))
        elif orders:
            said = uncertain.found(self.house.deps, token, orders[0].operation)
        else:
            said = uncertain.lost(self.house.deps, token)
        what = f"the order {token} at {one.service}: {one.detail}"
        self.waited.append(Waiting(one.project_id, one.scene, what, self._reason(one, call), said))

    def _reason(self, one: Unknown, call: Call) -> str:
        cast = self.house.cast
        if one.service not in cast.blind:
            return ""  # it can be asked, and told to stop
        met = faulted(self.house.home).get(str(one.token), [])
        if one.operation is not None:
            return "its operation hangs at the service" if cast.endless in met else ""
        late = cast.kept_back if "timeout" in one.detail.lower() else ""
        unsure = [fault for fault in met if fault in cast.unsure or fault == late]
        return f"{one.service} answered it with {unsure[0]}" if unsure else call.cut_by(self.diary, cast)

    def _retry(self) -> bool:
        """Try every blocked scene again; whether there was one."""
        blocked = self.house.deps.db.run(_blocked)
        met = faulted(self.house.home)
        for scene, failures in blocked:
            reasons = [self._why(failure, met) for failure in failures]
            true = reasons and all(reasons)
            said = control.retry(self.house.deps, scene.project_id, scene.label)
            what = f"blocked: {scene.note or scene.last_error}; " + "; ".join(failure.what for failure in failures)
            reason = f"its orders met {', '.join(sorted(set(reasons)))}" if true else ""
            self.waited.append(Waiting(scene.project_id, scene.label, what, reason, said))
        return bool(blocked)

    def _why(self, failure: Failure, met: Mapping[str, list[str]]) -> str:
        """What was done to a take that brought nothing; empty where nothing was."""
        true = [fault for call in failure.calls for fault in met.get(call.token, ()) if fault not in _HARMLESS]
        if true:
            return true[-1]
        if DIED in failure.what:
            return "workers that were killed"
        cut = [call.cut_by(self.diary, self.house.cast) for call in failure.calls]
        if any(cut):
            return "a call that was cut off"
        process = self.house.cast.processes[failure.service]
        away = (f"fault {fault}" for fault in ("quota", "maintenance"))
        done, whom = {*away, f"kill {process}", f"stop {process}"}, {failure.service, process}
        was = any(one.kind in done and whom & {*one.whom} for one in self.diary.entries)
        was = was or failure.service in turned_away(self.house.home)
        return f"{failure.service} that was away" if failure.away and was else ""


def _calls(session: Session) -> dict[str, Call]:
    """Every call that an order was given with, by its token."""
    over = Attempt.deadline_at + timedelta(seconds=terms.CALL)
    ended = func.least(func.coalesce(Attempt.ended_at, over), over)
    settled = func.greatest(func.coalesce(Attempt.ended_at, Attempt.deadline_at), Attempt.deadline_at)
    age = func.extract("epoch", func.clock_timestamp() - settled)
    rows = session.execute(select(Attempt.token, Attempt.service, Attempt.created_at, ended, age))
    return {str(token): Call(str(token), service, began, end, float(age)) for token, service, began, end, age in rows}


def _blocked(session: Session) -> list[tuple[Scene, list[Failure]]]:
    """The blocked scenes, each with the takes of its version that brought nothing."""
    scenes = session.execute(select(Scene).where(Scene.state == str(SceneState.BLOCKED))).scalars().all()
    calls = _calls(session) if scenes else {}
    return [(scene, list(_failures(session, scene, calls))) for scene in scenes]


def _failures(session: Session, scene: Scene, calls: Mapping[str, Call]) -> Iterator[Failure]:
    ended = (str(TakeState.REFUSED), str(TakeState.FAILED), str(TakeState.CANCELLED))
    takes = select(Take).where(Take.scene_id == scene.id, Take.version == scene.version, Take.state.in_(ended))
    for take in session.execute(takes.order_by(Take.round, Take.slot)).scalars():
        tokens = session.execute(
            select(Attempt.token).join(Purchase, Purchase.id == Attempt.purchase_id).where(Purchase.take_id == take.id)
        ).scalars()
        given = tuple(calls[str(token)] for token in tokens)
        bad = select(GenerationCandidate.last_error).where(GenerationCandidate.take_id == take.id)
        words = [take.last_error or "no word", *(error for error in session.execute(bad).scalars() if error)]
        what = f"take {take.round}.{take.slot} at {take.service} {take.state}: {', '.join(words)}"
        yield Failure(take.service, what, given, take.fault == Fault.AWAY)
