"""The services that takes are bought from: configured, spoken to by an adapter, answering, and not left alone.

Of those that takes wait for or scenes are to be made by. One that nothing needs now is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vidpipe.db.models import Project, Scene, ServiceLane, Take
from vidpipe.doctor.asking import Question, Unanswered
from vidpipe.doctor.finding import MOST_PLACES, Finding, Place, Severity, are, form, sentence
from vidpipe.doctor.site import Site
from vidpipe.domain.catalogue import adapter_of, options_of, read_catalogue
from vidpipe.domain.states import PROJECT_RUNS, TAKE_AT_SERVICE, TAKE_ENDED, SceneState, TakeState
from vidpipe.errors import SetupError
from vidpipe.report.words import count, duration
from vidpipe.services.procedural.adapter import open_procedural
from vidpipe.services.registry import open_service
from vidpipe.settings import Settings
from vidpipe.storage.base import Storage

SECONDS = 3.0  # a service may take to answer
A_WHILE = 15.0  # seconds of a pause that are worth more than a word


@dataclass(frozen=True)
class Lane:
    """A service that is left alone. Seconds, by the database's clock."""

    since: float  # for which it has been
    left: float  # until it is tried again; 0 or less: it is being tried
    times: int  # that it was found to be away, one after the other
    reason: str


@dataclass(frozen=True)
class Demand:
    """What of the films needs a service."""

    in_line: int = 0  # takes that have not been sent there
    there: int = 0  # takes that it has, and is asked about
    other: int = 0  # takes of unknown fate, or being fetched
    scenes: int = 0  # that are to be made there
    age: float = 0.0  # seconds since the oldest take last moved
    places: tuple[Place, ...] = ()

    @property
    def takes(self) -> int:
        """All that something is still to come of."""
        return self.in_line + self.there + self.other


@dataclass(frozen=True)
class Demands:
    """What of the films needs each service, and which services are left alone."""

    of: Mapping[str, Demand]
    lanes: Mapping[str, Lane]


@dataclass(frozen=True)
class Fitness:
    """Whether services can be used from here, by name: what is wrong and what to do; and what was answered."""

    unfit: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)  # the local ones that do not answer, and why
    answered: tuple[str, ...] = ()


def look(session: Session) -> Demands:
    """Ask the rows; raises SQLAlchemyError where they cannot be asked."""
    found: dict[str, Demand] = {}
    for service, in_line, there, other, age in session.execute(_takes()):
        found[service] = Demand(in_line, there, other, 0, float(age or 0.0), _places(session, service))
    for service, number in session.execute(_scenes()):
        found[service] = Demand(**{**found.get(service, Demand()).__dict__, "scenes": number})
    return Demands(found, _lanes(session))


def _takes() -> Any:
    queued, there = Take.state == str(TakeState.QUEUED), Take.state.in_([str(state) for state in TAKE_AT_SERVICE])
    in_line, asked = func.count().filter(queued), func.count().filter(there)
    return (
        select(
            Take.service, in_line, asked, func.count() - in_line - asked,
            func.max(func.extract("epoch", func.now() - Take.moved_at)),
        )
        .where(Take.state.not_in([str(state) for state in TAKE_ENDED]))
        .group_by(Take.service)
        .order_by(Take.service)
    )  # fmt: skip


def _scenes() -> Any:
    unmade = [str(state) for state in (SceneState.WAITING, SceneState.GENERATING)]
    return (
        select(Scene.service, func.count())
        .join(Project, Project.id == Scene.project_id)
        .where(Scene.state.in_(unmade), Project.state.in_([str(state) for state in PROJECT_RUNS]))
        .group_by(Scene.service)
    )


def _places(session: Session, service: str) -> tuple[Place, ...]:
    rows = session.execute(
        select(Project.id, Project.title, Scene.label, Take.round, Take.slot)
        .join(Scene, Scene.id == Take.scene_id)
        .join(Project, Project.id == Take.project_id)
        .where(Take.service == service, Take.state.not_in([str(state) for state in TAKE_ENDED]))
        .order_by(Project.created_at, Scene.position, Take.round, Take.slot)
        .limit(MOST_PLACES)
    )
    return tuple(Place(film, title, f"{label}, take {round_}.{slot}") for film, title, label, round_, slot in rows)


def _lanes(session: Session) -> dict[str, Lane]:
    since = func.extract("epoch", func.now() - ServiceLane.paused_since)
    left = func.extract("epoch", ServiceLane.paused_until - func.now())
    rows = session.execute(
        select(ServiceLane.service, since, left, ServiceLane.strikes, ServiceLane.reason).where(ServiceLane.strikes > 0)
    )
    return {
        service: Lane(max(float(age or 0.0), 0.0), float(rest or 0.0), times, reason or "it takes nothing now")
        for service, age, rest, times, reason in rows
    }


def fitness(settings: Settings, storage: Callable[[], Storage]) -> Fitness:
    """Open every adapter and ask the local services; raises SetupError where the settings make no sense."""
    read_catalogue(settings.services)
    unfit: dict[str, tuple[str, str]] = {}
    asked: dict[str, Question[str]] = {}
    for name, described in settings.services.items():
        try:
            open_service(name, settings, lambda key: storage().open_local(key))
        except SetupError as error:
            unfit[name] = (error.message, error.remedy)
            continue
        if url := local_url(name, described, settings):
            asked[name] = Question(partial(_health, name, url), seconds=SECONDS + 0.5)
    answers = {name: question.answer() for name, question in asked.items()}
    silent = {name: one.why if isinstance(one, Unanswered) else one for name, one in answers.items() if one}
    return Fitness(unfit, silent, tuple(name for name in answers if name not in silent))


def _health(name: str, url: str) -> str:
    """What is wrong with a local service, in its own words; raises Transient where it is away."""
    service = open_procedural(
        url, name=name, askable=False, cancellable=False, call_timeout=SECONDS, poll_timeout=SECONDS
    )
    return service.health()


def local_url(name: str, described: Mapping[str, Any], settings: Settings) -> str:
    """Where a procedural service is; empty for another kind."""
    if adapter_of(name, described) != "procedural":
        return ""
    first = settings.procedural_url if name == "procedural" else ""
    return str(options_of(name, described).get("url") or settings.service_urls.get(name) or first)


def judge(site: Site, demands: Demands, found: Fitness | Unanswered) -> Iterator[Finding]:
    """What keeps takes from being made."""
    if isinstance(found, Unanswered):
        remedy = found.error.remedy if isinstance(found.error, SetupError) else "Mend config/services.yaml, or yours."
        yield Finding(
            "services.settings", Severity.BROKEN, "The services' settings cannot be used.", sentence(found.why),
            sentence(remedy),
        )  # fmt: skip
        found = Fitness()
    for service, demand in demands.of.items():
        if service not in site.settings.services:
            yield _unknown(service, demand)
        elif service in found.unfit:
            message, remedy = found.unfit[service]
            yield Finding(
                "service.unusable", Severity.BROKEN, f"The service {service} cannot be used, and {_needs(demand)}.",
                sentence(message), sentence(remedy), demand.age or None, demand.places, demand.takes,
                {"service": service},
            )  # fmt: skip
        elif service in found.silent:
            yield _silent(site, service, found.silent[service], demand, demands.lanes.get(service))
        elif service in demands.lanes:
            yield _paused(service, demands.lanes[service], demand)
    yield from _unneeded(site, demands, found)


def _unneeded(site: Site, demands: Demands, found: Fitness) -> Iterator[Finding]:
    """What nothing waits for now."""
    for service, lane in demands.lanes.items():
        if service not in demands.of and service in site.settings.services and service not in found.silent:
            yield _paused(service, lane, Demand())
    for service, why in found.silent.items():
        if service not in demands.of:
            yield Finding(
                "service.silent", Severity.BROKEN if site.cluster else Severity.NOTE,
                f"The service {service} does not answer; nothing waits for it now.", sentence(why),
                _start(site, service), figures={"service": service},
            )  # fmt: skip


def _needs(demand: Demand) -> str:
    """'3 takes and 2 scenes need it'."""
    parts = [count(demand.takes, "take")] if demand.takes else []
    parts += [count(demand.scenes, "scene")] if demand.scenes else []
    return f"{' and '.join(parts)} {form(demand.takes + demand.scenes, 'needs', 'need')} it"


def _unknown(service: str, demand: Demand) -> Finding:
    asks = f" {are(demand.there, 'take')} there already, and nobody asks how {form(demand.there, 'it is', 'they are')}."
    there = asks if demand.there else ""
    return Finding(
        "service.unknown", Severity.STUCK,
        f"The settings have no service {service} (any more), and {_needs(demand)}.",
        f"It stands on rows, and not among the services of this machine's settings.{there}",
        f"Put {service} back into the services of every machine's settings (VIDPIPE_CONFIG) and start the workers and"
        " beat anew; or cancel the films that use it.",
        demand.age or None, demand.places, demand.takes,
        {"service": service, "in_line": demand.in_line, "there": demand.there, "scenes": demand.scenes},
    )  # fmt: skip


def _silent(site: Site, service: str, why: str, demand: Demand, lane: Lane | None) -> Finding:
    left = f" It is left alone for {duration(lane.left)} more." if lane and lane.left > 0 else ""
    return Finding(
        "service.silent", Severity.BROKEN, f"The service {service} does not answer, and {_needs(demand)}.",
        f"{sentence(why)}{left}", f"{_start(site, service)} No try is counted while it is away.",
        lane.since if lane else None, demand.places, demand.takes, {"service": service, "in_line": demand.in_line},
    )  # fmt: skip


def _start(site: Site, service: str) -> str:
    name = "procedural" if service == "procedural" else f"procedural-{service}"
    return site.start(name if site.process(name) else "procedural", "Start its server, or mend the service's url.")


def _paused(service: str, lane: Lane, demand: Demand) -> Finding:
    again = f"It is tried again in {duration(lane.left)}." if lane.left > 0 else "It is being tried again now."
    waiting = f", and {count(demand.in_line, 'take waits', 'takes wait')} for it" if demand.in_line else ""
    long = max(lane.since, lane.left) >= A_WHILE
    quota = any(word in lane.reason.lower() for word in ("quota", "429", "rate", "limit", "busy"))
    remedy = (
        f"Ask {service} for a larger quota, or wait: nothing is lost by it, and no try is counted."
        if quota else f"See how {service} is (its status page, its account, the keys), or wait: no try is counted."
    )  # fmt: skip
    return Finding(
        "service.paused", Severity.STUCK if demand.in_line and long else Severity.NOTE,
        f"{service} takes nothing now{waiting}.",
        f"{sentence(lane.reason)} {again}",
        f"{remedy} Scenes with a fallback go there after a while.", lane.since,
        demand.places if demand.in_line else (), demand.in_line,
        {"service": service, "in_line": demand.in_line, "tried_again_in": max(lane.left, 0.0), "times": lane.times},
    )  # fmt: skip


def figures(demands: Demands, found: Fitness | Unanswered) -> dict[str, object]:
    """What was looked at."""
    answered = () if isinstance(found, Unanswered) else found.answered
    return {
        "needed": {name: {"in_line": one.in_line, "there": one.there} for name, one in demands.of.items()},
        "paused": sorted(demands.lanes), "answered": list(answered),
    }  # fmt: skip
