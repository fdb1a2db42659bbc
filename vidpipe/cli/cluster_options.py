"""The arguments by which a cluster on this machine is given its size."""

from __future__ import annotations

import argparse

from vidpipe.cluster import ClusterOptions


def add(parser: argparse.ArgumentParser) -> None:
    """--io, --gpu, --tick, --io-workers, --gpu-workers, --renderers, --latency, --price, --storage."""
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
    for name in ("io", "gpu"):
        group.add_argument(
            f"--{name}-workers",
            type=int,
            default=1,
            metavar="N",
            help=f"how many such {name} workers, each a process (1)",
        )
    group.add_argument("--renderers", type=int, metavar="N", help="processes of each local procedural service")
    group.add_argument("--latency", type=float, metavar="SECONDS", help="make its operations take at least so long")
    group.add_argument(
        "--price", default="", metavar="DOLLARS", help="rehearse with money: what the service procedural asks a second"
    )
    group.add_argument(
        "--storage", choices=("folder", "s3"), default="",
        help="keep media in a folder, or in an S3 server of its own (as this home began; a new one: folder)",
    )  # fmt: skip


def chosen(args: argparse.Namespace) -> ClusterOptions:
    """What was chosen; raises SetupError where it can't be."""
    return ClusterOptions(
        io=args.io, gpu=args.gpu, tick=args.tick, io_workers=args.io_workers, gpu_workers=args.gpu_workers,
        renderers=args.renderers, latency=args.latency, price=args.price, storage=args.storage,
    )  # fmt: skip
