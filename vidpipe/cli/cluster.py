"""`vidpipe cluster start|stop|status`: keep a cluster up on this machine, for many films."""

from __future__ import annotations

import argparse

from rich.text import Text

from vidpipe.cli import cluster_options, codes, show
from vidpipe.cli.terminal import console, table
from vidpipe.cluster import ClusterStatus, alive, start, stop
from vidpipe.cluster.status import status
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """start, stop or status; the cluster's size."""
    parser.add_argument("action", choices=("start", "stop", "status"), help="status ends with 1 where none runs")
    cluster_options.add(parser)


def run(args: argparse.Namespace) -> int:
    """Raises SetupError where it can't be started or stopped, with what to do."""
    home = load(home=args.home).home
    match args.action:
        case "start":
            return _start(args)
        case "stop":
            stopped = stop(home)
            if args.json:
                show.document({"home": home, "running": False, "stopped": stopped})
            else:
                show.say("The cluster has stopped." if stopped else f"No cluster runs in {home}.")
            return codes.DONE
        case _:
            found = status(home)
            show.document(found) if args.json else _print(found)
            return codes.DONE if found.running else codes.UNFINISHED


def _start(args: argparse.Namespace) -> int:
    home = load(home=args.home).home
    ran = alive(home)
    if not ran:
        tell = (lambda words: None) if args.json else show.say
        start(home, detached=True, options=cluster_options.chosen(args), on_progress=tell)
    if args.json:
        show.document({**show.plain(status(home)), "started_now": not ran})
        return codes.DONE
    show.say(f"The cluster runs in {home}" + (" already." if ran else "."))
    show.say(f"Films:  {show.program()} enqueue STORYBOARD      End it:  {show.program()} cluster stop")
    return codes.DONE


def _print(found: ClusterStatus) -> None:
    if not found.running:
        show.say(f"No cluster runs in {found.home}.")
        if found.failure:
            show.say(f"The last one gave up: {found.failure}")
        return
    show.say(f"The cluster of {found.home} runs since {found.started} (supervisor: process {found.pid})")
    rows = table("Process", "Id", "Since", "Restarts", "Memory", right=("Id", "Restarts", "Memory"))
    for one in found.processes:
        cells = (one.name, str(one.pid), one.since, str(one.restarts), f"{one.rss / 1e6:.0f} MB" if one.rss else "gone")
        rows.add_row(*(Text(show.clean(cell)) for cell in cells))
    console().print(rows)
