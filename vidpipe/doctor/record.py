"""What the cluster keeps about itself: signs of life and of change, whether it may buy, and the trail's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db.models import Attempt, ClusterSign, GenerationCandidate, Project, Transition
from vidpipe.doctor.asking import Unanswered
from vidpipe.doctor.finding import Finding, Severity, form, sentence
from vidpipe.domain.states import ProjectState
from vidpipe.errors import StorageError
from vidpipe.pipeline import journal, restored
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.overview import TICK_GONE
from vidpipe.report.words import count

LATE = 10.0  # seconds; the tick numbers moves every second
LOOKED = 5.0  # seconds after its server began, within which the tick has compared the journal
_NEWEST = 3  # clips that are looked for in the store
_MOST = 20  # notes of the journal that are read


@dataclass(frozen=True)
class Record:
    """What was found. Ages are seconds, by the database's clock."""

    tick: float | None  # since it was here; None: never
    broker: str  # the epoch that the tick saw last
    buying: bool
    forgotten: int  # orders of films that this database does not know
    forgotten_age: float | None
    unnumbered: int  # moves
    unnumbered_age: float
    up: float  # since the database's server began
    newest: tuple[str, ...]  # the keys of the clips that were stored last


def look(session: Session) -> Record:
    """Ask the rows; raises SQLAlchemyError where they cannot be asked."""
    age = func.extract("epoch", func.now() - ClusterSign.seen_at)
    signs = {
        name: (value or "", max(float(seconds), 0.0))
        for name, value, seconds in session.execute(select(ClusterSign.name, ClusterSign.value, age))
    }
    forgotten, forgotten_age = signs.get(restored.FORGOTTEN, ("0", None))
    oldest = func.extract("epoch", func.now() - func.min(Transition.at))
    unnumbered = session.execute(select(func.count(), oldest).where(Transition.seq.is_(None))).one()
    up = session.execute(select(func.extract("epoch", func.now() - func.pg_postmaster_start_time()))).scalar_one()
    named = GenerationCandidate.key.is_not(None)
    gone = [str(ProjectState.CANCELLED)]
    newest = session.execute(
        select(GenerationCandidate.key)
        .join(Project, Project.id == GenerationCandidate.project_id)
        .where(named, Project.state.not_in(gone))
        .order_by(GenerationCandidate.created_at.desc())
        .limit(_NEWEST)
    ).scalars()
    return Record(
        tick=signs["tick"][1] if "tick" in signs else None, broker=signs.get("broker", ("", 0.0))[0],
        buying=restored.may_buy(session), forgotten=int(forgotten) if forgotten.isdecimal() else 0,
        forgotten_age=forgotten_age, unnumbered=unnumbered[0], unnumbered_age=float(unnumbered[1] or 0.0),
        up=float(up), newest=tuple(str(key) for key in newest),
    )  # fmt: skip


def known(session: Session) -> frozenset[str]:
    """The tokens of every order that this database knows."""
    return frozenset(str(token) for token in session.execute(select(Attempt.token)).scalars())


def unreadable(deps: Deps, known_tokens: frozenset[str]) -> str:
    """Why the journal of orders cannot be compared with this database; empty where it can. Nothing is written."""
    try:
        missing = [key for token, key in journal.tokens(deps) if str(token) not in known_tokens]
        for key in missing[:_MOST]:
            journal.read(deps, key)
    except StorageError as error:
        return error.message
    return ""


def judge(found: Record, why: str | Unanswered | None) -> Iterator[Finding]:
    """What is wrong. `why`: what `unreadable` said; None where it was not asked."""
    ticking = found.tick is not None and found.tick < TICK_GONE
    if stopped(found):
        reason = why.why if isinstance(why, Unanswered) else why or ""
        yield Finding(
            "restored.stopped", Severity.BROKEN, "Nothing that costs money is bought.",
            "The database was restored or started anew, and the journal of orders, which tells what was bought since,"
            f" {f'cannot be read: {sentence(reason)}' if reason else 'has not been compared with it yet.'}",
            "Mend the media store, or the file that it names: it may be the only note of an order that was paid for, so"
            " look at it before you move it away. The tick compares again every second." if reason else
            "See the log of the tick worker.", age=found.up,
        )  # fmt: skip
    if found.forgotten:
        orders = count(found.forgotten, "order")
        yield Finding(
            "restored.forgotten", Severity.NOTE,
            f"{orders} {form(found.forgotten, 'was', 'were')} given for films that this database does not know.",
            "It was restored from a backup that is older than those films; the journal beside the media has them.",
            "Is it the right database? If it is, their notes are under `_ledger/` in the media store: look at the"
            " services what they brought and cost.", found.forgotten_age, figures={"orders": found.forgotten},
        )  # fmt: skip
    if ticking and found.unnumbered and found.unnumbered_age > LATE:
        yield Finding(
            "record.unnumbered", Severity.STUCK,
            f"{count(found.unnumbered, 'move')} {form(found.unnumbered, 'has', 'have')} not been numbered.",
            "The tick does that every second; it is kept from it, or a transaction has been open for long.",
            "See the log of the tick worker, and the database's open transactions (pg_stat_activity). Pages and reports"
            " do not show those moves until then.", found.unnumbered_age, figures={"moves": found.unnumbered},
        )  # fmt: skip


def stopped(found: Record) -> bool:
    """Whether buying is stopped though the tick has had the time to look."""
    return not found.buying and found.up > LOOKED and found.tick is not None and found.tick < TICK_GONE


def figures(found: Record) -> dict[str, object]:
    """What was looked at."""
    return {
        "tick": found.tick, "buying": found.buying, "forgotten": found.forgotten, "unnumbered": found.unnumbered,
    }  # fmt: skip
