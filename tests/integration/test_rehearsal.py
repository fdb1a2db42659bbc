"""A rehearsal with money: several local services in one cluster, several workers of a kind, one truth about prices."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.video_services.stage import delivered, request_for
from tests.waiting import until
from vidpipe.cluster import ClusterOptions, Handle, reaper, start
from vidpipe.cluster.status import ProcessStatus, status
from vidpipe.domain.catalogue import described, read_catalogue
from vidpipe.domain.pricing import Price
from vidpipe.errors import NotStored, SetupError, Unavailable
from vidpipe.services.base import Cancellable, Findable
from vidpipe.services.registry import open_service
from vidpipe.settings import Settings, config_file, load

PRICE = "0.0371"  # chosen for the cluster, instead of the file's
PRICES = {"procedural": PRICE, "backup": "0.10", "blind": "0.20"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handle]:
    """The whole cluster with config/examples/rehearsal.yaml."""
    options = ClusterOptions(
        io_workers=2, gpu_workers=2, price=PRICE, renderers=1, faults="prompts",
        extra_env={"VIDPIPE_CONFIG": str(config_file("examples/rehearsal.yaml"))},
    )  # fmt: skip
    with start(tmp_path_factory.mktemp("rehearsal") / "home", options=options) as handle:
        yield handle


@pytest.fixture
def settings(cluster: Handle) -> Settings:
    """As any command finds them that knows the home folder, and nothing of the user's file."""
    return load({"VIDPIPE_HOME": str(cluster.home)})


def no_media(key: str) -> AbstractContextManager[Path]:
    raise NotStored(f"the media store holds no {key}")


def process(cluster: Handle, name: str) -> ProcessStatus:
    return next(one for one in status(cluster.home).processes if one.name == name)


def bill(cluster: Handle, name: str, token: str) -> list[dict[str, Any]]:
    uds = Path(cluster.settings["database_url"].partition("host=")[2].partition("&")[0]) / f"{name}.sock"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(uds)), base_url="http://x") as client:
        return list(client.get("/v1/bill", params={"token": token}).json()["rows"])


def test_each_service_and_each_worker_is_a_process_of_its_own(cluster: Handle) -> None:
    names = {one.name for one in status(cluster.home).processes}
    assert {"procedural", "procedural-backup", "procedural-blind", "io", "io2", "gpu", "gpu2", "tick"} <= names
    for name in ("procedural-blind", "io2"):
        assert (cluster.home / "logs" / f"{name}.log").is_file()


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("seconds", [1.0, 0.7])
def test_the_catalogue_and_the_bill_agree_to_the_millionth(
    cluster: Handle, settings: Settings, name: str, seconds: float
) -> None:
    able = described(read_catalogue(settings.services), name, "procedural-1")
    service = open_service(name, settings, no_media)
    request = request_for(duration=seconds, count=2)
    found = delivered(service, service.submit(request).name)
    charged = sum(Decimal(row["amount"]) for row in bill(cluster, name, request.token))
    assert (
        found.cost
        == charged
        == Price(able.price_per_second).of(seconds, 2)
        == 2 * Decimal(PRICES[name]) * Decimal(str(seconds))
    )


def test_a_worker_knows_the_prices_that_are_charged_whatever_becomes_of_the_file(cluster: Handle) -> None:
    environ = Path(f"/proc/{process(cluster, 'io2').pid}/environ").read_bytes().split(b"\0")
    told = dict(line.decode().partition("=")[::2] for line in environ if line.startswith(b"VIDPIPE_"))
    seen = load({**told, "VIDPIPE_CONFIG": ""})
    for name, price in PRICES.items():
        assert described(read_catalogue(seen.services), name, "procedural-1").price_per_second == Decimal(price)
        assert open_service(name, seen, no_media).name == name


def test_the_blind_one_can_neither_be_asked_nor_told_to_stop(settings: Settings) -> None:
    service = open_service("blind", settings, no_media)
    assert not isinstance(service, Findable) and not isinstance(service, Cancellable)
    assert isinstance(open_service("backup", settings, no_media), Findable)


def test_killed_ones_come_back_each_by_itself_and_the_books_with_them(cluster: Handle, settings: Settings) -> None:
    service = open_service("backup", settings, no_media)
    assert isinstance(service, Findable)
    request = request_for()
    name = service.submit(request).name
    before = {one.name: one.pid for one in status(cluster.home).processes}
    for killed in ("procedural-backup", "io2", "gpu2"):
        os.kill(before[killed], signal.SIGKILL)

    def back() -> bool:
        now = {one.name: one.pid for one in status(cluster.home).processes}
        again = {one: pid for one, pid in now.items() if pid != before[one] and reaper.read_process(pid)}
        return set(again) == {"procedural-backup", "io2", "gpu2"} and set(now) == set(before)

    until(back, seconds=20, what="the three, and no others, to be started again")

    def asked() -> str | None:
        try:
            found = service.find(request.token)
        except Unavailable:
            return None
        return found and found.name

    assert until(asked, seconds=20, what="the service to answer") == name
    assert delivered(service, name).clips
    assert len(bill(cluster, "backup", request.token)) == 1


def test_a_file_that_cannot_be_used_stops_the_start_in_words(tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(json.dumps({"services": {"backup": {"adapter": "procedural", "models": {"veo": {}}}}}))
    with pytest.raises(SetupError, match=r"services\.backup has a model that the procedural service does not: veo"):
        start(tmp_path / "home", options=ClusterOptions(extra_env={"VIDPIPE_CONFIG": str(config)}))
