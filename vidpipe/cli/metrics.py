"""`vidpipe metrics`: a page of figures about the whole cluster, for Prometheus, with /healthz for monitors.

It asks the database for what rows can tell; what workers count and time they show on pages of their own
(VIDPIPE_METRICS_PORT). There is no login: let nobody reach it who should not read it.
"""

from __future__ import annotations

import argparse
import errno

import vidpipe
from vidpipe import logs
from vidpipe.cli import codes, show
from vidpipe.cli.health import broker_answers
from vidpipe.errors import SetupError
from vidpipe.exporter import Exporter, serve
from vidpipe.settings import load

PORT = 9090


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Where the page is."""
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"0 takes a free one ({PORT})")
    parser.add_argument("--host", metavar="H", help="the address to listen on (VIDPIPE_METRICS_HOST, else 127.0.0.1)")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C. Raises SetupError where there is no database to ask, or the port cannot be used.

    A database that is away is no reason not to begin: the page says so.
    """
    settings = load(home=args.home)
    if not settings.database_url:
        raise SetupError(
            "there is no cluster to measure",
            remedy="Start one: `vidpipe cluster start`, or set VIDPIPE_DATABASE_URL.",
        )
    if not 0 <= args.port <= 65535:
        raise SetupError(f"port {args.port} cannot be used", remedy="Give a number from 1024 to 65535.")
    logs.set_up(as_json=settings.log_format == "json", secrets=settings.secrets)
    host = args.host or settings.metrics_host
    exporter = Exporter(settings, lambda: broker_answers(settings.broker_url), version=vidpipe.__version__)
    try:
        server = serve(exporter, host, args.port)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise SetupError(
            f"port {args.port} of {host} cannot be used: {'it is taken' if taken else error.strerror}",
            remedy="Give another one: `--port N`, or another address: `--host H`.",
        ) from error
    with server:
        _tell(host, server.server_port, as_json=args.json)
        try:
            server.serve_forever()
        finally:
            exporter.close()
    return codes.DONE


def _tell(host: str, port: int, *, as_json: bool) -> None:
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
    show.line({"url": url}) if as_json else show.say(f"Metrics: {url}  (Ctrl-C ends it)")
