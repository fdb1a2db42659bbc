"""The content-policy ladder on real rows: what a service's policy stops is said differently, recorded, and bounded."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest

from tests.paid import PRICE, YES, Askable, employ
from tests.stories import story
from vidpipe.db import money, projects
from vidpipe.db.models import Project, Take
from vidpipe.domain.requests import Delivered, Pending, RemoteClip, VideoRequest
from vidpipe.domain.states import ProjectState, TakeState
from vidpipe.errors import Refused
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll

Play = Callable[[UUID], Project]
WORDS = "a storm at sea"


def begin(deps: Deps, **values: object) -> UUID:
    return enroll(deps, story(prompt=WORDS, **values), consent=YES).project_id  # type: ignore[arg-type]


def takes(deps: Deps, film: UUID) -> list[Take]:
    return list(deps.db.run(lambda session: projects.takes(session, film)))


def refusing(levels: int) -> Callable[[VideoRequest], None]:
    """Refuses by its policy until so many levels were climbed."""
    met: list[str] = []

    def refuse(request: VideoRequest) -> None:
        met.append(request.prompt)
        if len(met) <= levels:
            raise Refused("not this", kind="policy")

    return refuse


@pytest.mark.parametrize("levels", [1, 2])
def test_a_refusal_by_policy_is_met_with_the_next_level_until_a_clip_survives(
    eager: Deps, play: Play, levels: int
) -> None:
    service = Askable(on_submit=refusing(levels))
    employ(eager, service)
    film = begin(eager)
    assert play(film).state == ProjectState.DONE
    ladder = eager.ladder()
    assert [order.prompt for order in service.orders] == [ladder.prompt(level, WORDS) for level in range(levels + 1)]
    bought = takes(eager, film)
    assert [take.policy_level for take in bought] == list(range(levels + 1))
    assert "policy" not in bought[0].request
    told = bought[-1].request["policy"]
    assert told["level"] == levels and told["name"] == ladder.levels[levels - 1].name
    assert told["changed"] == [f"the prompt begins with: {ladder.levels[levels - 1].preface}"]
    assert "not this" in told["why"]
    assert bought[-1].prompt == service.orders[-1].prompt  # as it was sent


def filtered(service: Askable, *, billed: bool) -> Callable[[str], Pending | Delivered | None]:
    """Withholds every clip, and bills it or not."""

    def withhold(operation: str) -> Pending | Delivered | None:
        if not billed:
            service.bill[operation] = Decimal(0)
        return Delivered((), filtered=1, filter_reasons=("a face",), cost=service.bill[operation] if billed else None)

    return withhold


def test_what_is_filtered_and_billed_climbs_only_as_far_as_the_ladder_may_cost(eager: Deps, play: Play) -> None:
    service = Askable()
    service.on_poll = filtered(service, billed=True)
    employ(eager, service)
    object.__setattr__(eager.settings, "policy", {**eager.settings.policy, "most_cost": "1.5"})
    film = begin(eager)
    done = play(film)
    assert done.state == ProjectState.WAITING
    assert [take.policy_level for take in takes(eager, film)] == [0, 1]  # a second raised round would come to twice
    assert done.note is not None and "the policy ladder may cost $0.60" in done.note and "a face" in done.note
    spent = eager.db.run(lambda session: money.spent(session, film))
    assert spent == money.Balance(2 * PRICE, Decimal(0)) and service.billed == 2 * PRICE


def test_what_is_filtered_and_not_billed_climbs_to_the_top(eager: Deps, play: Play) -> None:
    service = Askable()
    service.on_poll = filtered(service, billed=False)
    employ(eager, service)
    film = begin(eager)
    assert play(film).state == ProjectState.WAITING
    assert [take.policy_level for take in takes(eager, film)] == [0, 1, 2]
    assert eager.db.run(lambda session: money.spent(session, film)) == money.Balance()


def test_partial_survival_is_a_success_and_climbs_nothing(eager: Deps, play: Play) -> None:
    service = Askable()
    service.on_poll = lambda operation: Delivered(
        (RemoteClip(2),), filtered=1, filter_reasons=("a face",), cost=service.bill[operation]
    )
    employ(eager, service)
    film = begin(eager)
    assert play(film).state == ProjectState.DONE
    (take,) = takes(eager, film)
    assert (take.policy_level, take.filtered, take.state) == (0, 1, TakeState.SETTLED)


def test_after_the_last_level_the_fallback_is_asked_with_the_words_as_they_were_written(
    eager: Deps, play: Play
) -> None:
    service, other = Askable(on_submit=refusing(9)), Askable(name="other")
    employ(eager, service, other)
    film = begin(eager, fallback="other/procedural-1")
    assert play(film).state == ProjectState.DONE
    assert len(service.orders) == 3 and [order.prompt for order in other.orders] == [WORDS]


def test_without_levels_there_is_no_ladder(eager: Deps, play: Play) -> None:
    service = Askable(on_submit=refusing(9))
    employ(eager, service)
    object.__setattr__(eager.settings, "policy", {})
    film = begin(eager)
    assert play(film).state == ProjectState.WAITING
    assert len(service.orders) == 1
