"""The arguments by which a cluster on this machine is given its size."""

from __future__ import annotations

import argparse

from vidpipe.cluster import ClusterOptions


def add(parser: argparse.ArgumentParser) -> None:
    """--io, --gpu, --tick, --renderers, --latency."""
    defaults = ClusterOptions()
    group = parser.add_argument_group("the cluster, where it is started")
    for name, what in (
        ("io", "talks to services and stores"),
        ("gpu", "looks at pictures"),
        ("tick", "keeps the time"),
    ):
        default = getattr(defaults, name)
        group.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"threads of the worker that {what} ({default})"
        )
    group.add_argument("--renderers", type=int, metavar="N", help="processes of the local procedural service")
    group.add_argument("--latency", type=float, metavar="SECONDS", help="make its operations take at least so long")


def chosen(args: argparse.Namespace) -> ClusterOptions:
    """What was chosen; raises SetupError where it can't be."""
    return ClusterOptions(
        io=args.io, gpu=args.gpu, tick=args.tick, renderers=args.renderers, latency=args.latency
    )  # fmt: skip
