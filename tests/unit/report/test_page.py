"""The page keeps to itself and trusts nobody."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.unit.report.made import candidate, name, report, scene, take, unfinished, without_clip
from vidpipe.domain.states import CandidateState, SceneState, TakeState
from vidpipe.report.facts import FaultFacts, MeasureFacts, Report
from vidpipe.report.layout import Missing, plan
from vidpipe.report.page import page
from vidpipe.report.pictures import Pictures

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "`<b>not a remedy</b>`",
]
_VOID = {"meta", "link", "img", "br", "input", "hr"}


class Reader(HTMLParser):
    """What a browser would see: elements with attributes, and whether they close as they should."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.elements if found == tag]


def hostile(text: str) -> Report:
    """A film in which everything that can come from outside is `text`."""
    measured = tuple(
        part if part.name != "visual_quality" else type(part)(
            part.name, "measured", 0.5, 1.0, "", (MeasureFacts(text, 1.5, text, 0.5, text),)
        )
        for part in candidate().dimensions
    )  # fmt: skip
    chosen = candidate(
        "c0", prompt_sent=text, service=text, model=text, model_version=text, dimensions=measured, error=text
    )
    lost = candidate(
        "c1", number=2, state=CandidateState.UNUSABLE, selected=False, composite=None,
        faults=(FaultFacts(text, text),), error=text,
    )  # fmt: skip
    outside = {"label": text, "sequence": text, "prompt": text, "note": text, "shot": text, "camera": text}
    failed = take("failed", state=TakeState.FAILED, error=text, service=text, operation=text)
    return report(
        scene(0, chosen=chosen, candidates=(chosen, lost), why=text, takes=(failed,), service=text, **outside),
        without_clip(1, SceneState.BLOCKED, text, "gave_up", takes=(failed,), **outside),
        title=text, note=text,
    )  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_is_never_markup(text: str) -> None:
    reader, calm = Reader(page(hostile(text))), Reader(page(hostile("calm")))
    assert [tag for tag, _ in reader.elements] == [tag for tag, _ in calm.elements]
    assert text in reader.words
    assert not [
        key for _, attributes in reader.elements for key in attributes if key.startswith("on") or key == "style"
    ]


@pytest.mark.parametrize(
    "made", [report(), unfinished(report()), hostile("calm")], ids=["done", "unfinished", "trouble"]
)
def test_every_element_is_closed(made: Report) -> None:
    assert Reader(page(made)).open == []


def test_nothing_is_fetched_from_anywhere_but_the_folder() -> None:
    reader = Reader(page(hostile("https://example.invalid/x.js")))
    links = [
        attributes[key] for _, attributes in reader.elements for key in ("src", "href", "poster") if key in attributes
    ]
    assert links
    for link in links:
        assert re.fullmatch(
            r"#shot-\d+|data:image/jpeg;base64,.*|report\.json|film\.mp4|(clips|candidates|posters)/[a-z0-9_.-]+", link
        )


def test_the_policy_lets_only_our_own_style_and_script_run() -> None:
    html = page(report())
    reader = Reader(html)
    policy = next(meta["content"] for meta in reader.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(parts[0].encode()).digest()).decode()
        assert len(parts) == 1
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_control_characters_and_direction_tricks_are_made_visible() -> None:
    html = page(hostile("safe\u202egnp.exe\x1b[31m"))
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_a_very_long_prompt_does_not_swell_the_page() -> None:
    long = scene(prompt="word " * 20_000)
    assert len(page(report(long))) < 60_000
    assert "100,000 characters; whole in report.json" in page(report(long))


def test_unmeasured_dimensions_say_why() -> None:
    words = Reader(page(report())).words
    assert words.count("unmeasured: nothing here measures it") >= 3
    assert "no model looked at these clips" in words


def test_candidates_stand_side_by_side_with_faults_in_words() -> None:
    black = "black from 2.1 s to 3.9 s"
    lost = candidate(
        "c1",
        number=2,
        state=CandidateState.UNUSABLE,
        selected=False,
        composite=None,
        faults=(FaultFacts("black", black),),
    )
    reader = Reader(page(report(scene(candidates=(candidate("c0"), lost)))))
    assert black in reader.words
    assert sum("chosen" in cell.get("class", "") for cell in reader.of("th")) == 1


def test_a_clip_that_is_missing_is_not_linked_but_named() -> None:
    made = report()
    layout = plan(made).without(
        (Missing("film.mp4", "the media store holds no such file"), Missing("clips/01_shot-1a.mp4", "gone"))
    )
    reader = Reader(page(made, layout))
    assert not reader.of("video")
    assert "the media store holds no such file" in reader.words


def test_an_unfinished_film_has_no_player_and_says_what_is_missing() -> None:
    made = unfinished(report(scene(0), without_clip(1, SceneState.GENERATING, "", "started")))
    reader = Reader(page(made))
    assert "There is no film yet." in reader.words
    assert [video["src"] for video in reader.of("video")] == ["clips/01_shot-1a.mp4"]


def test_every_picture_has_words_and_every_video_a_name() -> None:
    pictures = Pictures(
        cards={name("c0"): "data:image/jpeg;base64,AAAA"}, strip={name("c0"): "data:image/jpeg;base64,AAAA"}
    )
    reader = Reader(page(report(), pictures=pictures))
    assert all("alt" in image for image in reader.of("img"))
    assert all(video.get("aria-label") for video in reader.of("video"))
    assert all(video["preload"] == "none" and "controls" in video for video in reader.of("video"))
