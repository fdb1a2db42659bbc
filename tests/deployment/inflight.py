"""A film that is paid for and under way, on servers whose workers come and go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from tests.machines import World, world
from tests.paid import YES
from tests.scripted import film_of
from tests.stories import story
from tests.waiting import until
from vidpipe.cluster.options import ClusterOptions
from vidpipe.db import money, projects
from vidpipe.db.models import Attempt
from vidpipe.domain.states import ProjectState, SceneState
from vidpipe.pipeline.enroll import enroll

PRICE = Decimal("0.40")  # US dollars a second; every clip lasts one
_TIMING = {"wave_every": 0.25, "sweep_every": 0.5, "lease": 6, "heartbeat": 1.5, "resend_after": 5, "backoff": 0.2}
_MODEL = {"poll_seconds": 0.25, "settling_seconds": 5, "price_per_second": str(PRICE)}
_CONFIGURATION = {
    "timing": _TIMING,
    "services": {"procedural": {"operations": 2, "models": {"procedural-1": _MODEL}}},
}


@contextmanager
def servers(folder: Path) -> Iterator[World]:
    """Servers whose service does two things at once, a second each, for money."""
    with world(folder, _CONFIGURATION, ClusterOptions(latency=1.0, renderers=1)) as found:
        yield found


def begin(found: World, scenes: int) -> UUID:
    """A film of so many scenes, which nobody moves yet."""
    return enroll(found.deps, story(scenes=scenes), consent=YES).project_id


def under_way(found: World, film: UUID, *, done: int = 1, ordered: int = 3) -> None:
    """Wait until so many scenes are done and so many takes ordered: with two at once, some are at the service."""

    def far_enough() -> bool:
        return len(found.tokens()) >= ordered and _done(found, film) >= done

    until(far_enough, seconds=60, what="the film to be under way", every=0.1)


def _done(found: World, film: UUID) -> int:
    scenes = found.deps.db.run(lambda session: projects.scenes(session, film))
    return sum(scene.state == SceneState.DONE for scene in scenes)


def outcomes(found: World) -> dict[str, str]:
    """What the database knows of every order, by token."""
    rows = found.deps.db.run(lambda session: session.execute(select(Attempt.token, Attempt.outcome)).all())
    return {str(token): outcome for token, outcome in rows}


def ends_well(found: World, film: UUID, scenes: int) -> None:
    """Wait for the film; nothing was bought twice, by the service's own bill, and the ledger says the same."""
    until(lambda: film_of(found.deps, film).state == ProjectState.DONE, seconds=90, what="the film", every=0.1)
    tokens = found.tokens()
    assert len(tokens) == len(set(tokens)) == scenes
    assert {outcomes(found)[token] for token in tokens} == {"accepted"}
    spent = found.deps.db.run(lambda session: money.spent(session, film))
    assert spent == money.Balance(found.billed(), Decimal(0)) and spent.settled == scenes * PRICE
