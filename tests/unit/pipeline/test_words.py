"""What a scene is doing, in words, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vidpipe.domain.states import SceneState, TakeState
from vidpipe.pipeline.words import Seen, TakeSeen, doing, progress

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def generating(*takes: TakeSeen, **clips: int) -> Seen:
    return Seen(SceneState.GENERATING, wanted=4, takes=takes, clips=clips, now=NOW)


def take(state: str, **values: object) -> TakeSeen:
    return TakeSeen(state, "veo", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen(SceneState.WAITING), "about to start"),
        (Seen(SceneState.WAITING, held=True), "stands still"),
        (Seen(SceneState.WAITING, waits_for=("Shot 1A",)), "waits for Shot 1A"),
        (Seen(SceneState.WAITING, waits_for=("Shot 1A", "B", "C")), "waits for Shot 1A and 2 more"),
        (generating(take("queued")), "in line for veo"),
        (generating(take("queued", due_at=NOW + timedelta(seconds=7), error="429")), "tries veo again in 7 s: 429"),
        (generating(take("submitting")), "ordering from veo"),
        (generating(take("submitted")), "at veo"),
        (generating(take("submitted", progress=0.4)), "at veo, 40 %"),
        (generating(take("submitted", progress=0.4), take("submitted")), "at veo, 2 takes, 20 %"),
        (generating(take("delivered"), take("queued")), "in line for veo"),
        (generating(take("delivered"), announced=3, scored=1), "fetching 2 of 4"),
        (generating(take("delivered"), stored=2, scored=1, unusable=1), "scoring 3 of 4"),
        (generating(take("uncertain", due_at=NOW)), "asking veo whether it has the order"),
        (generating(take("uncertain")), "nobody knows whether veo accepted the order"),
        (generating(take("failed")), "deciding what comes next"),
        (Seen(SceneState.SELECTING, clips={"scored": 3, "unusable": 1}), "choosing the best of 3"),
        (Seen(SceneState.ANALYZING), "looking at the chosen clip"),
        (Seen(SceneState.DONE, clips={"selected": 1, "passed": 1}, quality=0.829), "best of 2, 0.83"),
        (Seen(SceneState.DONE, clips={"selected": 1, "unusable": 2}), "the one usable of 3"),
        (Seen(SceneState.DONE, clips={"selected": 1}), "done"),
        (Seen(SceneState.BLOCKED, note="it is black"), "blocked: it is black"),
        (Seen(SceneState.SKIPPED, note="by a person"), "left out: by a person"),
        (Seen(SceneState.CANCELLED), "cancelled"),
    ],
)
def test_every_place_a_scene_can_stand_in_has_its_words(seen: Seen, words: str) -> None:
    assert doing(seen) == words


@pytest.mark.parametrize("state", SceneState)
@pytest.mark.parametrize("of_take", TakeState)
def test_no_state_is_without_words_or_beyond_its_bounds(state: SceneState, of_take: TakeState) -> None:
    seen = Seen(state, takes=(take(of_take, progress=7.0),), clips={"scored": 2, "stored": 1}, now=NOW)
    assert doing(seen) and 0.0 <= progress(seen) <= 1.0


def test_a_scene_gets_on_at_every_step_of_its_way() -> None:
    way = [
        Seen(SceneState.WAITING),
        generating(take("submitted")),
        generating(take("submitted", progress=0.5)),
        generating(take("delivered"), announced=2),
        generating(take("delivered"), stored=1, announced=1),
        generating(take("delivered"), scored=1, stored=1),
        Seen(SceneState.SELECTING),
        Seen(SceneState.ANALYZING),
        Seen(SceneState.DONE),
    ]
    far = [progress(seen) for seen in way]
    assert far == sorted(far) and len(set(far)) == len(far)
