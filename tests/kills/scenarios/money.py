"""Money runs out, and a bill turns out other than it was entered."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.kills.acts import Command, Scenario, Then
from tests.kills.boards import ASKED, CLIP, DONE, LITE, WAITS, enqueue, order, two
from tests.kills.play import Play
from vidpipe.domain.states import ProjectState
from vidpipe.pipeline import adjust, control
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent

DIME = Decimal("0.10")  # US dollars


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    half = Consent(confirmed=True, budget=CLIP)
    little = Consent(confirmed=True, budget=CLIP + LITE)
    yield Scenario(
        "over budget",
        (
            enqueue(*two(), consent=half), WAITS, order(control.set_budget, Decimal(9)), order(control.retry), DONE,
            Then(_the_bill_is_corrected), Command(_enter_the_correction),
        ),
        2 * CLIP + DIME, clips=2,
    )  # fmt: skip
    yield Scenario(
        "over budget, cheaper", (enqueue(*two(), consent=little, on_budget="cheaper"), DONE), CLIP + LITE, clips=2
    )
    yield Scenario(
        "over budget, cancel", (enqueue(*two(), consent=half, on_budget="cancel"),), CLIP, end=ProjectState.CANCELLED
    )


def _the_bill_is_corrected(play: Play) -> None:
    (play.folder / "corrected").write_text(play.house.correct_the_bill(ASKED, DIME), encoding="utf-8")


def _enter_the_correction(deps: Deps, folder: Path) -> None:
    operation = (folder / "corrected").read_text(encoding="utf-8")
    adjust.adjust(deps, operation, DIME, "the service corrected its bill")
