"""`vidpipe health ROLE`: whether one process of a cluster is well; what a container's healthcheck runs.

    io, gpu, tick      the worker's loop turns and is connected to the broker (tasks/heartbeat.py), and not all of its
                       threads hang
    beat               the broker took a tick lately (tasks/beat.py)
    tick, beat         besides, a sweep was here lately, by the database's clock: beat sends it, the tick worker runs it
    flower, metrics    the page answers on this machine

With --alive it asks only for what a restart of this very process would mend: a broker that is away is no reason to
restart a worker, which waits for it anyway.

It runs four times a minute beside every process, so that it imports late and little: 0.2 s of CPU instead of 1.
"""

from __future__ import annotations

import argparse
import http.client
import re
from collections.abc import Callable

from vidpipe import heartbeat
from vidpipe.cli import codes, show
from vidpipe.settings import Settings, config_file, load, read_yaml

ROLES = ("io", "gpu", "tick", "beat", "flower", "metrics")
PAGES = {"flower": (5555, "/healthcheck"), "metrics": (9090, "/livez")}  # the usual port, and what to ask there
PATIENCE = 4  # seconds one question may take
_TICK = "SELECT greatest(extract(epoch FROM clock_timestamp() - seen_at), 0) FROM cluster_signs WHERE name = 'tick'"


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The role, and how strict to be."""
    parser.add_argument("role", choices=ROLES, help="ends with 0 where it is well, and with 1 where it is not")
    parser.add_argument("--alive", action="store_true", help="ask only for what a restart would mend")
    parser.add_argument("--port", type=int, metavar="N", help="of flower or metrics (default: the usual one)")


def run(args: argparse.Namespace) -> int:
    """Say whether it is well. Raises SetupError where the settings cannot be read."""
    settings = load(home=args.home)
    problem = _problem(settings, args.role, args.port, alive=args.alive)
    if args.json:
        show.document({"role": args.role, "well": not problem, "problem": problem})
    elif problem:
        show.warn(f"vidpipe: {args.role} is not well: {problem}")
    else:
        show.say(f"{args.role} is well")
    return codes.UNFINISHED if problem else codes.DONE


def _problem(settings: Settings, role: str, port: int | None, *, alive: bool) -> str:
    """What is wrong with it, in words; empty where nothing is."""
    match role:
        case "flower" | "metrics":
            usual, path = PAGES[role]
            return page(port or usual, path, alive=alive)
        case "beat" | "tick":
            return signs(settings, role, alive=alive) or ("" if alive else sweeps(settings.database_url))
        case _:
            return signs(settings, role, alive=alive)


def signs(settings: Settings, role: str, *, alive: bool, clock: Callable[[], float] = heartbeat.clock) -> str:
    """What is wrong with this home's worker of a queue, or beat."""
    found = heartbeat.read(settings.home, role)
    longest = float(read_yaml(config_file("celery.yaml"))["task_time_limit"])
    problem = found.trouble(clock(), longest) if found else f"it gave no sign of life in {settings.home}"
    if not problem or broker_answers(settings.broker_url):
        return problem
    return "" if alive else f"{problem}; its broker does not answer"


def sweeps(database_url: str) -> str:
    """What is wrong with the ticking, which takes a beat and a tick worker."""
    import psycopg2  # noqa: PLC0415 - see above

    try:
        plain = re.sub(r"^(\w+)\+\w+://", r"\1://", database_url)  # SQLAlchemy's address names a driver
        connection = psycopg2.connect(plain, connect_timeout=PATIENCE)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = %s", (f"{PATIENCE}s",))
                cursor.execute(_TICK)
                found = cursor.fetchone()
        finally:
            connection.close()
    except psycopg2.Error as error:
        return f"the database cannot be asked: {str(error).strip().splitlines()[0]}"
    if found is None:
        return "no sweep was ever here"
    return "" if found[0] < heartbeat.GONE else f"no sweep was here for {found[0]:.0f} s"


def page(port: int, path: str, *, alive: bool) -> str:
    """What is wrong with a page of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"nothing answers on port {port}: {error}"
    finally:
        connection.close()
    return "" if alive or status == http.client.OK else f"it answers {status} on {path}"


def broker_answers(url: str) -> bool:
    """Whether a Redis answers PING at an address as Celery has it; True where it is another kind of broker."""
    from redis import Redis  # noqa: PLC0415 - see above
    from redis.exceptions import RedisError  # noqa: PLC0415

    scheme, colon, rest = url.partition("://")
    if scheme not in ("redis", "rediss", "redis+socket"):
        return True
    path = rest.partition("?")[0]
    plain = f"unix://{path}" if scheme == "redis+socket" else f"{scheme}{colon}{rest}"
    client = Redis.from_url(plain, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()
