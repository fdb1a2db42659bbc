"""How much longer a film of many scenes takes than one scene alone, and where the time goes.

Both are made by turns on one embedded cluster, operations lasting the same time at the service:

    ratio = film of N scenes / (one scene alone + the film's stitch)

Each is the median of the rounds: a tick sees a new film within a second, so that one scene alone takes up to a second
more or less by chance.

Run it as `scripts/bench/film`; `--json` for machines. `--against` makes another film beside other ways of making
it (against.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any
from uuid import UUID

from sqlalchemy import select

from scripts.bench import against
from tasks.app import make_app
from vidpipe.cluster import status
from vidpipe.cluster.embedded import start
from vidpipe.cluster.options import ClusterOptions
from vidpipe.db import projects
from vidpipe.db.models import Transition
from vidpipe.domain.states import ProjectState
from vidpipe.domain.storyboard.model import SceneSpec, SequenceSpec, Storyboard
from vidpipe.pipeline.deps import Deps, open_deps
from vidpipe.pipeline.enroll import enroll
from vidpipe.settings import load

WORDS = ("a harbour at dawn", "a forest in fog", "the sea at night", "a city street in rain", "mountains at dusk")

# One segment of a scene's way: its name, the event it begins with and the one it ends with.
STEPS = (
    ("plan", ("scene", "made"), ("scene", "started")),
    ("submit", ("take", "made"), ("take", "accepted")),
    ("at the service", ("take", "accepted"), ("take", "delivered")),
    ("download", ("candidate", "made"), ("candidate", "stored")),
    ("score", ("candidate", "stored"), ("candidate", "scored")),
    ("gather", ("candidate", "scored"), ("scene", "candidates_gathered")),
    ("select", ("scene", "candidates_gathered"), ("scene", "selected")),
    ("analyze", ("scene", "selected"), ("scene", "analyzed")),
)


def storyboard(scenes: int, title: str) -> Storyboard:
    """A film of one-second shots at 320x180, one candidate each."""
    shots = tuple(
        SceneSpec(
            label=f"Shot {n + 1}", prompt=WORDS[n % len(WORDS)], service="procedural", model="procedural-1",
            duration=1.0, candidates=1,
        )
        for n in range(scenes)
    )  # fmt: skip
    board = Storyboard(title=title, sequences=(SequenceSpec("One", shots),), width=320, height=180, fps=24)
    return replace(board, fingerprint=title)


def make(deps: Deps, board: Storyboard) -> tuple[UUID, float]:
    """Enqueue the film and wait for its end; its id and the seconds that took."""
    began = time.monotonic()
    project_id = enroll(deps, board, again=True).project_id
    pause = threading.Event()
    while True:
        project = deps.db.run(lambda session: projects.get(session, project_id))
        if project.state == ProjectState.DONE:
            return project_id, time.monotonic() - began
        if project.state != ProjectState.ACTIVE and project.state != ProjectState.STITCHING:
            raise SystemExit(f"the film is {project.state}: {project.note or project.last_error}")
        pause.wait(0.05)


def trail(deps: Deps, project_id: UUID) -> list[Transition]:
    """Everything that happened to a film, oldest first."""
    found = select(Transition).where(Transition.project_id == project_id).order_by(Transition.at)
    return list(deps.db.run(lambda session: session.execute(found).scalars().all()))


def steps(rows: Iterable[Transition], began: float) -> list[dict[str, Any]]:
    """Seconds every step took a scene (mean, worst), and when the last scene was through it."""
    when: dict[UUID, dict[tuple[str, str], float]] = {}
    for row in rows:
        if row.scene_id is not None:
            when.setdefault(row.scene_id, {})[row.entity, row.event] = row.at.timestamp() - began
    told = []
    for name, start_, end in STEPS:
        spent = [moments[end] - moments[start_] for moments in when.values() if start_ in moments and end in moments]
        last = max(moments[end] for moments in when.values() if end in moments)
        told.append({"step": name, "mean": mean(spent), "worst": max(spent), "last_through": last})
    return told


def nothing_to_do(deps: Deps, project_id: UUID, tasks: int) -> dict[str, float]:
    """What a task costs besides its work: `tasks` messages for a scene that is done, sent and run on io."""
    app = make_app(deps.settings)
    scene = deps.db.run(lambda session: projects.scenes(session, project_id)[0])
    worker = pids(deps.settings.home)["io"]
    cpu, began = cpu_seconds(worker), time.monotonic()
    for _ in range(tasks):
        app.send_task("select", (str(scene.id),), queue="io")
    sent = time.monotonic() - began
    pause = threading.Event()
    with app.connection_for_read() as connection:
        client = connection.default_channel.client
        while client.llen("io") or client.hlen("unacked"):
            pause.wait(0.01)
    wall = time.monotonic() - began
    return {
        "send_ms": sent / tasks * 1e3,
        "wall_ms": wall / tasks * 1e3,
        "cpu_ms": (cpu_seconds(worker) - cpu) / tasks * 1e3,
    }


def pids(home: Path) -> dict[str, int]:
    """The cluster's processes by name."""
    return {process.name: process.pid for process in status.status(home).processes}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process (proc(5), fields 14 and 15, in ticks of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def pss_mb(pid: int) -> float:
    """Proportional set size: memory of its own, and its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} tells no PSS")


@dataclass(frozen=True)
class Round:
    """One film: seconds from its enqueuing to its end, and of its stitch."""

    id: UUID
    seconds: float
    stitch: float


def round_of(deps: Deps, scenes: int, title: str) -> Round:
    """Make a film of so many scenes."""
    film_id, seconds = make(deps, storyboard(scenes, title))
    cut = deps.db.run(lambda session: projects.latest_cut(session, film_id))
    if cut is None or cut.seconds is None:
        raise SystemExit("the film has no cut")
    return Round(film_id, seconds, cut.seconds)


def run(home: Path, scenes: int, latency: float, rounds: int) -> dict[str, Any]:
    """One scene and the film by turns, the empty tasks; all figures. The steps are those of the last film."""
    with start(home, options=ClusterOptions(latency=latency)):
        deps = open_deps(load({"VIDPIPE_HOME": str(home)}), worker="bench")
        ones, films = [], []
        for number in range(rounds):
            ones.append(round_of(deps, 1, f"one scene alone {number}"))
            films.append(round_of(deps, scenes, f"{scenes} scenes {number}"))
        film_id = films[-1].id
        rows = trail(deps, film_id)
        began = min(row.at for row in rows).timestamp()
        now = pids(home)
        alone = median(one.seconds - one.stitch for one in ones)
        film, stitch = median(one.seconds for one in films), median(one.stitch for one in films)
        found: dict[str, Any] = {
            "scenes": scenes, "latency": latency, "alone": alone, "film": film, "stitch": stitch,
            "ratio": film / (alone + stitch), "films": [one.seconds for one in films],
            "ones": [one.seconds - one.stitch for one in ones], "steps": steps(rows, began),
            "pss_mb": {name: pss_mb(now[name]) for name in ("io", "gpu", "tick", "beat")},
            "cpu_s": {name: cpu_seconds(now[name]) for name in ("io", "gpu", "tick", "beat", "procedural")},
            "empty_task": nothing_to_do(deps, film_id, 500),
        }  # fmt: skip
        deps.close()
    return found


def say(found: dict[str, Any]) -> None:
    """The figures for people."""
    ones, films = (", ".join(f"{seconds:.2f}" for seconds in found[name]) for name in ("ones", "films"))
    print(f"one scene alone      {found['alone']:6.2f} s   ({ones}; operations of {found['latency']:g} s)")
    print(f"film of {found['scenes']} scenes    {found['film']:6.2f} s   ({films}), its stitch {found['stitch']:.2f} s")
    print(f"ratio                {found['ratio']:6.2f}     film / (one scene + stitch)")
    print("\nstep              mean s   worst s   last scene through after s")
    for step in found["steps"]:
        print(f"{step['step']:<16} {step['mean']:7.3f} {step['worst']:9.3f} {step['last_through']:9.2f}")
    empty = found["empty_task"]
    print(
        f"\na task with nothing to do: {empty['wall_ms']:.2f} ms wall, {empty['cpu_ms']:.2f} ms CPU of the io worker,"
    )
    print(f"{empty['send_ms']:.2f} ms to send (500 in a row)")
    print("memory (PSS, MB):  " + "  ".join(f"{name} {mb:.0f}" for name, mb in found["pss_mb"].items()))
    print("CPU of the run, s: " + "  ".join(f"{name} {s:.1f}" for name, s in found["cpu_s"].items()))


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=45)
    parser.add_argument("--latency", type=float, default=10.0, help="seconds an operation lasts at the service")
    parser.add_argument("--against", action="store_true", help="beside plain asyncio and DBOS, and the ideal schedule")
    parser.add_argument("--rounds", type=int, default=3, help="how often each film is made")
    parser.add_argument("--gpu", type=int, default=3, help="of --against: threads of vidpipe's gpu worker")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.against:
        return against.main(args)
    with tempfile.TemporaryDirectory(prefix="vidpipe-bench-") as folder:
        found = run(Path(folder) / "home", args.scenes, args.latency, args.rounds)
    print(json.dumps(found, indent=1)) if args.json else say(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
