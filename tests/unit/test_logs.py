"""Log lines: what they are about, readable by machines, and without a secret in any spelling."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidpipe import logs
from vidpipe.logs import GONE, Censor, Json, Words, about
from vidpipe.settings import Settings

log = logging.getLogger("vidpipe.test")
SECRETS = Settings(
    home=Path("/home"), database_url="postgresql+psycopg2://vidpipe:s3cr%2Fet'\"@db:5432/vidpipe",
    broker_url="redis://:brokerpass@valkey:6379/0", signing_key="signing-key-of-this-home",
    flower_login="vidpipe:flowerpass",
).secrets  # fmt: skip


def record(message: object, *args: Any, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("vidpipe.test", logging.INFO, __file__, 1, message, args, info)


def as_json(message: object, *args: Any, secrets: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    line = Json(Censor(secrets)).format(record(message, *args, **more))
    assert line.isascii() and "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def raised(message: str) -> Exception:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_a_json_line_says_when_where_and_what() -> None:
    found = as_json("%s of %d films\nare done: é 🌊", "two", 3)
    assert found["message"] == "two of 3 films\nare done: é 🌊"
    assert found["level"] == "INFO" and found["logger"] == "vidpipe.test"
    assert found["thread"] == "MainThread" and isinstance(found["process"], int)
    at = datetime.fromisoformat(found["time"])
    assert at.utcoffset() == timedelta(0) and abs(datetime.now(UTC) - at) < timedelta(seconds=30)
    assert set(found) == {"time", "level", "logger", "message", "process", "thread"}


def test_an_error_is_told_with_its_traceback_on_the_same_line() -> None:
    found = as_json("it failed", error=raised("no\nspace"))
    assert found["exception"].startswith("Traceback") and found["exception"].endswith("ValueError: no\nspace")


def test_a_line_names_what_the_work_is_for_and_only_while_it_runs() -> None:
    with about(task="t", root="r", step="submit", take="1"):
        with about(film="f", scene="s", take="2", candidate=None):
            inner = as_json("x")
        outer = as_json("x")
    assert {"task", "root", "step", "film", "scene", "take"} <= set(inner) and inner["take"] == "2"
    assert outer["take"] == "1" and "film" not in outer and "candidate" not in outer
    assert "task" not in as_json("x")


def test_names_follow_the_work_into_an_asyncio_loop_and_not_into_other_threads() -> None:
    async def one(number: int) -> object:
        with about(take=number):
            await asyncio.sleep(0)
            return as_json("x")["take"]

    async def several() -> list[object]:
        return list(await asyncio.gather(*(one(number) for number in range(5))))

    seen: list[dict[str, Any]] = []
    with about(film="f", take="outer"):
        assert asyncio.run(several()) == ["0", "1", "2", "3", "4"]
        thread = threading.Thread(target=lambda: seen.append(as_json("x")))
        thread.start()
        thread.join()
        assert as_json("x")["take"] == "outer"
    assert "film" not in seen[0]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("args", [("a", "b"), (), (Unprintable(),), ({"x": 1}, 2)])
def test_arguments_that_do_not_fit_lose_no_line_and_are_not_printed_elsewhere(
    args: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json("%s and %s" if len(args) != 2 else "%d films", *args)
    assert found["message"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cannot reach redis://:hush@host:6379/0", f"cannot reach redis://:{GONE}@host:6379/0"),
        ("postgresql+psycopg2://me:a@b/c@host/db", f"postgresql+psycopg2://me:{GONE}@host/db"),
        ("GET https://h/v1/files/a?key=AIzaXyz&alt=media", f"GET https://h/v1/files/a?key={GONE}&alt=media"),
        ("/media/a.mp4?expires=17&signature=abcdef", f"/media/a.mp4?expires=17&signature={GONE}"),
        ("https://s3/a?X-Amz-Credential=AK%2Fx&b=1", f"https://s3/a?X-Amz-Credential={GONE}&b=1"),
        ("{'Authorization': 'Key id:hush7', 'a': 'b'}", f"{{'Authorization': {GONE}, 'a': 'b'}}"),
        ("Authorization: Bearer ey.J0.x and more", f"Authorization: {GONE} and more"),
        ("[(b'authorization', b'Key id:hush7'), (b'a', b'b')]", f"[(b'authorization', {GONE}), (b'a', b'b')]"),
        ('{"x-goog-api-key": "AIzaXyz", "n": 1}', f'{{"x-goog-api-key": {GONE}, "n": 1}}'),
        ("VIDPIPE_S3_SECRET_KEY=hush and so on", f"VIDPIPE_S3_SECRET_KEY={GONE} and so on"),
        ("sent with Key 1234-ab:cd", f"sent with Key {GONE}"),
    ],
)
def test_what_looks_like_a_secret_is_left_out_whoever_it_belongs_to(said: str, told: str) -> None:
    assert Censor(())(said) == told


@pytest.mark.parametrize(
    "said",
    [
        "Key frames were drawn for Shot 1A",
        "http://127.0.0.1:43629/metrics",
        "redis+socket:///tmp/vp-x/valkey.sock and mail to me@example.org",
        "take 1.2 (token 5f0c) of service veo/veo-3.1: is late?",
        "api key: missing",
        "the film's budget is $4.00: $3.00 spent",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(said: str) -> None:
    assert Censor(SECRETS)(said) == said


def test_the_settings_mark_as_secret_whatever_they_do_not_show() -> None:
    hidden = {known.name for known in fields(Settings) if not known.repr}
    assert {"database_url", "broker_url", "signing_key"} <= hidden
    assert len(SECRETS) == 4


spelled = st.text(st.characters(exclude_categories=("Cs",)), min_size=6, max_size=40)


@settings(deadline=None)
@given(
    secret=spelled,
    place=st.sampled_from([known.name for known in fields(Settings) if not known.repr]),
    words=st.sampled_from(["it says %s to you", "%s", "a%sb"]),
)
def test_no_secret_of_the_settings_survives_in_a_line(secret: str, place: str, words: str) -> None:
    """In the message, in arguments, in dictionaries, in errors; as it is, in a URL, in a repr, in JSON."""
    address = f"scheme://user:{quote(secret, safe='')}@host/x"
    for value in (secret, address) if "url" in place else (secret,):
        censor = Censor(replace(Settings(Path("/home"), "", ""), **{place: value}).secrets)
        for spelling in (secret, repr(secret), quote(secret, safe=""), json.dumps(secret), ascii(secret)):
            for line, harmless in zip(lines(censor, words, spelling), lines(censor, words, "+"), strict=True):
                assert secret not in line or secret in harmless or secret in GONE


def lines(censor: Censor, words: str, spelling: str) -> list[str]:
    """That text as a message, as an argument, in a dictionary and in an error: in words, and as JSON has it."""
    records = [
        record((words % spelling).replace("%", "%%")),
        record(words, spelling),
        record("in %s", {"a": [spelling]}),
        record("error", error=raised(words % spelling)),
    ]
    told = [json.loads(Json(censor).format(each)) for each in records]
    return [
        *(Words(censor).format(each) for each in records),
        *(f"{each['message']} {each.get('exception', '')}" for each in told),
    ]


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    logger.handlers.clear()  # set_up closes those it finds
    yield
    logger.handlers[:], logger.level = handlers, level


def test_people_get_words_by_default_and_machines_json_where_it_is_asked_for(
    root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(as_json=False, secrets=SECRETS)
    log.info("the key is %s", "signing-key-of-this-home")
    logs.set_up(as_json=True, secrets=SECRETS)
    with about(film="f"):
        log.warning("reached %s", "redis://:brokerpass@valkey:6379/0")
    words, line = capsys.readouterr().err.splitlines()
    assert words.endswith(f"I vidpipe.test MainThread: the key is {GONE}")
    told = json.loads(line)
    assert told["message"] == f"reached redis://:{GONE}@valkey:6379/0" and told["film"] == "f"
