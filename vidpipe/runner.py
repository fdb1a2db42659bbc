"""A film from a storyboard, start to finish, from Python:

    film = vidpipe.render("storyboard.yaml", out="out/film")

    for progress in (runner := vidpipe.Runner("storyboard.yaml")):
        print(progress.words)
    print(runner.film.path)

Uses the cluster that runs for the home folder, or starts the embedded one for the while. Interrupted, nothing
is lost: run again, it goes on with the same film, which is known by what its storyboard and files hold.
"""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from uuid import UUID

from vidpipe import rehearsal
from vidpipe.cluster import ClusterOptions
from vidpipe.db.lanes import NORMAL
from vidpipe.domain.states import ProjectState
from vidpipe.domain.storyboard import Defaults, Reading, Storyboard, read_storyboard
from vidpipe.domain.storyboard import examine as examine_storyboard
from vidpipe.errors import FilmUnfinished, SetupError
from vidpipe.pipeline import control, given
from vidpipe.pipeline.enroll import Consent, Enrolled, enroll
from vidpipe.pipeline.overview import FilmStatus, overview
from vidpipe.reach import AWAY, Connection, connect_or_start
from vidpipe.report import bundle
from vidpipe.settings import Settings, load

EVERY = 0.4  # seconds between two looks at a film
LEAST_FREE = 100_000_000  # bytes where the film is written


@dataclass(frozen=True)
class Progress:
    """Something to tell: a step in words, how the film stands now, or that everything is written."""

    kind: Literal["step", "film", "away", "end"]
    words: str
    film: FilmStatus | None = None


@dataclass(frozen=True)
class Film:
    """What came of it. `path` is the film's file, None where it did not come to its end."""

    project_id: UUID
    out: Path
    path: Path | None
    status: FilmStatus
    fresh: bool  # enqueued by this run, not found
    finished_before: bool  # it was done already, and is only written again
    missing: tuple[str, ...] = ()  # files that the media store could not give, with the reason
    rehearsed: rehearsal.Rehearsed | None = None

    @property
    def done(self) -> bool:
        """Whether the film is finished."""
        return self.status.state == ProjectState.DONE


class Runner:
    """Renders one storyboard; iterating does the work and yields Progress, `film` is there at the end."""

    def __init__(
        self,
        storyboard: Path | str,
        *,
        out: Path | str | None = None,
        home: Path | str | None = None,
        again: bool = False,
        retry: bool = False,
        consent: Consent | None = None,
        priority: int = NORMAL,
        options: ClusterOptions | None = None,
        rehearse: bool = False,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        """`out` is a folder (default: out/TITLE), `home` where the cluster keeps its data (default: settings).

        `again` makes a new film of a storyboard that was rendered before; `retry` makes again what is blocked
        in a film that waits. `consent` is needed for a film that pays; `priority` (1 to 9) is its share of a
        busy service. `rehearse` makes the film on the emulator, in a home of its own and for nothing: the process
        can dial nothing but this machine from then on (rehearsal.py). `on_step` hears the steps of a cluster's start
        and its stop, which go by while
        nothing can be yielded.
        """
        self.storyboard = Path(storyboard)
        self.home = None if home is None else Path(home)
        self.again = again
        self.retry = retry
        self.consent = consent
        self.priority = priority
        self.options = replace(options or ClusterOptions(), rehearse=True) if rehearse else options
        self.rehearse = rehearse
        self.on_step = on_step or (lambda words: None)
        self.out = None if out is None else Path(out)
        self.film: Film | None = None

    def __iter__(self) -> Generator[Progress]:
        """Raises UserError (what, where, what to do) before anything is begun, FilmUnfinished when it broke off."""
        settings = load(home=rehearsal.begin(self.home) if self.rehearse else self.home)
        storyboard = read(self.storyboard, settings)
        if self.rehearse:  # it costs nothing, and the folder of the real film is not for it
            budget = storyboard.budget if self.consent is None else self.consent.budget
            self.consent = Consent(confirmed=True, budget=budget, no_budget=budget is None)
            self.out = self.out or default_out(storyboard).with_name(f"{default_out(storyboard).name}-rehearsal")
        else:
            check_set_up(storyboard, settings)
        given.check(storyboard)
        self.out = (self.out or default_out(storyboard)).absolute()
        check_out(self.out)
        with connect_or_start(settings, self.options, self.on_step) as connection:
            if self.rehearse:  # where its services are is known since the emulator runs
                check_set_up(storyboard, connection.deps.settings)
            enrolled = enroll(
                connection.deps, storyboard, again=self.again, consent=self.consent, priority=self.priority
            )
            before = overview(connection.deps.db, enrolled.project_id)
            yield Progress("step", _found(enrolled, before), before)
            if before.others:
                yield Progress("step", _others(before.others), before)
            self._set_going(connection, before)
            last = before
            for progress in follow(connection, enrolled.project_id):
                last = progress.film or last
                yield progress
            yield Progress("step", "writing the film and its report", last)
            written = bundle.write(connection.deps, enrolled.project_id, self.out)
            self.film = Film(
                enrolled.project_id, self.out, written.film if last.state == ProjectState.DONE else None,
                last, enrolled.fresh, before.state == ProjectState.DONE,
                tuple(f"{file.path}: {file.reason}" for file in written.missing),
                rehearsal.settle(connection.deps, enrolled.project_id, storyboard) if self.rehearse else None,
            )  # fmt: skip
            yield Progress("end", f"the film is {last.state}", last)

    def _set_going(self, connection: Connection, film: FilmStatus) -> None:
        if self.retry and film.state in (ProjectState.WAITING, ProjectState.FAILED):
            control.retry(connection.deps, film.id)
        elif film.state in (ProjectState.PAUSED, ProjectState.FAILED):
            control.resume(connection.deps, film.id)


def render(
    storyboard: Path | str,
    *,
    out: Path | str | None = None,
    home: Path | str | None = None,
    again: bool = False,
    consent: Consent | None = None,
    options: ClusterOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Film:
    """The finished film; arguments as for Runner.

    Raises UserError where something must be changed first, FilmUnfinished where the film waits for a person,
    failed or was cancelled; its report is written even then.
    """
    tell = on_progress or (lambda progress: None)
    runner = Runner(
        storyboard, out=out, home=home, again=again, consent=consent, options=options,
        on_step=lambda words: tell(Progress("step", words)),
    )  # fmt: skip
    for progress in runner:
        tell(progress)
    film = runner.film
    if film is None:
        raise FilmUnfinished
    if not film.done:
        raise unfinished(film.status)
    return film


def unfinished(status: FilmStatus) -> FilmUnfinished:
    """Why a film that is not done is not, and what a person can do."""
    waits = status.state in (ProjectState.WAITING, ProjectState.PAUSED)
    short = str(status.id)[:8]
    match status.state:
        case ProjectState.WAITING:
            remedy = (
                f"Make the scene again with `vidpipe retry {short} SCENE`, or leave it out with"
                f" `vidpipe skip {short} SCENE`."
            )
        case ProjectState.PAUSED:
            remedy = f"`vidpipe resume {short}` goes on."
        case ProjectState.FAILED:
            remedy = f"`vidpipe retry {short}` makes what is missing again."
        case _:
            remedy = "Running the storyboard again makes a new film."
    words = {ProjectState.WAITING: "waits for a person", ProjectState.FAILED: "failed"}
    state = words.get(ProjectState(status.state), f"is {status.state}")
    why = f": {status.note}" if status.note else ""
    return FilmUnfinished(f"{status.title} {state}{why}", remedy=remedy, waits=waits)


def read(path: Path, settings: Settings) -> Storyboard:
    """The storyboard; raises StoryboardInvalid with everything that is wrong with it."""
    return read_storyboard(path, defaults=defaults(settings))


def check_set_up(storyboard: Storyboard, settings: Settings) -> None:
    """Raise SetupError where a scene's service cannot be used from here: nothing is begun that cannot be ended."""
    for scene in storyboard.scenes:
        frames = (frame for frame in (scene.first_frame, scene.last_frame) if frame is not None)
        drawn = [(f"a key frame of {scene.label} is to be drawn by", frame.service) for frame in frames]
        for what, service in [(f"{scene.label} is to be made by", scene.service), *drawn]:
            unset = settings.lacking.get(service)
            if not unset:
                continue
            raise SetupError(
                f"{what} {service}, which can't be used from here:"
                f" {' and '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set.",
                remedy="Set it, name another service, or `vidpipe enqueue` it where the workers have it.",
            )


def examine(path: Path, settings: Settings) -> Reading:
    """The same with what is wrong told instead of raised; raises only where the file cannot be read at all."""
    return examine_storyboard(path, defaults=defaults(settings))


def defaults(settings: Settings) -> Defaults:
    """What holds where a storyboard says nothing."""
    return Defaults(
        settings.default_service, settings.services, settings.lacking, painter=settings.default_image_service
    )


def follow(connection: Connection, project_id: UUID, *, every: float = EVERY) -> Generator[Progress]:
    """How the film stands, again and again, until it ends or waits for a person.

    A database that is away is waited for; raises FilmUnfinished where it does not come back.
    """
    while True:
        connection.check()
        try:
            status = overview(connection.deps.db, project_id, patience=0.0)
        except AWAY:
            yield Progress("away", connection.away())
        else:
            connection.here()
            yield Progress("film", f"{status.done} of {status.total} scenes", status)
            if status.ended:
                return
        time.sleep(every)


def _found(enrolled: Enrolled, status: FilmStatus) -> str:
    if enrolled.fresh:
        return f"enqueued as film {str(status.id)[:8]}"
    match status.state:
        case ProjectState.DONE:
            return f"film {str(status.id)[:8]} is finished already; it is written again (--again makes a new one)"
        case ProjectState.PAUSED | ProjectState.FAILED:
            return f"film {str(status.id)[:8]} was {status.state}; it goes on"
        case _:
            return f"going on with film {str(status.id)[:8]}: {status.done} of {status.total} scenes are done"


def _others(count: int) -> str:
    films = "another film that was begun here goes" if count == 1 else f"{count} other films that were begun here go"
    return f"{films} on as well; `vidpipe status` lists them"


def default_out(storyboard: Storyboard) -> Path:
    """out/TITLE in the working folder, in plain letters; the storyboard's fingerprint where it has none."""
    ascii_ = unicodedata.normalize("NFKD", storyboard.title).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_.lower().replace("'", "")).strip("-")[:60].strip("-")
    return Path("out") / (slug or f"film-{storyboard.fingerprint[:8]}")


def check_out(out: Path) -> None:
    """Raise SetupError unless a folder `out` can be written; nothing is left behind by asking."""
    nearest = out
    try:
        nearest = next((folder for folder in (out, *out.parents) if folder.exists()), out)
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder")
        with tempfile.TemporaryDirectory(prefix=".vidpipe-", dir=nearest) as trial:
            (Path(trial) / "folder").mkdir()
        free = shutil.disk_usage(nearest).free
    except OSError as error:
        where = out if nearest == out else f"{out} (in {nearest})"
        raise SetupError(
            f"the folder {where} cannot be written: {error.strerror or error}",
            remedy="Name another folder with --out, or mend its permissions.",
        ) from error
    if free < LEAST_FREE:
        raise SetupError(
            f"the disk of {nearest} is full: {free // 1_000_000} MB are free, {LEAST_FREE // 1_000_000} MB are needed",
            remedy="Free some space, or name a folder on another disk with --out.",
        )
