"""`vidpipe run`: a storyboard to a finished film, with everything that takes started and stopped again."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from vidpipe.cli import cluster_options, codes, consent, out, show, views
from vidpipe.cluster import ClusterOptions
from vidpipe.domain.states import ProjectState
from vidpipe.errors import FilmUnfinished, SetupError
from vidpipe.pipeline.enroll import Consent
from vidpipe.rehearsal import Rehearsed
from vidpipe.runner import Film, Runner, unfinished
from vidpipe.settings import config_file


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "storyboard", type=Path, nargs="?", metavar="STORYBOARD", help="a YAML or JSON file (default: an example)"
    )
    out.add(parser, "where the film is written (default: out/TITLE)")
    parser.add_argument(
        "--again", action="store_true", help="make a new film, though this storyboard was rendered before"
    )
    consent.add_arguments(parser)
    parser.add_argument("--retry", action="store_true", help="make again what is blocked in this film")
    parser.add_argument(
        "--rehearse", action="store_true",
        help="make it on the emulator, with dummy keys and for nothing; ends with what the real film would cost",
    )  # fmt: skip
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="of a rehearsal: YAML, what goes wrong and when")
    views.add_arguments(parser)
    cluster_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Render the film and say where it is; raises Unconfirmed where it would pay and nobody agreed."""
    if args.scenario is not None and not args.rehearse:
        raise SetupError("a scenario is for a rehearsal.", remedy="Say --rehearse too.")
    if args.scenario is not None and not args.scenario.is_file():
        raise SetupError(f"there is no scenario {args.scenario}.", remedy="See `vidpipe emulate --help`.")
    return consent.asking(args, lambda said: _run(args, said))


def _run(args: argparse.Namespace, said: Consent) -> int:
    view = views.choose(args)
    runner = Runner(
        args.storyboard or config_file("examples/lighthouse.yaml"), out=args.out, home=args.home, again=args.again,
        retry=args.retry, consent=said, priority=args.priority, options=_options(args),
        rehearse=args.rehearse, on_step=view.step,
    )  # fmt: skip
    try:
        with view, closing(runner.__iter__()) as events:
            for progress in events:
                view.show(progress)
                if progress.kind == "end" and runner.film is not None and not args.json:
                    view.close()  # people need not wait for the cluster's stop
                    _tell(runner.film, args)
    except KeyboardInterrupt:
        show.warn(f"Stopped; nothing is lost. Go on with:  {_to_go_on(args)}")
        raise
    if runner.film is None:
        raise FilmUnfinished
    if args.json:
        _tell(runner.film, args)
    return _code(runner.film)


def _options(args: argparse.Namespace) -> ClusterOptions:
    chosen = cluster_options.chosen(args)
    return chosen if args.scenario is None else replace(chosen, scenario=str(args.scenario.absolute()))


def _code(film: Film) -> int:
    if film.done:
        return codes.DONE
    return codes.WAITS if unfinished(film.status).waits else codes.UNFINISHED


def _tell(film: Film, args: argparse.Namespace) -> None:
    code = _code(film)
    if not film.done:
        show.error(_remedied(film, args), as_json=False, code=code)
    if args.json:
        show.line(
            {
                "event": "end", "exit": code, "state": film.status.state, "project_id": film.project_id,
                "out": film.out, "film": film.path, "fresh": film.fresh, "finished_before": film.finished_before,
                "cost": film.status.settled, "missing": film.missing, "seconds": film.status.seconds,
                "rehearsed": film.rehearsed,
            }
        )  # fmt: skip
        return
    show.say()
    for what, path in (("film", film.path), ("report", film.out / "report.html"), ("folder", film.out)):
        if path is not None:
            show.say(f"  {what:<7} {path}")
    for missing in film.missing:
        show.warn(f"not written: {show.clean(missing)}")
    if film.rehearsed is not None:
        _tell_rehearsal(film.rehearsed)
    if film.finished_before:
        show.say("\nThis film was finished before; it was written again. A new one:  --again")


def _tell_rehearsal(found: Rehearsed) -> None:
    show.say(f"\nThe emulator's bill  {show.money(found.bill)}, the ledger {show.money(found.ledger)}")
    if not found.agrees:
        show.warn("They do not agree: `vidpipe uncertain list` and the report say what is still open.")
    worst = f", at worst {show.money(found.worst)}" if found.worst > found.cost else ""
    show.say(f"The real film        {show.money(found.cost)} if all goes well{worst}; {show.roughly(found.seconds)}")


def _remedied(film: Film, args: argparse.Namespace) -> FilmUnfinished:
    """The cluster is stopped after this command, so what can be done must start it again."""
    problem = unfinished(film.status)
    if problem.waits:
        again = "goes on" if film.status.state == ProjectState.PAUSED else "--retry  makes what is blocked again"
        problem.remedy = f"{_to_go_on(args)} {again}; the report tells more."
    elif film.status.state == ProjectState.FAILED:
        problem.remedy = f"{_to_go_on(args)}  tries again; the report tells more."
    return problem


def _to_go_on(args: argparse.Namespace) -> str:
    """This very command; `--again` would begin anew."""
    words = [word for word in args.words if word not in ("--again", "--retry")]
    return " ".join([show.program(), *(show.quoted(word) for word in words)])
