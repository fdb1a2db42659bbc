"""Which services there are, what their models can do, and that their calls are slow work."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vidpipe.boundary import transaction_open
from vidpipe.domain.catalogue import described, read_catalogue
from vidpipe.domain.requests import RemoteClip, VideoRequest
from vidpipe.errors import NotStored, SetupError, TransactionOpen
from vidpipe.services.base import Cancellable, Findable
from vidpipe.services.procedural import wire
from vidpipe.services.registry import open_service
from vidpipe.settings import Settings, load


def no_media(key: str) -> AbstractContextManager[Path]:
    raise NotStored(f"the media store holds no {key}")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The shipped configuration."""
    return replace(load({"VIDPIPE_HOME": str(tmp_path)}), procedural_url="http://127.0.0.1:1")


def test_every_service_of_the_configuration_opens(settings: Settings) -> None:
    for name in ("procedural", "footage"):
        assert name in settings.services
        assert open_service(name, settings, no_media).name == name


def test_every_shipped_model_can_be_read(settings: Settings) -> None:
    for name in settings.services:
        for model in settings.services[name]["models"] if name in read_catalogue(settings.services) else ():
            assert described(read_catalogue(settings.services), name, model).model == model
        assert settings.services[name]["default_model"] in settings.services[name]["models"]


def test_a_misspelt_name_is_answered_with_a_guess(settings: Settings) -> None:
    with pytest.raises(SetupError) as service:
        open_service("procedual", settings, no_media)
    assert service.value.remedy == "Did you mean procedural?"
    with pytest.raises(SetupError) as model:
        described(read_catalogue(settings.services), "procedural", "procedural-2")
    assert "procedural-1" in model.value.remedy


def test_a_described_service_without_an_adapter_says_so(settings: Settings) -> None:
    with pytest.raises(SetupError, match="no adapter"):
        open_service("mine", replace(settings, services={"mine": {"models": {}}}), no_media)


SECOND = {"adapter": "procedural", "models": {"procedural-1": {}}}


def with_second(settings: Settings, urls: dict[str, str] | None = None, **options: object) -> Settings:
    services = {**settings.services, "second": {**SECOND, "options": options}}
    return replace(settings, services=services, service_urls=urls or {})


def test_a_second_instance_has_its_own_name_and_address(settings: Settings) -> None:
    for found in (
        with_second(settings, {"second": "http://127.0.0.1:2"}),
        with_second(settings, {"second": "http://127.0.0.1:2"}, url="http://127.0.0.1:3"),
        with_second(settings, url="http+unix://%2Ftmp%2Fx.sock"),
    ):
        assert open_service("second", found, no_media).name == "second"
    with pytest.raises(SetupError, match="the address of the service second"):
        open_service("second", with_second(settings), no_media)  # procedural_url is the first one's


@pytest.mark.parametrize("askable", [True, False])
@pytest.mark.parametrize("cancellable", [True, False])
def test_a_service_can_be_asked_and_stopped_exactly_where_its_entry_says_so(
    settings: Settings, askable: bool, cancellable: bool
) -> None:
    told = with_second(settings, url="http://127.0.0.1:2", askable=askable, cancellable=cancellable)
    service = open_service("second", told, no_media)
    assert (isinstance(service, Findable), isinstance(service, Cancellable)) == (askable, cancellable)


@pytest.mark.parametrize("options", [{"askable": "no"}, {"cancelable": False}, {"cancellable": 1}])
def test_an_option_that_nothing_reads_is_named(settings: Settings, options: dict[str, object]) -> None:
    told = with_second(settings, url="http://127.0.0.1:2", **options)
    with pytest.raises(SetupError, match=rf"services\.second\.options.*{next(iter(options))}"):
        open_service("second", told, no_media)
    with pytest.raises(SetupError, match=r"services\.second\.options should be a mapping"):
        open_service("second", replace(settings, services={"second": {**SECOND, "options": ["url"]}}), no_media)


def test_without_an_address_the_procedural_service_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(SetupError) as caught:
        open_service("procedural", replace(settings, procedural_url=""), no_media)
    assert "VIDPIPE_PROCEDURAL_URL" in caught.value.remedy


@pytest.mark.parametrize(
    "model",
    [{"max_secnds": 3}, {"audio": "yes"}, {"price_per_second": "much"}, {"price_per_second": -1}, {"sizes": [640]}],
)
def test_a_wrong_figure_is_named(settings: Settings, model: dict[str, Any]) -> None:
    services = {"procedural": {"models": {"m": model}}}
    with pytest.raises(SetupError, match=r"services\.procedural"):
        described(read_catalogue(replace(settings, services=services).services), "procedural", "m")


def test_figures_become_types(settings: Settings) -> None:
    model = {"sizes": [[640, 360]], "durations": [4, 8], "price_per_second": 0.1, "max_candidates": 2, "audio": True}
    found = described(read_catalogue(replace(settings, services={"x": {"models": {"m": model}}}).services), "x", "m")
    assert found.sizes == ((640, 360),) and found.durations == (4.0, 8.0)
    assert found.price_per_second == Decimal("0.1") and found.audio is True


def test_what_the_configuration_promises_the_renderer_can_do(settings: Settings) -> None:
    for model in settings.services["procedural"]["models"]:
        found = described(read_catalogue(settings.services), "procedural", model)
        assert found.model in wire.MODELS and set(found.frame_rates) <= set(wire.FRAME_RATES)
        assert found.min_duration >= wire.LEAST_SECONDS and found.max_duration <= wire.MOST_SECONDS
        assert found.max_pixels <= wire.MOST_PIXELS and found.max_candidates <= wire.MOST_CLIPS
        assert found.max_references <= wire.MOST_REFERENCES


def test_no_call_is_begun_inside_a_transaction(settings: Settings, tmp_path: Path) -> None:
    request = VideoRequest("t", "procedural-1", "the sea", 1.0, 320, 180, 24)
    for name in ("procedural", "footage"):
        service = open_service(name, settings, no_media)
        assert isinstance(service, Findable)
        with transaction_open():
            for call in (
                lambda service=service: service.submit(request),
                lambda service=service: service.fetch("op", RemoteClip(1), tmp_path / "x"),
                lambda service=service: service.find("t"),
            ):
                with pytest.raises(TransactionOpen):
                    call()


def test_only_what_can_be_cancelled_has_cancel(settings: Settings) -> None:
    assert isinstance(open_service("procedural", settings, no_media), Cancellable)
    assert not isinstance(open_service("footage", settings, no_media), Cancellable)
