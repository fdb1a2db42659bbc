"""A film whose first key frame is drawn, with a reference beside the words; its worker is gone while it is drawn.

The painter is the local one and costs nothing: what is unclear is drawn again. Orders that cost something, and what a
person says of them, are in tests/integration/test_draw.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.kills.acts import Command, Scenario, Then, Until
from tests.kills.boards import CLIP, DONE, YES, board, shot
from tests.kills.play import Play
from vidpipe.db.models import Attempt, Drawing, Project, Purchase
from vidpipe.domain import keys
from vidpipe.domain.states import DrawingState
from vidpipe.domain.storyboard.model import AssetSpec, FrameSpec, ManifestSpec
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    drawing = Until("a picture to be drawn", _is_being_drawn)
    yield Scenario("drawn", (Command(_drawn), DONE), CLIP)
    yield Scenario("drawn again", (Command(_drawn), drawing, Then(_switched_off), DONE), CLIP)
    yield Scenario("drawn, and not written down", (Command(_drawn), drawing, Then(_stored), DONE), CLIP)


def _drawn(deps: Deps, folder: Path) -> object:
    picture = folder / "picture.png"
    if not picture.exists():
        Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(picture)
    someone = AssetSpec("CHAR_01", "character", "Ada", "a woman in a red coat", (picture,))
    frame = FrameSpec("drawn", prompt="an empty quay", service="procedural_images", model="procedural-still")
    shots = shot(first_frame=frame, references=("CHAR_01",), cast=("CHAR_01",))
    return enroll(deps, board(shots, manifest=ManifestSpec("Who", (someone,))), consent=YES)


def _is_being_drawn(session: Session, film: Project) -> object:
    found = select(Drawing.id).where(Drawing.project_id == film.id, Drawing.state == str(DrawingState.DRAWING))
    return session.execute(found).scalar_one_or_none()


def _switched_off(play: Play) -> None:
    """The machine that draws is gone, with what it had."""
    play.stop_worker()
    play.an_hour_passes()


def _stored(play: Play) -> None:
    """It goes just after the picture was stored: before anybody wrote that down."""
    play.stop_worker()

    def place(session: Session) -> tuple[Drawing, Attempt] | None:
        found = (
            select(Drawing, Attempt)
            .join(Purchase, Purchase.drawing_id == Drawing.id)
            .join(Attempt, Attempt.purchase_id == Purchase.id)
            .where(Drawing.state == str(DrawingState.DRAWING), Attempt.outcome == "open")
        )
        row = session.execute(found).one_or_none()
        return None if row is None else (row[0], row[1])

    under_way = play.deps.db.run(place)
    if under_way is not None:  # after a kill it may be over
        drawing, attempt = under_way
        picture = play.folder / "picture.png"
        key = keys.drawing(drawing.project_id, drawing.scene_id, drawing.id, attempt.token, ".png")
        if play.deps.storage.stat(key) is None:
            play.deps.storage.put(key, picture)
    play.an_hour_passes()
