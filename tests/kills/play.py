"""A film is made while its processes are killed: where they die, who takes over, and what is found in the end."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import yaml
from celery import Celery
from kombu import Connection
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from tests.kills import processes
from tests.kills.acts import Command, Scenario, Seen, Then, Until
from tests.kills.house import ASKED, MUTE, Billed, House
from tests.kills.watch import Fate
from tests.waiting import until
from vidpipe.db import projects
from vidpipe.db.models import Project
from vidpipe.domain.states import ProjectState
from vidpipe.pipeline import uncertain
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.settings import Settings, load

PATIENCE = 60.0  # seconds for one act
TICK = 0.1  # seconds
# Short, so that what waits for a pause is over soon. What a dead worker held is freed at once: see `an_hour_passes`.
TIMING = {
    "lease": 4.0, "heartbeat": 1.0, "call_timeout": 10.0, "poll_timeout": 5.0, "resend_after": 0.3, "backoff": 0.05,
    "backoff_most": 0.2,
}  # fmt: skip
_ROWS = ("projects", "scenes", "takes", "generation_candidates", "drawings")
_UNREST = " OR ".join(
    [f"EXISTS (SELECT FROM {table} WHERE lease_token IS NOT NULL)" for table in _ROWS]
    + [
        "EXISTS (SELECT FROM takes WHERE state NOT IN ('settled', 'refused', 'failed', 'cancelled'))",
        "EXISTS (SELECT FROM generation_candidates WHERE state IN ('announced', 'stored'))",
        "EXISTS (SELECT FROM drawings WHERE state IN ('queued', 'drawing'))",
        "EXISTS (SELECT FROM attempts WHERE outcome IN ('open', 'unclear'))",
    ]
)
_AT_REST = (ProjectState.DONE, ProjectState.FAILED, ProjectState.CANCELLED, ProjectState.WAITING)
_ON_ITS_WAY = (
    "EXISTS (SELECT FROM takes WHERE state IN ('queued', 'submitting', 'submitted', 'delivered'))"
    " OR EXISTS (SELECT FROM drawings WHERE state IN ('queued', 'drawing'))"
)


class Play:
    """One film of a scenario. `die_at` names crossings: at each of them one process dies, if one comes there."""

    def __init__(self, house: House, scenario: Scenario, folder: Path, die_at: Iterable[str] = ()) -> None:
        self.house, self.scenario, self.folder = house, scenario, folder
        self._die_at = frozenset(die_at)
        self._mark = house.mark()
        self._next_tick = 0.0
        self._worker: ForkServerProcess | None = None
        self._databases = [house.fresh_database()]
        (folder / "home").mkdir(parents=True)
        self._crossings, self._deaths = folder / "crossings", folder / "deaths"
        timing = {**TIMING, **scenario.timing}
        (folder / "timing.yaml").write_text(yaml.safe_dump({"timing": timing}), encoding="utf-8")
        self.deps = self._open()
        self.deps.storage.prepare()
        self._app = Celery("the audience", broker=self.deps.settings.broker_url, set_as_current=False)
        self._line = self._app.connection_for_write()

    # What is known of it

    @property
    def settings(self) -> Settings:
        """As its processes have them."""
        return load(self._environ())

    @property
    def crossed(self) -> list[str]:
        """What its processes have crossed, each crossing once, in the order of the first time."""
        return list(dict.fromkeys(_lines(self._crossings)))

    @property
    def deaths(self) -> list[str]:
        """Where its processes died, in order."""
        return [line.partition(" ")[2] for line in _lines(self._deaths)]

    @property
    def log(self) -> Path:
        """What its processes said."""
        return self.folder / "log"

    def film(self, session: Session) -> Project | None:
        """The film, once there is one."""
        found = projects.all_of(session)
        assert len(found) <= 1, "one storyboard made several films"
        return found[0] if found else None

    def bill(self) -> list[Billed]:
        """What the services charged for it."""
        return self.house.bill(self._mark)

    def evidence(self) -> str:
        """For people: who died where, and what was said last."""
        said = self.log.read_text(encoding="utf-8")[-6000:] if self.log.exists() else ""
        return f"{self.scenario.name}: died at {self.deaths or 'no place'}, of {sorted(self._die_at)}\n{said}"

    # The way of it

    def run(self) -> None:
        """From the first act until nothing moves any more."""
        try:
            for number, act in enumerate(self.scenario.script):
                match act:
                    case Command():
                        self._command(number)
                    case Until(what=what, seen=seen):
                        self.wait(what, seen)
                    case Then(do=do):
                        do(self)
            self.wait(f"the film to be {self.scenario.end}, and all to be quiet", self._over, resting=False)
        finally:
            self.stop_worker()

    def _over(self, session: Session, film: Project) -> bool:
        return film.state == self.scenario.end and not session.execute(text(f"SELECT {_UNREST}")).scalar_one()

    def _command(self, number: int) -> None:
        again = bool(self.deaths)
        while True:
            process = processes.start(
                processes.person,
                self._environ(),
                self.log,
                self._fate(),
                self.scenario.name,
                number,
                self.folder,
                again,
            )
            process.join(PATIENCE)
            if not self._has_died(process):
                return
            again = True  # nothing of a person's is held or on its way: nobody has to wait for it

    def wait(self, what: str, seen: Seen, *, resting: bool = True, ticking: bool = True) -> None:
        """Work and tick until that is seen; with `resting`, or the film is at rest after a kill."""

        def look() -> bool:
            self._have_worker()
            if ticking:
                self.tick()
            return bool(self.deps.db.run(lambda session: self._look(session, seen, resting)))

        until(look, seconds=PATIENCE, what=what, every=0.02)

    def _look(self, session: Session, seen: Seen, resting: bool) -> object:
        film = self.film(session)
        if film is None:
            return None
        return seen(session, film) or (resting and self.deaths and self._rests(session, film))

    def _rests(self, session: Session, film: Project) -> bool:
        going = session.execute(text(f"SELECT {_ON_ITS_WAY}")).scalar_one()
        return film.state in _AT_REST and not going

    def tick(self) -> None:
        """One beat, where it is time for it and the one before it was heard."""
        if time.monotonic() < self._next_tick or self._line.default_channel.client.llen("tick"):
            return
        self._next_tick = time.monotonic() + TICK
        if self.deaths:
            self._answer_for_the_mute()
        self._app.send_task("sweep", queue="tick")
        for service in (ASKED, MUTE, "footage"):
            self._app.send_task("wave", args=(service,), queue="tick")

    def send(self, task: str, *args: str) -> None:
        """A message, as the broker may deliver it once more."""
        self._app.send_task(task, args=args, queue="io")

    def _answer_for_the_mute(self) -> None:
        """A person looks at the bill of a service that cannot be asked, where a kill left an order unclear."""
        if self.scenario.unclear:
            return
        billed = {line.token: line.operation for line in self.bill()}
        for order in uncertain.listed(self.deps):
            if not order.asked and order.operation is None:
                token = str(order.token)
                uncertain.found(self.deps, token, billed[token]) if token in billed else uncertain.lost(
                    self.deps, token
                )

    # Its processes

    def _have_worker(self) -> None:
        if self._worker is not None and self._worker.is_alive():
            return
        if self._worker is not None:
            assert self._has_died(self._worker), f"a worker ended by itself\n{self.evidence()}"
            self._pick_up()
        self._worker = processes.start(processes.worker, self._environ(), self.log, self._fate())

    def _has_died(self, process: ForkServerProcess) -> bool:
        """Whether it was killed where it was meant to be; raises AssertionError for any end that was not meant."""
        if process.exitcode == 0:
            return False
        meant = any(line.startswith(f"{process.pid} ") for line in _lines(self._deaths))
        assert meant and process.exitcode == -signal.SIGKILL, f"ended with {process.exitcode}\n{self.evidence()}"
        return True

    def _pick_up(self) -> None:
        """What a dead worker held is free for the next one."""
        self.an_hour_passes()
        self._deliver_again()

    def _fate(self) -> Fate:
        return Fate(self._crossings, self._deaths, self._die_at.difference(self.deaths))

    def ask_worker_to_stop(self) -> None:
        """As its operator does; it may be killed while it obeys."""
        if self._worker is not None:
            self._worker.terminate()
            self._worker.join(PATIENCE)
            if self._has_died(self._worker):
                self._pick_up()
            self._worker = None

    def stop_worker(self) -> None:
        """Nobody works any more: the machine is switched off."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.join()
            self._worker = None

    def an_hour_passes(self) -> None:
        """While nobody works: the leases of the dead run out, and what they may have sent has arrived."""

        def work(session: Session) -> None:
            for table in _ROWS:
                session.execute(
                    text(
                        f"UPDATE {table} SET lease_until = lease_until - interval '1 hour',"
                        " due_at = due_at - interval '1 hour', sent_at = sent_at - interval '1 hour'"
                    )
                )
            if self.house.halted:
                return  # what stands there in line may still be taken
            session.execute(
                text(
                    "UPDATE attempts SET deadline_at = deadline_at - interval '1 hour',"
                    " ended_at = ended_at - interval '1 hour' WHERE outcome IN ('open', 'unclear')"
                )
            )

        self.deps.db.run(work)

    def _deliver_again(self) -> None:
        """The broker gives the next worker what the dead one had in hand, too."""
        options = {"visibility_timeout": 0}
        with Connection(self.deps.settings.broker_url, transport_options=options) as connection:
            connection.default_channel.qos.restore_visible(num=1000, interval=1)

    # Its database

    def back_up(self) -> None:
        """Keep a copy of the database as it is."""
        self.stop_worker()
        self.deps.close()
        self._databases.append(self.house.fresh_database(like=str(make_url(self._databases[0]).database)))
        self.deps = self._open()

    def restore(self) -> None:
        """Go on with the copy."""
        self.stop_worker()
        self.deps.close()
        self._databases.reverse()
        self.deps = self._open()

    def close(self) -> None:
        """Leave the house as it was."""
        self.stop_worker()
        self.deps.close()
        self.house.heal()
        self._line.default_channel.client.flushdb()
        self._line.close()
        for url in self._databases:
            self.house.drop(url)

    def _open(self) -> Deps:
        return open_deps(self.settings, worker="the audience")

    def _environ(self) -> dict[str, str]:
        given = self.house.settings
        return {
            "PATH": os.environ.get("PATH", ""),
            "VIDPIPE_HOME": str(self.folder / "home"),
            "VIDPIPE_CONFIG": str(self.folder / "timing.yaml"),
            "VIDPIPE_DATABASE_URL": self._databases[0],
            "VIDPIPE_BROKER_URL": given["broker_url"],
            "VIDPIPE_PROCEDURAL_URL": given["procedural_url"],
            "VIDPIPE_SERVICE_URLS": json.dumps(given["service_urls"]),
            "VIDPIPE_SERVICES": json.dumps(given["services"]),
            "VIDPIPE_STORAGE_ROOT": str(self.folder / "media"),
        }


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
