"""Pictures as services want them, and pictures that came from a service."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from vidpipe.errors import Refused
from vidpipe.services.wire.pictures import NoPicture, data_uri, examined, fitted, lean


def bytes_of(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_lean_picture_is_no_larger_than_it_may_be_and_keeps_its_shape_and_transparency(tmp_path: Path) -> None:
    Image.new("RGBA", (4000, 1000), (1, 2, 3, 4)).save(tmp_path / "a.png")
    Image.new("RGB", (40, 10)).save(tmp_path / "b.jpg")
    large, small = opened(lean(tmp_path / "a.png", 1000)), opened(lean(tmp_path / "b.jpg", 1000))
    assert (large.size, large.mode, large.format) == ((1000, 250), "RGBA", "PNG")
    assert (small.size, small.mode) == ((40, 10), "RGB")


def test_a_photograph_lies_as_its_camera_was_held(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 10))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "a.jpg", exif=exif)
    assert opened(lean(tmp_path / "a.jpg", 1000)).size == (10, 40)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    for make in (lambda path: lean(path, 10), lambda path: fitted(path, 10, 10)):
        for path in (tmp_path / "a.png", tmp_path / "none.png"):
            with pytest.raises(Refused, match="cannot be read"):
                make(path)


def test_a_picture_that_came_is_what_it_is() -> None:
    for kind, mime in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")):
        data = bytes_of(Image.new("RGB", (30, 20)), kind)
        assert examined(data, kinds=("PNG", "JPEG", "WEBP"), most_pixels=600) == (mime, 30, 20)


def test_a_picture_of_another_kind_too_large_or_cut_off_is_none() -> None:
    whole = bytes_of(Image.effect_noise((30, 20), 90))
    with pytest.raises(NoPicture, match="30x20"):
        examined(whole, kinds=("PNG",), most_pixels=599)
    for data in (whole[:-40], b"", bytes_of(Image.new("RGB", (3, 2)), "BMP"), b"\x89PNG\r\n\x1a\n" + b"\0" * 40):
        with pytest.raises(NoPicture, match="cannot be decoded"):
            examined(data, kinds=("PNG",), most_pixels=600)


def test_a_data_uri_is_png_where_that_is_short_enough_else_jpeg_else_refused(tmp_path: Path) -> None:
    Image.effect_noise((400, 300), 80).save(tmp_path / "noise.png")
    png = data_uri(tmp_path / "noise.png", 400, 300, most=10_000_000)
    jpeg = data_uri(tmp_path / "noise.png", 400, 300, most=len(png))
    assert png.startswith("data:image/png;base64,") and jpeg.startswith("data:image/jpeg;base64,")
    assert opened(base64.b64decode(jpeg.partition(",")[2])).size == (400, 300) and len(jpeg) < len(png)
    with pytest.raises(Refused, match="too large"):
        data_uri(tmp_path / "noise.png", 400, 300, most=1000)
