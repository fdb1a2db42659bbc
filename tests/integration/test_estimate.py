"""What a film is estimated at is what it asks its services for: the same clips, the same lengths, the same price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image

from tests.scripted import Scripted
from tests.waiting import until
from vidpipe.domain.price import cost_of
from vidpipe.domain.pricing import estimate
from vidpipe.domain.storyboard import Defaults, read_storyboard
from vidpipe.pipeline.deps import Deps
from vidpipe.pipeline.enroll import Consent, enroll

ABLE = {
    "durations": [4, 6, 8], "durations_with_references": [8], "sizes": [[1280, 720], [720, 1280]],
    "aspects_with_references": ["16:9"], "references_with_frames": False, "max_candidates": 2, "max_references": 3,
    "first_frame": True, "last_frame": True, "audio": True, "seed": True,
}  # fmt: skip
SERVICES: dict[str, Any] = {
    "acme": {
        "default_model": "able",
        "operations": None,
        "models": {
            "able": {**ABLE, "price_per_second": {"720p": {"sound": "0.40", "silent": "0.20"}}},
            "plain": {"durations": [5, 10], "sizes": [[1280, 720]], "price_per_second": "0.05"},
            "loose": {**ABLE, "references_with_frames": True, "price_per_second": "0.10"},
            "blind": {**ABLE, "first_frame": False, "price_per_second": "0.10"},
        },
    }
}
SCENES = (
    "duration: 4",
    "duration: 4, cast: [CHAR_01]",
    "duration: 4, cast: [CHAR_01], references: [CHAR_01]",
    "duration: 4, references: [CHAR_02]",  # which has no picture
    "duration: 4, references: [CHAR_01], candidates: 3",
    "duration: 6, references: [CHAR_01], first_frame: a.png",
    "duration: 6, references: [CHAR_01], first_frame: a.png, model: loose",
    "duration: 5, references: [CHAR_01], model: plain",
    "duration: 4, cast: [CHAR_01], model: loose",
)


def film(folder: Path, head: str, *scenes: str) -> Path:
    Image.new("RGB", (64, 36)).save(folder / "a.png")
    assets = "[{tag: CHAR_01, name: Ann, images: [a.png]}, {tag: CHAR_02, name: Bob}]"
    rows = "".join(f"  - {{prompt: the sea, after: [], {scene}}}\n" for scene in scenes)
    path = folder / "film.yaml"
    path.write_text(f"title: T\nservice: acme\nquality_mode: true\n{head}manifest: {{name: M, assets: {assets}}}\n"
                    f"scenes:\n{rows}", encoding="utf-8")  # fmt: skip
    return path


def test_what_is_asked_for_is_what_was_estimated(
    eager: Deps, service: Scripted, tick: Callable[[], None], tmp_path: Path
) -> None:
    eager.settings = replace(eager.settings, services=SERVICES)
    for head in ("size: 1280x720\n", "size: 1280x720\naudio: false\n", "size: 720x1280\n"):
        scenes = [scene for scene in SCENES if "plain" not in scene or "1280x720" in head]
        board = read_storyboard(film(tmp_path, head, *scenes), defaults=Defaults("acme", SERVICES))
        told = estimate(board, SERVICES)
        service.submitted.clear()
        enroll(eager, board, consent=Consent(confirmed=True, no_budget=True))
        operations = sum(scene.operations for scene in told.scenes)

        def ordered(wanted: int = operations) -> bool:
            tick()
            return len(service.submitted) >= wanted

        until(ordered, seconds=30, what="every order")
        asked: dict[str, list[tuple[float, Decimal]]] = {}
        for request in service.submitted:
            price = cost_of(eager.capabilities("acme", request.model), request)
            asked.setdefault(request.label, []).append((request.duration, price))
        for scene in told.scenes:
            lengths, prices = zip(*asked[scene.label], strict=True)
            assert (set(lengths), sum(prices)) == ({scene.seconds}, scene.cost), (head, scene.label)
