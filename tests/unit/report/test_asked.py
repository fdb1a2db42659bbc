"""What went to a service stands in the report: as data, and on the page, whatever its words are."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.report import made
from vidpipe.report.asked import asked
from vidpipe.report.bought import Asked, Eased, Picture
from vidpipe.report.document import document
from vidpipe.report.page import page

SHA = "a" * 64
REQUEST = {
    "duration": 8.0, "width": 1280, "height": 720, "fps": 24, "audio": True, "negative_prompt": "rain",
    "first_frame": f"film/given/{SHA}.png", "last_frame": "film/scene/take/candidate_1_last.jpg",
    "references": [{"tag": "ANNA", "key": f"film/given/{SHA}.jpg", "description": "Anna"}],
    "left_out": ["the reference BEN: the model takes 1"],
    "policy": {"level": 1, "name": "gentle", "changed": ["the prompt begins with: Be kind."], "why": "a <b>face</b>"},
}  # fmt: skip


def test_a_request_is_told_with_the_hashes_of_what_a_person_gave() -> None:
    found = asked(REQUEST)
    assert (found.seconds, found.width, found.height, found.fps, found.audio) == (8.0, 1280, 720, 24, True)
    assert found.pictures == (
        Picture("first", f"film/given/{SHA}.png", SHA),
        Picture("last", "film/scene/take/candidate_1_last.jpg", ""),
        Picture("ANNA", f"film/given/{SHA}.jpg", SHA),
    )
    assert found.eased == Eased(1, "gentle", ("the prompt begins with: Be kind.",), "a <b>face</b>")


def test_what_an_older_version_did_not_write_down_is_left_open() -> None:
    assert asked({}) == Asked()


def test_the_report_says_what_was_changed_why_and_what_was_left_out() -> None:
    take = replace(made.take(), asked=asked(REQUEST), policy_level=1)
    report = made.report(made.scene(takes=(take,), service_why="the cheapest that can do 8 s"))
    told = document(report)["scenes"][0]
    assert told["takes"][0]["asked"]["eased"]["changed"] == ["the prompt begins with: Be kind."]
    assert told["service_asked"]["why"] == "the cheapest that can do 8 s"
    shown = page(report)
    assert "level 1 of the policy ladder (gentle)" in shown and "a &lt;b&gt;face&lt;/b&gt;" in shown
    assert "the reference BEN: the model takes 1" in shown and "the cheapest that can do 8 s" in shown
