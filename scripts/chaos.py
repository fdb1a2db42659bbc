"""Kills every process of a cluster, one a film, at random moments of the film's life, and counts the damage.

For every kill: is the film complete, does the service's own bill have every slot once, does the ledger say what
the bill says, was every move legal, is nothing left behind, and how many seconds did it cost?

Run it as `scripts/chaos`. Exit code 0: nothing was lost and nothing was bought twice; 1: something was (seed,
moment, the scenes' moves and the logs' ends are told); 2: it could not be run. `--json` for machines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from scripts.kills.boundaries import BOUNDARIES, crossing
from scripts.kills.films import PHASES, Shape
from scripts.kills.house import PROCESSES, House
from scripts.kills.trial import Life, Trial, killing, life_of, shares, undisturbed, usual_of
from vidpipe.errors import SetupError

WARM_UPS = 2  # films before the first that counts: the workers import, the caches fill


class Run:
    """All trials of one call, each told as it ends."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self._args = args
        self._folder = folder
        self._began = time.monotonic()
        self._houses = 0
        self._films = 0
        self._life = Life(())
        self.shape = Shape(args.scenes, args.candidates)
        self.quiet: list[Trial] = []
        self.trials: list[Trial] = []
        self.crossings: list[Trial] = []

    def kills(self) -> None:
        """Every process, `--kills` times."""
        planned = [name for name in self._args.process for _ in range(self._args.kills)]
        while planned:
            with self._house() as house:
                self._warm_up(house)
                while planned:
                    name = planned[0]
                    done = sum(trial.process == name for trial in self.trials)
                    if done == 0:
                        self._quiet(house)
                    moment = self._life.moment(shares(self._args.seed, name, self._args.kills)[done])
                    trial = killing(house, self.shape, name, moment, self._title(), usual_of(self.quiet[-3:]))
                    self.trials.append(trial)
                    planned.pop(0)
                    self._tell(trial)
                    if not trial.complete:  # what is broken must not disturb the next film
                        break
            self._end(house)

    def boundaries(self) -> None:
        """Every boundary once."""
        left = list(BOUNDARIES)
        while left:
            with self._house(faults="prompts", latency=1.0) as house:
                undisturbed(house, Shape(scenes=1, candidates=1), self._title())
                while left:
                    trial = crossing(house, left.pop(0), self._title())
                    self.crossings.append(trial)
                    self._tell(trial)
                    if not trial.complete:
                        break
            self._end(house)

    def _house(self, *, faults: str = "", latency: float | None = None) -> House:
        self._houses += 1
        wanted = self._args.latency if latency is None else latency
        return House(self._folder / f"home-{self._houses}", latency=wanted, faults=faults)

    def _end(self, house: House) -> None:
        """The cluster was stopped: nothing of it may be left."""
        left = house.belonging()
        if left:
            trial = Trial("stop", 0.0, violations=[f"a stopped cluster left behind: {left}"])
            self.trials.append(trial)
            self._tell(trial)

    def _warm_up(self, house: House) -> None:
        for _ in range(WARM_UPS if not self.quiet else 1):
            undisturbed(house, self.shape, self._title())

    def _quiet(self, house: House) -> None:
        trial = undisturbed(house, self.shape, self._title())
        trial.process = "nothing"
        self._life = life_of(house, trial)
        self.quiet.append(trial)
        self._tell(trial)

    def _title(self) -> str:
        self._films += 1
        return f"film {self._films} of seed {self._args.seed}"

    def _tell(self, trial: Trial) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {line(trial)}", file=sys.stderr, flush=True)


def line(trial: Trial) -> str:
    """One trial in one line, and what was wrong with it below."""
    found = trial.found
    words = [
        f"{trial.process:<11} killed at {trial.killed_at:5.2f} s ({'+'.join(trial.phases) or '-'}):"
        f" film {trial.seconds:.1f} s, {trial.extra:+.1f} s, back after {trial.back:.1f} s"
    ]
    if found is not None and (found.in_doubt or found.uncertain):
        words.append(f"{found.in_doubt} in doubt, {found.lost} not bought after all, {found.uncertain} uncertain")
    words += [trial.held_up] if trial.held_up else []
    return "; ".join(words) + "".join(f"\n    VIOLATION {what}" for what in trial.violations)


def rows(trials: Sequence[Trial]) -> Iterator[dict[str, Any]]:
    """What came of each process's kills."""
    for name in dict.fromkeys(trial.process for trial in trials):
        mine = [trial for trial in trials if trial.process == name]
        found = [trial.found for trial in mine if trial.found is not None]
        yield {
            "process": name, "kills": len(mine), "complete": sum(trial.complete for trial in mine),
            "bought": sum(one.bought for one in found), "billed": sum(one.billed for one in found),
            "twice": sum(one.twice for one in found), "in_doubt": sum(one.in_doubt for one in found),
            "lost": sum(one.lost for one in found), "uncertain": sum(one.uncertain for one in found),
            "extra_median": median(trial.extra for trial in mine), "extra_worst": max(trial.extra for trial in mine),
            "back_median": median(trial.back for trial in mine), "back_worst": max(trial.back for trial in mine),
        }  # fmt: skip


def table(found: Iterable[dict[str, Any]], width: int = 11) -> Iterator[str]:
    """The rows for people."""
    yield (
        f"{'process':<{width}} kills complete  bought  billed  twice  in doubt  uncertain"
        "   extra s: median  worst   back s: median  worst"
    )
    for row in found:
        yield (
            f"{row['process']:<{width}} {row['kills']:5} {row['complete']:8}  {row['bought']:6}  {row['billed']:6}"
            f"  {row['twice']:5}  {row['in_doubt']:8}  {row['uncertain']:9}"
            f"            {row['extra_median']:6.1f} {row['extra_worst']:6.1f}"
            f"           {row['back_median']:6.1f} {row['back_worst']:6.1f}"
        )


def say(run: Run, seed: int) -> None:
    """The tables."""
    if run.trials:
        usual = usual_of(run.quiet)
        print(
            f"A film of {run.shape.scenes} scenes, {run.shape.candidates} candidates each, takes {usual:.1f} s"
            f" undisturbed ({min(t.seconds for t in run.quiet):.1f} to {max(t.seconds for t in run.quiet):.1f} s)."
            f" Seed {seed}.\n"
        )
        print("\n".join(table(rows(run.trials))))
        counted = Counter(phase for trial in run.trials for phase in trial.phases)
        print("\nWhat films were at when something was killed (a film is at several things at once):")
        print("  " + "  ".join(f"{phase} {counted[phase]}" for phase in PHASES))
    if run.crossings:
        print("\nAt the worst moments (films of 2 scenes; extra: from the kill to the film's end):")
        print("\n".join(table(rows(run.crossings), width=44)))
    print("\nin doubt: a take whose worker or service was killed in mid-submit; settled by asking the service.")
    print(f"\n{len(violations(run))} of {len(run.trials) + len(run.crossings)} films were not as they should be.")


def everything(run: Run, seed: int) -> dict[str, Any]:
    """The figures for machines."""
    trials = [*run.quiet, *run.trials, *run.crossings]
    return {
        "seed": seed,
        "usual_seconds": usual_of(run.quiet) if run.quiet else None,
        "summary": list(rows([*run.trials, *run.crossings])),
        "trials": [{**asdict(trial), "project_id": str(trial.project_id)} for trial in trials],
    }


def violations(run: Run) -> list[Trial]:
    """The films that were not as they should be."""
    return [trial for trial in (*run.quiet, *run.trials, *run.crossings) if not trial.complete]


def report(run: Run, folder: Path) -> None:
    """What is needed to understand each violation."""
    for number, trial in enumerate(violations(run)):
        path = folder / f"violation-{number + 1}.txt"
        path.write_text(f"{line(trial)}\n\n{trial.evidence}\n", encoding="utf-8")
        print(f"\n{line(trial)}\n    more: {path}", file=sys.stderr)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=45)
    parser.add_argument("--candidates", type=int, default=2, choices=(1, 2, 3, 4), help="clips bought for each scene")
    parser.add_argument("--kills", type=int, default=10, help="of each process, one a film")
    parser.add_argument("--process", nargs="+", choices=PROCESSES, default=list(PROCESSES))
    parser.add_argument("--latency", type=float, default=3.0, help="seconds an operation takes at the service at least")
    parser.add_argument("--seed", type=int, default=1, help="the same moments again")
    parser.add_argument("--no-boundaries", action="store_true", help="leave out the kills at chosen worst moments")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it, whatever happens")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, print."""
    args = arguments(argv)
    folder = args.keep or Path(tempfile.mkdtemp(prefix="vidpipe-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(args, folder)
    try:
        if args.kills > 0:
            run.kills()
        if not args.no_boundaries:
            run.boundaries()
    except SetupError as error:
        print(f"chaos: {error.message} {error.remedy} (in {folder})", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(everything(run, args.seed), indent=1))
    else:
        say(run, args.seed)
    report(run, folder)
    if violations(run):
        return 1
    if args.keep is None:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
