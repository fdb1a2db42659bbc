"""The local services: which instances a cluster runs, with what prices and limits, and what others are told of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vidpipe.cluster import local, processes
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.local import LocalService, local_services
from vidpipe.cluster.options import ClusterOptions
from vidpipe.errors import SetupError
from vidpipe.settings import config_file, load

MODEL = {"price_per_second": "0.25"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home", Path("/tmp/vp-abc"))


def services(layout: Layout, described: dict[str, Any], **options: Any) -> dict[str, LocalService]:
    """The instances for a user's file with these services."""
    config = layout.home.parent / "own.yaml"
    config.write_text(json.dumps({"services": described}))
    found = local_services(layout, ClusterOptions(extra_env={"VIDPIPE_CONFIG": str(config)}, **options))
    return {one.name: one for one in found}


def second(**more: Any) -> dict[str, Any]:
    return {"second": {"adapter": "procedural", "models": {"procedural-1": MODEL}, **more}}


def words(service: LocalService, **options: Any) -> str:
    return " ".join(service.argv(ClusterOptions(**options)))


def test_without_a_users_file_there_is_one_instance_where_it_always_was(layout: Layout) -> None:
    (first,) = local_services(layout, ClusterOptions())
    assert (first.process, first.folder, first.socket) == ("procedural", layout.procedural, layout.procedural_socket)
    assert first.url == layout.settings()["procedural_url"]
    assert "--price" not in words(first) and "--most-operations 64" in words(first)
    assert local.settings_of([first])["service_urls"] == {}


def test_every_instance_without_an_address_is_run(layout: Layout) -> None:
    elsewhere = {"adapter": "procedural", "models": {"procedural-1": {}}, "options": {"url": "http://10.0.0.1"}}
    found = services(layout, {**second(), "elsewhere": elsewhere})
    assert list(found) == ["procedural", "second"]
    one = found["second"]
    assert (one.process, one.folder) == ("procedural-second", layout.home / "procedural-second")
    assert one.socket == layout.sockets / "second.sock"
    assert local.settings_of([one])["service_urls"] == {"second": one.url}
    assert list(services(layout, {"procedural": {"options": {"url": "http://10.0.0.1"}}})) == []


def test_each_is_started_with_the_prices_and_limits_of_its_entry(layout: Layout) -> None:
    models = {"procedural-1": MODEL, "procedural-lite": {"price_per_second": 1e-05}}
    found = services(layout, second(models=models, operations=None, requests_per_minute=30))["second"]
    said = words(found)
    assert "--price procedural-1=0.25 --price procedural-lite=0.00001 --requests-per-minute 30" in said
    assert "--most-operations" not in said


def test_a_price_that_is_chosen_holds_for_the_first_instance_and_is_told_to_everybody(layout: Layout) -> None:
    found = services(layout, second(), price="0.4")
    assert "--price procedural-1=0.4 --price procedural-lite=0.4" in words(found["procedural"])
    assert "--price procedural-1=0.25" in words(found["second"])
    told = local.environment(found.values())
    seen = load({"VIDPIPE_HOME": str(layout.home), **told}).services
    for name in ("procedural-1", "procedural-lite"):
        assert seen["procedural"]["models"][name]["price_per_second"] == "0.4"
    assert seen["second"]["models"]["procedural-1"]["price_per_second"] == "0.25"


def test_what_others_are_told_can_be_written_down_whatever_the_file_holds(layout: Layout) -> None:
    config = layout.home.parent / "own.yaml"
    config.write_text(
        "services: {second: {adapter: procedural, models: {procedural-1: {retires: 2027-01-31, durations: [4]}}}}"
    )
    found = local_services(layout, ClusterOptions(extra_env={"VIDPIPE_CONFIG": str(config)}))
    told = json.loads(json.dumps(local.settings_of(found)))
    assert told["services"]["second"]["models"]["procedural-1"]["retires"] == "2027-01-31"


def test_every_process_of_the_cluster_is_told(layout: Layout) -> None:
    found = tuple(services(layout, second()).values())
    env = processes.environment(layout, ClusterOptions(), found)
    assert set(json.loads(env["VIDPIPE_SERVICES"])) == {"procedural", "second"}
    assert json.loads(env["VIDPIPE_SERVICE_URLS"]) == {"second": found[1].url}


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"a/b": second()["second"]}, "cannot be called 'a/b'"),
        ({"..": second()["second"]}, "cannot be called"),
        ({"valkey": second()["second"]}, "cannot be called 'valkey'"),
        (second(models={"veo-3": {}}), "'?veo-3"),
        (second(operations=0), "operations"),
        (second(options=["url"]), "options should be a mapping"),
        ({"procedural": {"models": {"procedural-1": {"cheaper": "procedural/none"}}}}, "procedural/none"),
    ],
)
def test_an_entry_that_cannot_be_run_is_said_before_anything_starts(
    layout: Layout, described: dict[str, Any], says: str
) -> None:
    with pytest.raises(SetupError, match=says):
        services(layout, described)


def test_a_name_that_makes_the_sockets_path_too_long_is_said(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home", Path("/tmp/" + "x" * 80))
    with pytest.raises(SetupError, match="too long") as caught:
        services(layout, {"a-rather-long-name": second()["second"]})
    assert "a shorter name" in caught.value.remedy


def test_the_example_of_a_rehearsal_has_what_it_promises(layout: Layout) -> None:
    env = {"VIDPIPE_CONFIG": str(config_file("examples/rehearsal.yaml"))}
    found = {one.name: one for one in local_services(layout, ClusterOptions(extra_env=env))}
    assert list(found) == ["procedural", "backup", "blind"]
    dear, lite = (found["procedural"].facts.models[name] for name in ("procedural-1", "procedural-lite"))
    assert dear.cheaper == "procedural/procedural-lite" and 0 < lite.price_per_second < dear.price_per_second
    assert 0 < found["backup"].facts.models["procedural-1"].price_per_second < dear.price_per_second
    assert found["blind"].entry["options"] == {"askable": False, "cancellable": False}
    assert found["blind"].facts.models["procedural-1"].price_per_second > 0
