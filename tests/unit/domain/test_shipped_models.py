"""The registry that vidpipe brings along: every figure in it says where it is from and when it was read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from vidpipe.domain.catalogue import Capabilities, read_catalogue, read_service
from vidpipe.domain.side_services import ImageModel, TextModel, read_image_services, read_text_services
from vidpipe.domain.sources import KIND_OF
from vidpipe.errors import SetupError
from vidpipe.settings import load, read_services

SERVICES: dict[str, Any] = read_services()["services"]
LOCAL = ("procedural", "procedural_images", "footage")  # what they can do is this project's own code
FIRST_READ = date(2026, 11, 21)
LIMITS = ("operations", "requests_per_minute", "at_once")


def shipped() -> Iterator[tuple[str, str, Capabilities | ImageModel | TextModel]]:
    for found in (read_catalogue(SERVICES), read_image_services(SERVICES), read_text_services(SERVICES)):
        for name, service in found.items():
            yield from ((name, model, facts) for model, facts in service.models.items() if name not in LOCAL)


@pytest.mark.parametrize(
    ("service", "model", "facts"), list(shipped()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_figure_has_its_source_and_the_day_it_was_read(
    service: str, model: str, facts: Capabilities | ImageModel | TextModel
) -> None:
    stated = {**SERVICES[service]["models"][model], **{key: None for key in LIMITS if key in SERVICES[service]}}
    for figure in ["ids", "retires", *stated]:
        if figure != "sources":
            assert figure == "ids" or figure in KIND_OF, f"{figure} belongs to no kind"
            assert len(facts.told.source(figure)) > 20, f"{service}/{model} does not say where {figure} is from"
    for kind, source in facts.told.by_kind:
        assert source.read >= FIRST_READ, f"{service}/{model}: {kind}"


def test_no_service_can_be_called_what_leaves_the_choice_to_the_rules() -> None:
    with pytest.raises(SetupError, match="cannot be called 'auto'"):
        read_catalogue({"auto": {"models": {"m": {}}}})


def test_the_services_and_models_that_are_promised_are_there() -> None:
    models = {(service, model) for service, model, _ in shipped()}
    assert models >= {
        ("veo", "veo-3.1-generate-001"), ("veo", "veo-3.1-fast-generate-001"), ("veo", "veo-3.1-lite-generate-001"),
        ("gemini", "gemini-omni-1.2-flash"), ("runway", "gen4.5"), ("runway", "gen4_turbo"), ("pika", "v2.2"),
        ("openai_videos", "sora-2"), ("gemini_images", "gemini-3-pro-image"),
        ("gemini_images", "gemini-nano-banana-2.1"), ("gemini_text", "gemini-3.8-flash"),
    }  # fmt: skip


def test_what_is_paid_for_needs_a_key_and_no_default_model_is_retired() -> None:
    for service, model, facts in shipped():
        assert SERVICES[service]["keys"], service
        if model == SERVICES[service]["default_model"]:
            assert facts.retires is None or facts.retires > FIRST_READ


def test_a_model_that_is_retired_names_what_takes_its_place() -> None:
    retired = [(service, facts) for service, _, facts in shipped() if facts.retires is not None]
    assert retired
    for service, facts in retired:
        assert facts.replacement in SERVICES[service]["models"]


def test_every_file_is_yaml_of_services_and_none_is_named_twice() -> None:
    folder = Path(__file__).parents[3] / "config" / "services"
    names = [path.stem for path in folder.glob("*.yaml")]
    assert {"veo", "gemini", "runway", "pika", "openai_videos"} <= set(names)
    assert set(names) <= set(SERVICES)


def test_a_users_figure_has_the_users_file_for_its_source_and_the_others_keep_theirs(tmp_path: Path) -> None:
    own = tmp_path / "studio.yaml"
    own.write_text('services: {veo: {models: {veo-3.1-generate-001: {price_per_second: "0.30"}}}}')
    found = load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(own)})
    facts = read_catalogue(found.services)["veo"].models["veo-3.1-generate-001"]
    assert str(facts.price_per_second) == "0.30"
    assert facts.told.source("price_per_second") == "stated in studio.yaml"
    assert "google-genai" in facts.told.source("durations")


def test_a_user_may_name_a_source_of_his_own(tmp_path: Path) -> None:
    own = tmp_path / "studio.yaml"
    price = 'price_per_second: "0.30", sources: {price: {from: "our contract", read: 2026-11-01}}'
    own.write_text(f"services: {{veo: {{models: {{veo-3.1-generate-001: {{{price}}}}}}}}}")
    found = load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(own)})
    facts = read_catalogue(found.services)["veo"].models["veo-3.1-generate-001"]
    assert facts.told.source("price_per_second") == "our contract (read on 2026-11-01)"


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ({"prices": {"from": "x", "read": "2026-11-21"}}, "'prices'"),
        ({"price": "a page"}, "`from` where and when"),
        ({"price": {"from": "", "read": "2026-11-21"}}, "`from` where and when"),
        ({"price": {"from": "x", "read": "lately"}}, "lately"),
        (["price"], "should be a mapping"),
    ],
)
def test_a_source_that_says_nothing_is_refused(sources: Any, says: str) -> None:
    with pytest.raises(SetupError, match=says):
        read_service("x", {"sources": sources, "models": {"m": {}}})
