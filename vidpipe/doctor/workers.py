"""Who is at work: beat and the tick, which keep everything moving, and the workers of the queues io and gpu.

Three things tell of a worker: its sign in the broker (vidpipe/presence.py), its process where the cluster is
this machine's, and what it does to rows. Whoever can be seen at work by any of them is not called missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vidpipe.doctor.broker import Broker
from vidpipe.doctor.finding import MOST_PLACES, Finding, Severity, are, listed
from vidpipe.doctor.rows import Row, Troubled, abandoned, free
from vidpipe.doctor.site import Site
from vidpipe.pipeline.gauges import Backlog, Now
from vidpipe.pipeline.overview import TICK_GONE
from vidpipe.presence import Presence
from vidpipe.report.words import count, duration
from vidpipe.settings import config_file, read_yaml

WORK = {"io": "talks to services and stores files", "gpu": "looks at clips"}
SOON = 5.0  # seconds: a tick whose process is gone is not waited for any longer; it comes every second
STARTING = 20.0  # seconds for which a new process has not signed yet
SHORT = 10.0  # seconds that rows may wait before anybody is said to be missing
LATELY = 3600.0  # seconds for which a worker that vanished is worth a word


@dataclass(frozen=True)
class Staff:
    """What is known of the workers; `broker`, `now` and `troubled` are None where they could not be asked."""

    site: Site
    broker: Broker | None
    now: Now | None
    troubled: Troubled | None

    def here(self, role: str) -> tuple[Presence, ...]:
        """Those that signed lately and are no process that ended since."""
        signed = self.broker.workers if self.broker else ()
        return tuple(one for one in signed if one.role == role and one.here and not self.site.is_gone(one.name))

    def seen(self, role: str) -> bool:
        """Whether anybody is at work there."""
        if self.here(role) or self.starting(role):
            return True
        return self.backlog(role).held > 0 and not self.ended(role)

    def ended(self, role: str) -> str:
        """That the home's own processes for it have all ended, as a clause; else empty."""
        processes = self.site.processes(role)
        return self.site.gone(processes[0]) if processes and not any(one.rss for one in processes) else ""

    def backlog(self, queue: str) -> Backlog:
        """Rows that wait for a queue's workers."""
        return self.now.backlog.get(queue, Backlog()) if self.now else Backlog()

    def idle(self, queue: str) -> int:
        """Threads of a queue's workers that have nothing to do."""
        return sum(max(one.threads - len(one.busy), 0) for one in self.here(queue))

    def last(self, role: str) -> str:
        """What is known of the one that is missing, as a sentence."""
        if gone := self.ended(role):
            return f"{gone[0].upper()}{gone[1:]}."
        signed = [one for one in (self.broker.workers if self.broker else ()) if one.role == role]
        if not signed:
            return f"None has signed in at the broker ({self.site.broker})."
        youngest = min(signed, key=lambda one: one.age)
        return f"{youngest.name} was last heard of {duration(youngest.age)} ago, and did not say good-bye."

    def starting(self, role: str) -> bool:
        """Whether a process of the home's cluster for it has only just begun."""
        now = datetime.now(UTC)
        return any(
            one.rss and (now - datetime.fromisoformat(one.since)).total_seconds() < STARTING
            for one in self.site.processes(role)
        )


def missing(staff: Staff) -> frozenset[str]:
    """Of io, gpu and tick, those that surely nobody works for. Where the broker cannot be asked: the tick."""
    if staff.broker is None:
        return frozenset({"tick"})
    absent = {queue for queue in WORK if not staff.seen(queue) and staff.broker.settled}
    absent |= {queue for queue in WORK if staff.ended(queue)}
    return frozenset(absent | ({"tick"} if _no_tick(staff) else set()))


def _no_tick(staff: Staff) -> bool:
    if staff.now is None:
        return False
    age = staff.now.tick
    ended = staff.ended("tick") or staff.ended("beat")
    if not ended and (staff.starting("tick") or staff.starting("beat")):
        return False
    return age is None or age > TICK_GONE or (age > SOON and bool(ended))


def judge(staff: Staff) -> Iterator[Finding]:
    """Who is missing, who hangs, who vanished. Says nothing where the broker does not answer: nobody can work then."""
    if staff.broker is None:
        return
    absent = missing(staff)
    if "tick" in absent:
        yield _tick(staff)
    for queue in ("io", "gpu"):
        if queue in absent:
            yield from _queue(staff, queue)
    yield from _hanging(staff)
    yield from _vanished(staff)


def _tick(staff: Staff) -> Finding:
    """Beat sends ticks, a tick worker takes them: which of them is missing."""
    beat, tick = staff.seen("beat"), staff.seen("tick")
    waiting = staff.broker.queues.get("tick", 0) if staff.broker else 0
    age = staff.now.tick if staff.now else None
    figures = {"beat": beat, "tick": tick, "waiting": waiting}
    rows = abandoned(staff.troubled) if staff.troubled else []
    held = f" {are(len(rows), 'row')} held by workers that died." if rows else ""
    places = tuple(row.place for row in rows[:MOST_PLACES])
    nothing = "so no service is asked, nothing that was lost is sent again, and no new film begins"
    if beat and tick:
        return Finding(
            "tick.hangs", Severity.BROKEN, f"Nobody sweeps, {nothing}.",
            f"Beat and a tick worker are there, and its sweep does not end or fails.{held}",
            f"{_log(staff, 'tick')} tells why; start the tick worker anew.", age, places, len(rows), figures,
        )  # fmt: skip
    who = "Beat is" if tick else "The tick worker is" if beat else "Beat and the tick worker are"
    name = "tick" if beat else "beat"
    last = " ".join(staff.last(role) for role in ("beat", "tick") if not staff.seen(role))
    line = f" {count(waiting, 'tick waits', 'ticks wait')} in its queue." if waiting and not tick else ""
    roles = [role for role, there in (("beat", beat), ("tick", tick)) if not there]
    commands = " and ".join(f"`vidpipe worker {role}`" for role in roles)
    return Finding(
        f"tick.{'none' if len(roles) == 2 else name}", Severity.BROKEN, f"{who} missing, {nothing}.",
        f"{last}{line}{held}", staff.site.start(name, f"Start {commands} on any machine; one beat is enough."),
        age, places, len(rows), figures,
    )  # fmt: skip


def _queue(staff: Staff, queue: str) -> Iterator[Finding]:
    backlog = staff.backlog(queue)
    rows: Sequence[Row] = free(staff.troubled, queue) if staff.troubled else ()
    messages = staff.broker.queues.get(queue, 0) if staff.broker else 0
    figures = {"waiting": backlog.free, "oldest": backlog.oldest, "messages": messages}
    waits = backlog.free > 0 and (backlog.oldest > SHORT or bool(staff.ended(queue)))
    start = staff.site.start(queue, f"Start one: `vidpipe worker {queue}`, on any machine that may use the stores.")
    if not waits and not staff.ended(queue):
        yield Finding(
            f"worker.{queue}", Severity.NOTE, f"No {queue} worker is there; none is needed right now.",
            staff.last(queue), f"{start} One that is started on demand comes by itself.", figures=figures,
        )  # fmt: skip
        return
    what = f"No {queue} worker is there ({WORK[queue]})"
    line = f", and {count(backlog.free, 'row waits', 'rows wait')} for one" if backlog.free else ""
    yield Finding(
        f"worker.{queue}", Severity.BROKEN, f"{what}{line}.", staff.last(queue), start, backlog.oldest or None,
        tuple(row.place for row in rows[:MOST_PLACES]), len(rows), figures,
    )  # fmt: skip


def _hanging(staff: Staff) -> Iterator[Finding]:
    longest = float(read_yaml(config_file("celery.yaml"))["task_time_limit"])
    for role in ("io", "gpu", "tick"):
        for one in staff.here(role):
            if one.hangs(longest):
                yield Finding(
                    "worker.hangs", Severity.STUCK, f"The worker {one.name} hangs: all its {one.threads} threads do.",
                    "None of its tasks has ended for longer than any may take.",
                    f"{_log(staff, one.name.partition('@')[0])} tells what they do; then start it anew. Its rows go to"
                    " somebody else.", min(one.busy), figures={"threads": one.threads},
                )  # fmt: skip


def _vanished(staff: Staff) -> Iterator[Finding]:
    if not (staff.broker and staff.broker.settled):
        return
    gone = [one for one in staff.broker.workers if not one.here and one.age < LATELY and staff.seen(one.role)]
    if gone:
        yield Finding(
            "worker.vanished", Severity.NOTE,
            f"{listed(one.name for one in gone)} vanished without a word; others do the work.",
            "It was killed, or its machine is gone or cannot reach the broker.",
            "See its machine. What it held goes to others by itself.", max(one.age for one in gone),
            figures={"workers": [one.name for one in gone]},
        )  # fmt: skip


def _log(staff: Staff, name: str) -> str:
    return f"Its log ({staff.site.log(name)})" if staff.site.cluster else "Its log"


def figures(staff: Staff) -> dict[str, object]:
    """What was looked at."""
    roles = ("beat", "tick", "io", "gpu")
    return {
        "tick_age": staff.now.tick if staff.now else None,
        **{role: {"workers": len(found), "threads": sum(one.threads for one in found),
                  "busy": sum(len(one.busy) for one in found)} for role in roles for found in [staff.here(role)]},
        "backlog": dict(staff.now.backlog) if staff.now else {},
    }  # fmt: skip
