"""What every service that draws keeps to. A new one joins SERVICES: its name, and the model that it is asked for."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.emulated import Emulated
from vidpipe.boundary import transaction_open
from vidpipe.domain.requests import Reference
from vidpipe.domain.side_requests import Drawn, ImageRequest, pixels, reserved_for_image
from vidpipe.domain.side_services import read_image_services
from vidpipe.errors import Refused, SetupError, TransactionOpen
from vidpipe.services.images.base import ImageService
from vidpipe.services.images.registry import ADAPTERS, open_image_service

SERVICES = {"gemini_images": "tiny", "procedural_images": "procedural-still"}
_numbers = count(1)


@pytest.fixture(params=list(SERVICES))
def service(request: pytest.FixtureRequest, emulator: Emulated) -> ImageService:
    return open_image_service(request.param, emulator.settings())


def asked(service: ImageService, prompt: str = "a lighthouse at dusk", **changes: Any) -> ImageRequest:
    base = ImageRequest(f"drawing-{next(_numbers)}", SERVICES[service.name], prompt, seed=7)
    return replace(base, **changes)


def test_every_adapter_is_in_this_suite() -> None:
    assert set(SERVICES) == set(ADAPTERS)


@pytest.mark.parametrize("aspect", ["16:9", "1:1"])
def test_what_was_asked_for_is_what_comes(service: ImageService, tmp_path: Path, aspect: str) -> None:
    drawn = service.draw(asked(service, aspect=aspect), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert drawn == replace(drawn, mime="image/png", width=image.width, height=image.height)
        assert image.size == pixels(aspect, "1K") and image.getextrema() != ((0, 0),) * 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_the_seed_decides_the_picture(service: ImageService, tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        service.draw(asked(service, seed=seed, aspect="1:1"), tmp_path / name)
    one, two, other = ((tmp_path / name).read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_references_go_along(service: ImageService, tmp_path: Path) -> None:
    Image.new("RGBA", (900, 3000), (220, 30, 30, 128)).save(tmp_path / "red.png")
    references = (Reference(tmp_path / "red.png", "CHAR_01"),) * 2
    assert isinstance(service.draw(asked(service, references=references), tmp_path / "a.png"), Drawn)


@pytest.mark.parametrize(
    "changes",
    [{"model": "no-such"}, {"prompt": " "}, {"aspect": "7:3:1"}, {"resolution": "9K"},
     {"references": (Reference(Path("/nowhere.png")),)}, {"references": (Reference(Path(__file__)),)}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_and_costs_nothing(
    emulator: Emulated, service: ImageService, tmp_path: Path, changes: dict[str, Any]
) -> None:
    request = asked(service, **changes)
    with pytest.raises(Refused) as caught:
        service.draw(request, tmp_path / "a.png")
    assert caught.value.kind == "invalid" and list(tmp_path.iterdir()) == []
    assert emulator.bill(request.token) == []


def test_nothing_is_written_over_and_nothing_bought_for_it(
    emulator: Emulated, service: ImageService, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    request = asked(service)
    with pytest.raises(FileExistsError):
        service.draw(request, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"mine" and emulator.posts(request.token) == 0


def test_a_drawing_is_never_begun_inside_a_transaction(service: ImageService, tmp_path: Path) -> None:
    with transaction_open(), pytest.raises(TransactionOpen):
        service.draw(asked(service), tmp_path / "a.png")


def test_what_it_costs_is_what_the_registry_says(emulator: Emulated, service: ImageService, tmp_path: Path) -> None:
    request = asked(service)
    service.draw(request, tmp_path / "a.png")
    model = read_image_services(emulator.services)[service.name].models[request.model]
    bill = [row["amount"] for row in emulator.bill(request.token)]
    price = reserved_for_image(model, request)
    assert bill == ([f"{price:.6f}"] if price else [])


def test_an_unknown_service_is_a_set_up_error(emulator: Emulated) -> None:
    for name in ("nobody", "openai_videos"):
        with pytest.raises(SetupError):
            open_image_service(name, emulator.settings())
