"""Every error that vidpipe raises on purpose; each class's docstring is its default message.

VidpipeError
├── UserError            a person must change something: what, where, what to do (exit code 2)
│   ├── StoryboardInvalid    one or many Problems, each with file, line and remedy
│   ├── SetupError           a server, folder or setting that cannot be used as it is
│   ├── Unconfirmed          the film would pay, and nobody has agreed to that yet
│   └── FilmUnfinished       a film that was waited for has not come to its end (exit code 1, or 3 if it waits)
├── Stale                the row moved on meanwhile; the step that meets it returns quietly
├── TransactionOpen      a programming error: slow work was begun inside a transaction
├── ServiceError         what adapters raise; vendor exceptions end there
│   ├── Transient            surely not accepted or safe to ask again; may carry retry_after
│   │   └── Unavailable          the service takes nothing from anybody now: down, or out of quota
│   ├── Refused              surely not accepted and never will be as it is (policy or invalid)
│   ├── Expired              the result is gone
│   ├── Broken               the operation ended in a failure
│   └── Uncertain            nobody knows whether it was accepted
├── MediaError           a file that cannot be read as what it should be
└── StorageError         the store cannot be used now: what waits for it waits
    └── NotStored            it does not hold the key, or holds something else under it
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # general categories of Unicode


def shown(text: str, most: int = 1000) -> str:
    """A text from outside as it can be shown: without control characters and what turns the direction of writing, and
    no longer than `most` characters."""
    return "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in text[:most])


class VidpipeError(Exception):
    """Something went wrong in vidpipe."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])

    @property
    def message(self) -> str:
        """The message for a person."""
        return str(self.args[0])


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: what it is, where it stands, and what to do about it."""

    what: str
    remedy: str = ""
    file: str = ""
    line: int | None = None  # counted from 1
    field: str = ""  # e.g. sequences[0].scenes[2].duration

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        head = f"{place}: " if place else ""
        at = f"{self.field}: " if self.field else ""
        joint = " " if self.what[-1:] in (".", ";", ":", "!", "?") else "; "
        tail = f"{joint}{self.remedy}" if self.remedy else ""
        return f"{head}{at}{self.what}{tail}"


class UserError(VidpipeError):
    """A person must change something before this can go on."""

    def __init__(self, message: str | None = None, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class StoryboardInvalid(UserError):
    """The storyboard cannot be used as it is."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SetupError(UserError):
    """A server, a folder or a setting cannot be used as it is."""


class Unconfirmed(UserError):
    """The film would cost money, and nobody has agreed to that."""

    def __init__(
        self,
        message: str | None = None,
        *,
        cost: Decimal = Decimal(0),
        worst: Decimal = Decimal(0),
        lacks_budget: bool = False,
    ) -> None:
        yes = "Say --yes where that is all right"
        limit = "give a budget (--budget DOLLARS, or `budget:` in the storyboard), or say --no-budget"
        super().__init__(message, remedy=f"{limit[0].upper()}{limit[1:]}." if lacks_budget else f"{yes}; {limit}.")
        self.cost = cost  # US dollars, if every purchase succeeds at once
        self.worst = worst
        self.lacks_budget = lacks_budget


class FilmUnfinished(UserError):
    """The film has not come to its end."""

    def __init__(self, message: str | None = None, *, remedy: str = "", waits: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.waits = waits  # for a person


class Stale(VidpipeError):
    """The row is no longer in the state this step began from."""


class TransactionOpen(VidpipeError):
    """Slow work was begun while a database transaction was open."""


class ServiceError(VidpipeError):
    """A video, image or text service did not do what it was asked."""

    def __init__(self, message: str | None = None) -> None:
        # What a service said is repeated in it, and goes to terminals, logs and rows.
        super().__init__(None if message is None else shown(message))


class Transient(ServiceError):
    """The service could not take the call now; it was surely not accepted."""

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds, as the service asked for


class Unavailable(Transient):
    """The service takes no order now, whosever: it is down, out of quota or at its limits; nothing was accepted."""


class Refused(ServiceError):
    """The service refused the request and will refuse it again as it is."""

    def __init__(self, message: str | None = None, *, kind: Literal["policy", "invalid"] = "invalid") -> None:
        super().__init__(message)
        self.kind: Literal["policy", "invalid"] = kind


class Expired(ServiceError):
    """The result is no longer held by the service."""


class Broken(ServiceError):
    """The service took the request and then failed at it."""


class Uncertain(ServiceError):
    """Nobody knows whether the service accepted the call."""


class MediaError(VidpipeError):
    """A media file cannot be read as what it should be."""


class StorageError(VidpipeError):
    """The media store cannot be used now: it is away, full or may not be written."""


class NotStored(StorageError):
    """The media store does not hold what was asked for, or holds something else under that name."""
