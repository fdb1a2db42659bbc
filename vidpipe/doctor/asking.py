"""Asking without hanging: every look at something outside has a thread of its own, and a time by which it answers.

A thread that hangs (a folder on a server that is gone, a socket that nobody reads) is left behind; it ends with the
process. What a look raises is kept as its answer, so that no look keeps another from being made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from vidpipe.db.engine import Database
from vidpipe.errors import VidpipeError

T = TypeVar("T")
_AT_ONCE = 3  # connections to the database: one that is nearly out of them is not to be made ill


@dataclass(frozen=True)
class Unanswered:
    """Why something could not be looked at, in words; `error` is None where there was no answer in time."""

    why: str
    error: Exception | None = None

    @property
    def timed_out(self) -> bool:
        """Whether it said nothing at all."""
        return self.error is None


class Question(Generic[T]):
    """A look that has been begun."""

    def __init__(self, look: Callable[[], T], *, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._answer: Future[T] = Future()
        self._told: T | Unanswered | None = None
        threading.Thread(target=self._look, args=(look,), name="doctor", daemon=True).start()

    def answer(self) -> T | Unanswered:
        """What was found, waited for until its time is over; the same however often it is asked for."""
        if self._told is None:
            self._told = self._wait()
        return self._told

    def _wait(self) -> T | Unanswered:
        try:
            return self._answer.result(max(self._until - time.monotonic(), 0.0))
        except NotDone as error:
            if self._answer.done():
                return Unanswered(_said(error), error)  # the look itself ran into a time limit
            return Unanswered(f"no answer within {self._seconds:g} s")
        except Exception as error:  # noqa: BLE001 - whatever it was, it is told as a finding
            return Unanswered(_said(error), error)

    def _look(self, look: Callable[[], T]) -> None:
        try:
            found = look()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer is given it
            self._answer.set_exception(error)
        else:
            self._answer.set_result(found)


class Rows:
    """Questions to the rows: each a read-only transaction with one snapshot and a time limit."""

    def __init__(self, db: Database, *, seconds: float) -> None:
        """`seconds` is what one statement may take."""
        self._db = db
        self._seconds = seconds
        self._gate = threading.Semaphore(_AT_ONCE)

    def ask(self, work: Callable[[Session], T]) -> T:
        """What `work` finds; raises SQLAlchemyError where it cannot be asked."""

        def read(session: Session) -> T:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            limit = f"{round(self._seconds * 1000)}"
            session.execute(
                select(func.set_config("statement_timeout", limit, True), func.set_config("lock_timeout", limit, True))
            )
            return work(session)

        with self._gate:
            return self._db.run(read, patience=0.0)


def _said(error: BaseException) -> str:
    """The first line of what went wrong."""
    if isinstance(error, VidpipeError):
        return error.message
    words = str(getattr(error, "orig", None) or error).strip()
    first = words.splitlines()[0] if words else ""
    return first or type(error).__name__
