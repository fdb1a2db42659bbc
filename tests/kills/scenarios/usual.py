"""Films as they should go; and one whose database is restored meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from sqlalchemy.orm import Session

from tests import clips
from tests.kills.acts import Command, Scenario, Seen, Then, Until
from tests.kills.boards import CLIP, DONE, FIRST, SECOND, SECONDS, YES, board, enqueue, shot, two
from vidpipe.db import projects
from vidpipe.db.models import Project
from vidpipe.domain.states import SceneState
from vidpipe.domain.storyboard.model import AssetSpec, FootageSpec, FrameSpec, ManifestSpec
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import enroll


def all_of() -> Iterator[Scenario]:
    """Theirs."""
    # Leases are renewed often enough for a short film to see it.
    yield Scenario("plain", (enqueue(), DONE), CLIP, timing={"heartbeat": 0.05})
    yield Scenario("rich", (Command(_rich), DONE), 3 * CLIP, clips=3)
    yield Scenario(
        "restored",
        (
            enqueue(*two()), Until("the first scene", _scenes_done(1)), Then(lambda play: play.back_up()), DONE,
            Then(lambda play: play.restore()), DONE,
        ),
        2 * CLIP, clips=2,
    )  # fmt: skip


def _rich(deps: Deps, folder: Path) -> object:
    """Everything that a storyboard can hold."""
    picture, filmed = folder / "picture.png", folder / "filmed.mp4"
    if not picture.exists():
        Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(picture)
        clips.clean(filmed, seconds=SECONDS, width=96, height=64, fps=12)
    someone = AssetSpec("CHAR_01", "character", "Ada", "a woman in a red coat", (picture,))
    shots = (
        shot(candidates=2, first_frame=FrameSpec("image", path=picture), references=("CHAR_01",), cast=("CHAR_01",)),
        shot(SECOND, after=(FIRST,), first_frame=FrameSpec("previous", previous=FIRST)),
        shot("Shot 1C", service="footage", model="footage", footage=FootageSpec(filmed, 0.0, SECONDS)),
    )
    film = board(*shots, manifest=ManifestSpec("Who", (someone,)), quality_mode=True, candidate_count=2)
    return enroll(deps, film, consent=YES)


def _scenes_done(number: int) -> Seen:
    def seen(session: Session, film: Project) -> bool:
        return sum(scene.state == SceneState.DONE for scene in projects.scenes(session, film.id)) >= number

    return seen
