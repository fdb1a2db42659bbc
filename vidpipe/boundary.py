"""The line between a transaction and slow work: claim, then work, then record; never work in between.

`db.engine` marks the time a transaction is open on a thread; whatever is slow (a service call, ffmpeg, a
model, the media store) names itself with `slow()`. Meeting both at once raises, in production as in tests: a lock
held across a network call is how pipelines stand still.

Each commit, slow call and send is crossed twice, before and after, and at every crossing a process may die without
harm. To prove that, whoever starts a process (tests and scripts/chaos, nobody else) can have it tell of the crossings
of the pipeline and its tasks, and kill it at one of them: `watch_with`. Without that a crossing is one look at a
variable. Its name is MODULE.FUNCTION@LINE:before or :after, for example `pipeline.submit._work@73:after`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager, nullcontext
from contextvars import ContextVar, Token
from functools import wraps
from types import FrameType
from typing import ParamSpec, Protocol, TypeVar

from vidpipe.errors import TransactionOpen

P = ParamSpec("P")
T = TypeVar("T")
_thread = threading.local()


@contextmanager
def transaction_open() -> Iterator[None]:
    """Mark that this thread holds a database transaction."""
    _thread.depth = getattr(_thread, "depth", 0) + 1
    try:
        yield
    finally:
        _thread.depth -= 1


class slow(ContextDecorator):
    """Declare that slow work begins here; raises TransactionOpen inside a transaction.

    As a context or a decorator it says also when the work is over, and so is two crossings.
    """

    def __init__(self, what: str) -> None:
        if getattr(_thread, "depth", 0):
            raise TransactionOpen(f"{what} was begun while a database transaction was open")
        self._what = what
        self._place = _place(sys._getframe(1)) if _watch is not None else ""
        self._outside: Token[bool] | None = None

    def _recreate_cm(self) -> slow:
        return slow(self._what)

    def __enter__(self) -> None:
        if self._place and not _within.get():  # what is slow inside of something slow is a part of it
            cross(self._place, "before")
            self._outside = _within.set(True)

    def __exit__(self, *raised: object) -> None:
        if self._outside is not None:
            _within.reset(self._outside)
            cross(self._place, "after")


_within: ContextVar[bool] = ContextVar("within", default=False)


def slowly(what: str) -> Callable[[Callable[P, Iterator[T]]], Callable[P, Iterator[T]]]:
    """The same for what gives one thing after another: it begins with the first and is over after the last."""

    def decorated(listing: Callable[P, Iterator[T]]) -> Callable[P, Iterator[T]]:
        @wraps(listing)
        def crossed(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            slow(what)
            with crossing():
                yield from listing(*args, **kwargs)

        return crossed

    return decorated


def crossing(above: int = 0) -> AbstractContextManager[None]:
    """Something that others see: a crossing before it, and one after it. It is the caller's, or of one `above` it."""
    return _NOTHING if _watch is None else _crossing(_place(sys._getframe(1 + above)))


@contextmanager
def _crossing(place: str) -> Iterator[None]:
    cross(place, "before")
    yield
    cross(place, "after")


_NOTHING = nullcontext()

# Who is worth naming: the steps and their tasks, and what renews their leases.
_NAMED = ("vidpipe.pipeline.", "vidpipe.db.leases", "tasks.")


class Watch(Protocol):
    """Who is told of crossings."""

    def cross(self, name: str) -> None:
        """This process passes the line of that name, in one of its threads."""


_watch: Watch | None = None


def watch_with(watch: Watch) -> None:
    """From now on tell `watch` of every crossing of this process."""
    global _watch
    _watch = watch


def cross(place: str, side: str) -> None:
    """Pass a line."""
    if _watch is not None and place:
        _watch.cross(f"{place}:{side}")


def here() -> str:
    """The name of the place that is calling; empty where nothing is watched."""
    return _place(sys._getframe(1)) if _watch is not None else ""


def _place(frame: FrameType | None) -> str:
    """The nearest function that is worth naming, upwards from `frame`."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_NAMED):
            parts = [part for part in frame.f_code.co_qualname.split(".") if not part.startswith("<")]
            return f"{module.removeprefix('vidpipe.')}.{'.'.join(parts)}@{frame.f_lineno}"
        frame = frame.f_back
    return ""
