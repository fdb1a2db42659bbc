"""A media store that is away, or holds something strange."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.kills.acts import Command, Scenario, Then, Until, scene_is
from tests.kills.boards import (
    AT_SERVICE,
    CLIP,
    DONE,
    ENDLESSLY,
    FIRST,
    SECOND,
    enqueue,
    finished,
    order,
    shot,
    the_film,
    told,
)
from tests.kills.play import Play
from vidpipe.db.models import Project, Take
from vidpipe.domain import keys
from vidpipe.domain.states import SceneState
from vidpipe.pipeline import accounts, control, gauges, orphans, overview, restored
from vidpipe.pipeline.deps import Deps


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    yield Scenario(
        "no place for the journal",
        (
            enqueue(), order(control.pause), Until("the journal to be looked at", _may_buy), Then(_unmount),
            order(control.resume), told("takes"), Then(_mount), DONE,
        ),
        CLIP,
    )  # fmt: skip
    yield Scenario(
        "no place for downloads",
        (
            enqueue(shot(prompt=ENDLESSLY)), AT_SERVICE, Then(_leave_a_still), Then(_unmount), finished(),
            told("generation_candidates"), Then(_mount), DONE,
        ),
        CLIP,
    )  # fmt: skip
    yield Scenario(
        "no place for the film",
        (
            enqueue(shot(), shot(SECOND, prompt=ENDLESSLY)), Until("the first scene", scene_is(FIRST, SceneState.DONE)),
            Then(_unmount), order(control.skip, SECOND), told("cuts"), Then(_mount), DONE,
        ),
        CLIP,
    )  # fmt: skip
    yield Scenario(
        "readers",
        (
            enqueue(), DONE, Command(_read), Then(_spoil_the_store), Command(_check_the_store),
            Then(_mend_the_store),
        ),
        CLIP,
    )  # fmt: skip


def _may_buy(session: Session, film: Project) -> bool:
    return restored.may_buy(session)


def _unmount(play: Play) -> None:
    media = play.deps.settings.storage_root
    media.rename(media.with_name("unmounted"))


def _mount(play: Play) -> None:
    media = play.deps.settings.storage_root
    media.with_name("unmounted").rename(media)


def _leave_a_still(play: Play) -> None:
    """As a worker did that died after it had stored one: of the same clip, though its bytes are others."""
    take = play.deps.db.run(lambda session: session.execute(select(Take)).scalar_one())
    picture = play.folder / "still.jpg"
    Image.new("RGB", (96, 64), "navy").save(picture)
    play.deps.storage.put(keys.frame(take.project_id, take.scene_id, take.id, 1, "first"), picture)


def _read(deps: Deps, folder: Path) -> None:
    """What a person looks at."""
    film = the_film(deps)
    overview.films(deps.db)
    overview.overview(deps.db, film.id)
    overview.tick_seen(deps.db)
    gauges.now(deps.db)
    gauges.history(deps.db)
    accounts.films(deps)
    accounts.film(deps, film.id)


def _spoil_the_store(play: Play) -> None:
    """A poster is lost, and there is something that nobody knows."""
    media = play.deps.settings.storage_root
    stray = media / str(the_film(play.deps).id) / "stray.mp4"
    stray.write_bytes(b"nobody's")
    os.utime(stray, (0, 0))
    poster = next(path for path in media.rglob("*_poster.jpg"))
    poster.rename(poster.with_name("kept.aside"))


def _mend_the_store(play: Play) -> None:
    for aside in play.deps.settings.storage_root.rglob("kept.aside"):
        aside.rename(aside.with_name("candidate_1_poster.jpg"))


def _check_the_store(deps: Deps, folder: Path) -> None:
    orphans.check(deps, delete_orphans=True, deep=True)
