"""Everything happens to a cluster while it makes films: is a scene lost, is one bought twice, do bill and ledger agree?

Three films of short shots are made by two io and two gpu workers and three priced services on this machine, one of
which can neither be asked what it accepted nor told to stop. Meanwhile, from the seed: workers, servers and services
are killed and stopped, at random and at chosen moments; the broker forgets everything; the database is ended at once;
the media store is away; services fail in every way they know. The services' own bills are held against the ledger every
second. Then whatever waits for a person is answered from the bills, and everything is looked at.

With --rehearse the shots are ordered from every paid service (Veo with a bucket and without, Gemini, Runway, Pika,
OpenAI's videos), by the adapters and the vendors' own SDKs, and the emulator stands in for them with a bill of its own:
beside the blows, everything that a scenario can script goes wrong there, each at a rate that the seed decides. Only
orders at services that have no list (Runway, Gemini, Veo without a bucket) may wait for a person then, and only those
that the emulator's log or the diary shows to have been cut off.

Run it as `scripts/chaos`. Exit code 0: nothing was lost, nothing was bought twice, bill and ledger agree to the cent,
and nothing is left over; 1: otherwise (the evidence and how to repeat it are told); 2: it could not be run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.chaos_runs import blows, broken, moments
from scripts.chaos_runs.blows import Blow
from scripts.chaos_runs.cast import LOCAL, Cast
from scripts.chaos_runs.diary import Diary
from scripts.chaos_runs.films import Shape
from scripts.chaos_runs.house import House
from scripts.chaos_runs.rehearsed import REHEARSED
from scripts.chaos_runs.run import Run
from scripts.chaos_runs.table import Result, evidence, figures, look, table
from vidpipe.errors import SetupError

INTERRUPTED = 130  # as shells say it of Ctrl-C


def every_blow(cast: Cast, storage: str) -> Mapping[str, Blow]:
    """All that can be done, by name. What the emulator does wrong is in its scenario."""
    more = blows.OF_THE_STORE if storage == "s3" else {}
    faults = blows.service_faults() if cast.scenario is None else {}
    return {**blows.kills(cast), **more, **blows.outages(cast), **faults, **moments.MOMENTS}


def chosen(args: argparse.Namespace) -> Mapping[str, Blow]:
    """The blows that were asked for; raises SetupError for one that there is not."""
    known = every_blow(REHEARSED if args.rehearse else LOCAL, args.storage)
    unknown = [name for name in args.only or () if name not in known]
    if unknown:
        raise SetupError(f"there is no blow {unknown[0]!r}.", remedy=f"There is: {', '.join(sorted(known))}.")
    return {name: blow for name, blow in known.items() if not args.only or name in args.only}


def run(args: argparse.Namespace, folder: Path) -> Result:
    """One run in `folder`; raises SetupError where the cluster cannot be started."""
    shape = Shape(args.scenes, args.candidates, args.seed)
    diary = Diary(folder / "diary.jsonl")
    cast = REHEARSED if args.rehearse else LOCAL
    played = "" if cast.scenario is None else cast.scenario(args.seed, args.scenes * args.candidates)
    broken_by = {broken.NAME: args.breaks}
    house = House(folder / "home", cast=cast, scenario=played, storage=args.storage, extra_env=broken_by)
    limit = 60 * (args.minutes or 5 + args.scenes * args.candidates / 40)
    wanted = chosen(args)
    say = (lambda words: None) if args.quiet else (lambda words: print(words, file=sys.stderr, flush=True))
    with house:
        made = Run(house, shape, wanted, pace=args.pace, limit=limit, diary=diary, say=say)
        try:
            made.go()
        except SetupError as error:  # it was started, and gave up
            made.problems.append(f"the cluster gave up: {error.message}")
        found = look(made)
        told = evidence(made, found)
    return figures(made, found, told, folder)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=_count, default=60, help="in all, over three films")
    parser.add_argument("--candidates", type=int, default=2, choices=(1, 2, 3, 4), help="clips bought for each scene")
    parser.add_argument("--seed", type=int, default=1, help="the same films and the same blows again")
    parser.add_argument("--pace", type=float, default=3.0, help="seconds between two blows, on average")
    parser.add_argument("--minutes", type=float, help="in which everything must be done (default: by the scenes)")
    parser.add_argument("--storage", choices=("folder", "s3"), default="folder", help="where media lie")
    parser.add_argument("--only", nargs="+", metavar="BLOW", help="only these blows: 'kill io' 'flush Valkey' ...")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it, whatever happens")
    parser.add_argument("--rehearse", action="store_true", help="every paid service, on the emulator: see above")
    parser.add_argument("--quiet", action="store_true", help="say nothing until the end")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--break", dest="breaks", default="", choices=("", *broken.PROTOCOLS), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


def again(args: argparse.Namespace) -> str:
    """The command that does the same once more."""
    words: list[Any] = ["scripts/chaos", "--scenes", args.scenes, "--candidates", args.candidates, "--seed", args.seed]
    words += ["--pace", f"{args.pace:g}", *(["--storage", args.storage] if args.storage != "folder" else [])]
    words += ["--rehearse"] if args.rehearse else []
    words += ["--minutes", f"{args.minutes:g}"] if args.minutes else []
    words += [f"--only {' '.join(repr(name) for name in args.only)}"] if args.only else []
    return " ".join(str(word) for word in words)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, print."""
    args = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))  # ends as Ctrl-C does
    folder = args.keep or Path(tempfile.mkdtemp(prefix="vidpipe-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        result = run(args, folder)
    except SetupError as error:
        print(f"chaos: {error.message} {error.remedy} (in {folder})", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"chaos: interrupted; everything was stopped (in {folder})", file=sys.stderr)
        return INTERRUPTED
    if args.json:
        print(json.dumps(result.told, indent=1))
    else:
        print("\n".join(table(result)))
    if not result.good:
        path = folder / "evidence.txt"
        path.write_text(result.evidence, encoding="utf-8")
        print(f"\nevidence: {path}\nonce more: {again(args)}", file=sys.stderr)
        return 1
    if args.keep is None:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
