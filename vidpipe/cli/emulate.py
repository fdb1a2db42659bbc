"""`vidpipe emulate`: the paid services' protocols on this machine, with a bill of their own."""

from __future__ import annotations

import argparse
import json
from decimal import Decimal
from pathlib import Path

from vidpipe.cli import codes, show
from vidpipe.errors import SetupError
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Where it listens and what goes wrong."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--port", type=int, default=0, metavar="P", help="of this machine alone; 0, the default: a free one"
    )
    place.add_argument("--uds", type=Path, metavar="PATH", help="a unix socket instead")
    parser.add_argument("--dir", type=Path, metavar="DIR", help="where it keeps its bill and clips (HOME/emulator)")
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="YAML: what goes wrong, and when")
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="S", help="seconds that an operation takes at least (0)"
    )
    parser.add_argument("--renderers", type=int, default=2, metavar="N", help="renderer processes (2)")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; raises SetupError where it cannot."""
    try:
        from vidpipe.emulator import server  # noqa: PLC0415 - its libraries are an extra's
    except ModuleNotFoundError as error:
        if str(error.name).startswith("vidpipe"):
            raise
        raise SetupError(
            f"the emulator's libraries are not installed: {error.name}", remedy="pip install 'vidpipe[procedural]'"
        ) from error
    if not 0 <= args.port <= 65535 or not 0 <= args.latency <= 86_400 or not 1 <= args.renderers <= 32:
        raise SetupError(
            "a figure is out of bounds.", remedy="--port up to 65535, --latency 86400, --renderers 1 to 32."
        )
    settings = load(home=args.home)

    def ready(url: str, bases: dict[str, str]) -> str:
        if args.json:
            return json.dumps({"ready": url, "services": bases})
        lines = [f"ready on {url}", *(f"  {name}: {base}" for name, base in bases.items())]
        return "\n".join(lines)

    bill = server.serve(
        settings, args.dir or settings.home / "emulator", server.Place(args.port, args.uds), scenario=args.scenario,
        latency=args.latency, renderers=args.renderers, ready=ready,
    )  # fmt: skip
    if args.json:
        show.say(server.as_json(bill))
        return codes.DONE
    for charge in bill:
        back = f", {charge.given_back} given back" if charge.given_back else ""
        show.say(f"{charge.service} {charge.model}: {charge.clips} clips, {show.money(charge.amount)}{back}")
    show.say(f"The bill: {show.money(sum((charge.amount for charge in bill), Decimal(0)))}")
    return codes.DONE
