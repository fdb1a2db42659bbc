"""Keys, addresses and options of a service; and from where its files may come."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidpipe.errors import Broken, NotStored, SetupError
from vidpipe.services.opening import Opening, address
from vidpipe.services.wire.fetching import Source
from vidpipe.settings import load


def no_media(key: str) -> AbstractContextManager[Path]:
    raise NotStored(f"the media store holds no {key}")


def opening(tmp_path: Path, entry: dict[str, Any], **environment: str) -> Opening:
    config = tmp_path / "own.yaml"
    config.write_text("services: {mine: {keys: [MY_KEY, [ONE_KEY, OTHER_KEY]], models: {m: {}}}}")
    settings = load({"VIDPIPE_HOME": str(tmp_path), "VIDPIPE_CONFIG": str(config), **environment})
    return Opening("mine", {**settings.services["mine"], **entry}, settings, no_media)


def test_a_key_is_what_the_named_variable_holds(tmp_path: Path) -> None:
    found = opening(tmp_path, {}, MY_KEY="secret-1", OTHER_KEY="secret-2", UNNAMED="secret-3")
    assert (found.key(), found.key(1)) == ("secret-1", "secret-2")
    assert "secret-3" not in found.settings.keys.values()


def test_a_key_is_masked_and_left_out_of_representations(tmp_path: Path) -> None:
    found = opening(tmp_path, {}, MY_KEY="secret-1")
    assert "secret-1" in found.settings.secrets and "secret-1" not in repr(found)


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        opening(tmp_path, {}, MY_KEY="x").key(1)
    assert caught.value.remedy == "Set ONE_KEY or OTHER_KEY."
    with pytest.raises(SetupError, match="names no variable"):
        opening(tmp_path, {"keys": []}).key()


def test_an_option_goes_before_the_settings_address(tmp_path: Path) -> None:
    found = opening(tmp_path, {"options": {"url": "https://a/v1/"}})
    told = replace(found, settings=replace(found.settings, service_urls={"mine": "https://b"}))
    assert told.url == "https://a/v1" and replace(told, entry={}).url == "https://b"


def test_in_a_rehearsal_no_option_leads_past_the_emulator(tmp_path: Path) -> None:
    found = opening(tmp_path, {"options": {"url": "https://a/v1/", "storage_url": "https://b/"}})
    settings = replace(found.settings, service_urls={"mine": "http://127.0.0.1:9/mine/"})
    real = replace(found, settings=settings)
    assert (real.url, real.at("storage_url"), real.at("listing")) == ("https://a/v1", "https://b", "")
    rehearsed = replace(found, settings=replace(settings, rehearsing=True))
    assert (rehearsed.url, rehearsed.at("storage_url")) == ("http://127.0.0.1:9/mine", "")


SETTLING = """
import sys
from vidpipe.settings import REHEARSAL, load
for found in (load({"VIDPIPE_HOME": sys.argv[1]}), load({"VIDPIPE_HOME": sys.argv[1], REHEARSAL: "1"})):
    models = [model for entry in found.services.values() for model in entry["models"].values()]
    print(max(model.get("settling_seconds", 0) for model in models), 2 * found.timing.call_timeout)
"""


def test_in_a_rehearsal_no_lost_order_is_waited_for_much_longer_than_a_call_may_take(tmp_path: Path) -> None:
    # In a process of its own: who has rehearsed cannot leave this machine any more.
    said = subprocess.run([sys.executable, "-c", SETTLING, str(tmp_path)], capture_output=True, text=True, check=True)
    real, rehearsed = ([float(figure) for figure in line.split()] for line in said.stdout.splitlines())
    assert real[0] > real[1] and rehearsed[0] == rehearsed[1]


@pytest.mark.parametrize("options", [{"ulr": "x"}, {"url": 3}, {"askable": "no"}, {"askable": 1}])
def test_an_option_of_another_name_or_type_is_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(SetupError, match=r"services\.mine\.options"):
        opening(tmp_path, {"options": options}).options(url=str, askable=bool)


@pytest.mark.parametrize(
    "url", ["https://api.example.com/v1", "http://127.0.0.1:8000/v1", "http://gpu-box:8000", "http://192.168.1.4", "http://[::1]:9"]
)  # fmt: skip
def test_a_usable_address_is_taken(url: str) -> None:
    assert address("mine", url) == url


@pytest.mark.parametrize(
    "url", ["", "example.com", "file:///etc", "http://example.com", "http://8.8.8.8", "https://u:p@h", "https://h?k=v", "https://h:x"]
)  # fmt: skip
def test_an_address_that_would_leak_or_means_nothing_is_not(url: str) -> None:
    with pytest.raises(SetupError):
        address("mine", url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "http://169.254.169.254/latest", "https://169.254.169.254/", "http://cdn.example.com/a",
        "https://example.com.evil.org/a", "https://evilexample.com/a", "https://cdn.example.com:8443/a",
        "https://me@cdn.example.com/a", "http://127.0.0.1:8001/a", "https://127.0.0.1:8000/a", "", "https://h:x/",
    ],
)  # fmt: skip
def test_nothing_is_fetched_from_where_it_is_not_expected(tmp_path: Path, url: str) -> None:
    source = Source("mine", "http://127.0.0.1:8000/v1", hosts=(".example.com",))
    with pytest.raises(Broken, match="not fetched from"):
        source.download(url, tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
