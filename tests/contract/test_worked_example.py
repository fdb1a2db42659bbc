"""The worked example of a new service is a service: its very blocks are put in place, and it passes what all pass.

The blocks come out of vidpipe/services/ADDING.md: the module is importable as if it stood in its folder, the
configuration is a user's own file, and the registry has one line more.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vidpipe.services
from tests.acme import KEY, LASTING, Acme, Books
from tests.contract.video_services.cases import Case
from tests.contract.video_services.stage import bring, delivered, outcome, request_for, shelf
from tests.contract.video_services.test_every_service import (
    test_a_process_that_knows_only_the_name_goes_on,
    test_a_service_has_find_and_cancel_exactly_where_it_can,
    test_an_unknown_operation_has_expired,
    test_fetch_leaves_nothing_but_the_clip_and_writes_over_nothing,
    test_the_same_request_gives_the_same_bytes,
    test_what_was_asked_for_is_what_comes,
    test_what_was_bought_is_found_by_its_token_and_nothing_else_is,
    test_what_was_cancelled_is_not_delivered,
    test_without_sound_there_is_no_sound,
)
from tests.contract.video_services.test_hostile_services import ATTACKS, NAMES, ODD, SOON, calls, reason
from tests.hostile import Hostile
from vidpipe.cli import codes
from vidpipe.cli.main import main
from vidpipe.domain.requests import Pending, RemoteClip, VideoRequest
from vidpipe.errors import Broken, Expired, Refused, ServiceError, Transient, Unavailable, Uncertain
from vidpipe.services import registry
from vidpipe.services.base import Cancellable, Findable, VideoService
from vidpipe.settings import Settings, Timing, load

__all__ = [  # the suite, run with the `case` below
    "test_a_process_that_knows_only_the_name_goes_on",
    "test_a_service_has_find_and_cancel_exactly_where_it_can",
    "test_an_unknown_operation_has_expired",
    "test_fetch_leaves_nothing_but_the_clip_and_writes_over_nothing",
    "test_the_same_request_gives_the_same_bytes",
    "test_what_was_asked_for_is_what_comes",
    "test_what_was_bought_is_found_by_its_token_and_nothing_else_is",
    "test_what_was_cancelled_is_not_delivered",
    "test_without_sound_there_is_no_sound",
]
PAGE = Path(vidpipe.services.__file__).with_name("ADDING.md")
BLOCKS: list[str] = re.findall(r"^```\w+\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
MODULE, CONFIGURATION, LINE = BLOCKS
MOST_LINES = 60
FILM = "title: T\nbudget: 9\nscenes:\n  - {prompt: the sea, duration: 4, service: acme}\n"


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The blocks in place; the user's own file."""
    folder = tmp_path_factory.mktemp("added")
    (folder / "acme.py").write_text(MODULE, encoding="utf-8")
    (folder / "acme.yaml").write_text(CONFIGURATION, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vidpipe.services, "__path__", [*vidpipe.services.__path__, str(folder)])
        patch.setattr(registry, "ADAPTERS", {**registry.ADAPTERS, **ast.literal_eval(f"{{{LINE.strip()}}}")})
        yield folder / "acme.yaml"
    sys.modules.pop("vidpipe.services.acme", None)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    with Acme(tmp_path_factory.mktemp("acme")) as server:
        yield server


@pytest.fixture
def books(acme: Acme) -> Books:
    """What the server knows; it takes everything, and brings it."""
    acme.books.mood, acme.books.end = "", "done"
    return acme.books


def opened(added: Path, url: str, *, key: str = KEY, seconds: float = 2) -> VideoService:
    return registry.open_service("acme", settings(added, url, key, seconds), shelf())


def settings(added: Path, url: str, key: str = KEY, seconds: float = 2) -> Settings:
    said = {
        "VIDPIPE_HOME": str(added.parent / "home"), "VIDPIPE_CONFIG": str(added), "ACME_API_KEY": key,
        "VIDPIPE_SERVICE_URLS": json.dumps({"acme": f"{url}/v1"}),
    }  # fmt: skip
    return replace(load(said), timing=Timing(call_timeout=seconds, poll_timeout=seconds))


def order(prompt: str = "a lighthouse at dusk", **changes: Any) -> VideoRequest:
    return request_for(prompt, **{"model": "acme-2", "fps": 24, **changes})


@pytest.fixture
def case(added: Path, acme: Acme, books: Books) -> Case:
    """For the suite: the adapter as the registry hands it out."""
    return Case(
        opened(added, acme.url), order, lambda: opened(added, acme.url), lasting=f"a road {LASTING}", progresses=False
    )


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with Hostile() as server:
        yield server


@pytest.fixture
def other() -> Iterator[Hostile]:
    with Hostile() as server:
        yield server


def test_it_takes_at_most_sixty_lines() -> None:
    assert sum(block.count("\n") for block in BLOCKS) <= MOST_LINES
    assert max(len(line) for block in BLOCKS for line in block.splitlines()) <= 120
    assert LINE.count("\n") == 1


# What befalls an order, what it means, how many jobs were bought.
ORDERS: list[tuple[str, type[ServiceError], int]] = [
    ("429", Unavailable, 0),
    ("500", Uncertain, 0),
    ("503", Uncertain, 0),
    ("503 for 2 s", Transient, 0),
    ("policy", Refused, 0),
    ("invalid", Refused, 0),
    ("reset", Uncertain, 0),
    ("hang", Uncertain, 0),
    ("500 after", Uncertain, 1),
    ("reset after", Uncertain, 1),
    ("hang after", Uncertain, 1),
    ("no name", Uncertain, 1),
]


@pytest.mark.parametrize(("mood", "error", "bought"), ORDERS, ids=[mood for mood, _, _ in ORDERS])
def test_a_submit_posts_once_and_says_what_became_of_it(
    added: Path, acme: Acme, books: Books, mood: str, error: type[ServiceError], bought: int
) -> None:
    service, request = opened(added, acme.url, seconds=0.5), order()
    books.mood = mood
    with pytest.raises(error) as caught:
        service.submit(request)
    assert type(caught.value) is error
    assert books.posts[request.token] == 1 and len(books.bought(request.token)) == bought
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == 2
    if isinstance(caught.value, Refused):
        assert caught.value.kind == ("policy" if mood == "policy" else "invalid")
    assert isinstance(service, Findable)
    found = service.find(request.token)
    assert ([found.name] if found else []) == books.bought(request.token)


@pytest.mark.parametrize("changes", [{"count": 2}, {"first_frame": Path("x")}, {"last_frame": Path("x")}])
def test_what_the_protocol_cannot_say_is_refused_and_not_sent(
    case: Case, books: Books, changes: dict[str, Any]
) -> None:
    request = order(**changes)
    with pytest.raises(Refused):
        case.service.submit(request)
    assert books.posts[request.token] == 0


@pytest.mark.parametrize(("end", "error"), [("blocked", Refused), ("failed", Broken)])
def test_a_job_that_ends_badly_says_how(case: Case, books: Books, end: str, error: type[ServiceError]) -> None:
    books.end = end
    caught = outcome(case.service, case.service.submit(order()).name)
    assert type(caught) is error and f"was {end}" in caught.message
    assert not isinstance(caught, Refused) or caught.kind == "policy"


def test_a_wave_asks_over_its_own_connections(case: Case) -> None:
    names = [case.service.submit(order(f"a road {LASTING}")).name for _ in range(5)]

    async def wave() -> list[object]:
        async with case.service.connection():  # type: ignore[attr-defined]
            return list(await asyncio.gather(*(case.service.poll(name) for name in names)))

    assert asyncio.run(wave()) == [Pending()] * 5


def test_a_wrong_key_buys_nothing_and_is_not_told(added: Path, acme: Acme, books: Books) -> None:
    request, secret = order(), "acme-other-9876543210"
    with pytest.raises(Unavailable) as caught:
        opened(added, acme.url, key=secret).submit(request)
    assert books.bought(request.token) == [] and secret not in repr(caught.value)


def test_nobody_there_is_nothing_bought(added: Path) -> None:
    service = opened(added, "http://127.0.0.1:9")  # discard: nobody listens
    for call in (lambda: service.submit(order()), lambda: asyncio.run(service.poll("job-1"))):
        with pytest.raises(Unavailable):
            call()


@pytest.mark.parametrize("attack", list(ATTACKS))
def test_whatever_is_answered_ends_in_a_reason_and_no_damage(
    added: Path, case: Case, hostile: Hostile, other: Hostile, tmp_path: Path, attack: str
) -> None:
    """As the other adapters are tried in video_services/test_hostile_services.py."""
    service = opened(added, hostile.url, seconds=1)
    for call, made in calls(service, case, "job-1", tmp_path / "clip.mp4").items():
        hostile.answer, hostile.sent = ATTACKS[attack](other.url), 0
        hostile.requests.clear()
        begun = time.monotonic()
        error = reason(made)
        assert time.monotonic() - begun < SOON, call
        if error is None:
            assert call == "cancel"
            continue
        assert len(error.message) < 2000 and not set(error.message) & set(ODD), call
        if call == "submit":
            assert type(error) is Uncertain and [method for method, _ in hostile.requests] == ["POST"]
        else:
            assert isinstance(error, Transient | Broken | Expired), call
    assert list(tmp_path.iterdir()) == [] and other.requests == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_path_characters_is_never_asked_for(added: Path, hostile: Hostile, name: str) -> None:
    service = opened(added, hostile.url)
    assert isinstance(service, Cancellable)
    for call in (lambda: asyncio.run(service.poll(name)), lambda: service.cancel(name)):
        with pytest.raises(Expired):
            call()
    assert hostile.requests == []


@pytest.mark.parametrize("url", ["http://169.254.169.254/clip.mp4", "file:///etc/passwd", None])
def test_a_clip_is_fetched_from_the_service_alone(case: Case, tmp_path: Path, url: str | None) -> None:
    with pytest.raises(Broken):
        case.service.fetch("job-1", RemoteClip(1, {"url": url}), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_it_has_an_answer_for_each_field_that_it_is_sent(case: Case, books: Books, tmp_path: Path) -> None:
    request = order("a harbour", duration=2.0, seed=11, audio=False)
    bring(case.service, request, tmp_path / "clip.mp4")
    (name,) = books.bought(request.token)
    assert books.jobs[name].asked == {
        "reference": request.token, "model": "acme-2", "prompt": "a harbour", "duration": 2.0, "width": 192,
        "height": 108, "seed": 11, "sound": False,
    }  # fmt: skip
    assert len(delivered(case.service, name).clips) == 1


@pytest.fixture
def desk(added: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person works whose own file has the service, and whose environment its key."""
    for name, value in (("HOME", tmp_path / "home"), ("CONFIG", added)):
        monkeypatch.setenv(f"VIDPIPE_{name}", str(value))
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.yaml").write_text(FILM, encoding="utf-8")
    return tmp_path


def test_the_services_list_shows_it_with_its_price_and_its_sources(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["services"]) == codes.DONE
    said = capsys.readouterr().out
    assert "acme  Acme Video" in said and "its keys are set" in said
    (line,) = [line for line in said.splitlines() if line.split()[:1] == ["acme-2"]]
    assert "1, 2, 4 or 8 s" in line and "$0.08 a second" in line
    assert main(["services", "acme"]) == codes.DONE
    said = capsys.readouterr().out
    assert "acme.example/docs/models (read on 2026-11-21)" in " ".join(said.split()) and KEY not in said


def test_a_plan_prices_it(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "film.yaml", "--json"]) == codes.DONE
    plan = json.loads(capsys.readouterr().out)
    assert [(scene["service"], scene["model"], float(scene["cost"])) for scene in plan["scenes"]] == [
        ("acme", "acme-2", 0.32)
    ]
    assert plan["notes"] == []
