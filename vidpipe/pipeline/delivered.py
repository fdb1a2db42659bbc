"""What delivered operations brought is written down, all of a wave's at once: bills, and a candidate for each clip."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from uuid import uuid4

from sqlalchemy import Numeric, bindparam, func, insert, update
from sqlalchemy.orm import Session

from vidpipe.db import money
from vidpipe.db.due import DueTake
from vidpipe.db.models import GenerationCandidate, Take
from vidpipe.db.transitions import Born, born_many
from vidpipe.domain.requests import Delivered
from vidpipe.domain.states import CandidateState, Entity

Found = tuple[DueTake, Delivered]


def write(session: Session, found: Sequence[Found]) -> None:
    """Settle each take, and announce its clips; every one of `found` has at least one."""
    amounts = money.settle_many(
        session, [(take, answer.cost, Fraction(len(answer.clips), answer.whole)) for take, answer in found]
    )
    takes: Any = Take.__table__
    session.execute(
        update(takes)
        .where(takes.c.id == bindparam("take"))
        .values(
            cost=bindparam("amount", type_=Numeric), filtered=bindparam("withheld"), progress=1.0,
            model_version=bindparam("made_by"),
        ),
        [
            {
                "take": take.id, "amount": amounts[take.id], "withheld": answer.filtered,
                "made_by": answer.model_version or take.model,
            }
            for take, answer in found
        ],
    )  # fmt: skip
    made: list[dict[str, Any]] = [
        {
            "id": uuid4(), "project_id": take.project_id, "scene_id": take.scene_id, "take_id": take.id,
            "version": take.version, "number": clip.number, "handle": clip.handle, "seed": clip.seed,
            "cost": amounts[take.id] / len(answer.clips), "state": str(CandidateState.ANNOUNCED),
        }
        for take, answer in found
        for clip in answer.clips
    ]  # fmt: skip
    candidates: Any = GenerationCandidate.__table__
    session.execute(insert(candidates).values(sent_at=func.clock_timestamp()), made)
    born_many(
        session, Entity.CANDIDATE, str(CandidateState.ANNOUNCED),
        [Born(one["id"], one["project_id"], one["scene_id"]) for one in made],
    )  # fmt: skip
