"""`vidpipe COMMAND`: finds the command's module, and turns every end into a message and an exit code."""

from __future__ import annotations

import argparse
import difflib
import errno
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

import vidpipe
from vidpipe.cli import codes, show
from vidpipe.errors import FilmUnfinished, SetupError, VidpipeError
from vidpipe.settings import load

# command: (module of vidpipe.cli, what it does)
COMMANDS = {
    "run": ("run", "make the film of a storyboard, start to finish"),
    "validate": ("validate", "check a storyboard"),
    "plan": ("plan", "what a film would take: scenes, services, cost, time"),
    "enqueue": ("enqueue", "hand a storyboard to the cluster that runs"),
    "follow": ("follow", "watch a film that is being made"),
    "status": ("status", "how films stand"),
    "pause": ("steer", "buy nothing more for a film until it is resumed"),
    "resume": ("steer", "go on with a film that was paused or waits"),
    "cancel": ("steer", "end a film"),
    "retry": ("steer", "make a scene again, or everything that is blocked"),
    "skip": ("steer", "leave a scene out of its film"),
    "money": ("money", "what films have cost, by scene, take and candidate"),
    "budget": ("steer", "give a film another budget"),
    "priority": ("steer", "let a film go before others where a service is busy"),
    "uncertain": ("uncertain", "orders of which nobody knows what became, and what is to be done"),
    "report": ("report", "write a film with its clips and its report to a folder"),
    "services": ("services", "the video services: what their models can do and cost"),
    "cluster": ("cluster", "start, stop or look at the cluster on this machine"),
    "emulate": ("emulate", "the paid services' protocols on this machine, to rehearse on"),
    "worker": ("worker", "one worker of a cluster of many machines"),
    "doctor": ("doctor", "what is broken or stuck, since when, why, and what to do"),
    "health": ("health", "whether one process of a cluster of many machines is well"),
    "flower": ("flower", "the page on which workers and tasks are watched"),
    "metrics": ("metrics", "a page of figures about the whole cluster, for Prometheus"),
    "db": ("db", "bring the database up to date, or check it"),
    "storage": ("storage", "compare the media store with the films, or make it ready"),
}


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends like Ctrl-C, so that what was started is stopped."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code (vidpipe.cli.codes)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _settle_streams()
    as_json = "--json" in words
    try:
        with _terminated_like_interrupted():
            return _run(words)
    except SystemExit as end:  # argparse has spoken
        return end.code if isinstance(end.code, int) else codes.BAD_INPUT
    except VidpipeError as error:
        code = _code(error)
        show.error(error, as_json=as_json, code=code)
        return code
    except Terminated:
        return codes.TERMINATED
    except KeyboardInterrupt:
        return codes.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output is gone; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return codes.READER_GONE
    except OSError as error:
        return _of_the_machine(error, as_json)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a message and a file, never a traceback
        show.warn(f"vidpipe: a defect: {type(error).__name__}: {_short(error)}")
        show.warn(f"The details are in {_write_crash(words)}; please report them.")
        return codes.DEFECT


def parser(name: str) -> tuple[argparse.ArgumentParser, ModuleType]:
    """The parser of one command, and its module."""
    module_name, what = COMMANDS[name]
    module = import_module(f"vidpipe.cli.{module_name}")
    made = argparse.ArgumentParser(
        prog=f"{show.program()} {name}", description=what[0].upper() + what[1:] + ".", epilog=codes.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    module.add_arguments(made, name)
    made.add_argument("--json", action="store_true", help="JSON for scripts instead of words for people")
    made.add_argument(
        "--home", type=Path, metavar="DIR",
        help="the folder of the cluster on this machine (default: VIDPIPE_HOME, else .vidpipe here or above)",
    )  # fmt: skip
    made.set_defaults(command=name, words=[])
    return made, module


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        show.say(_help())
        return codes.DONE
    if words[0] == "--version":
        show.say(f"vidpipe {vidpipe.__version__}")
        return codes.DONE
    name, *rest = words
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        guess = f"Did you mean `vidpipe {near[0]}`?" if near else "`vidpipe --help` lists them."
        raise SetupError(f"there is no command {name[:60]!r}", remedy=guess)
    made, module = parser(name)
    args = made.parse_args(rest)
    args.words = words
    done: int = module.run(args)
    return done


def _help() -> str:
    width = max(len(name) for name in COMMANDS)
    lines = "\n".join(f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items())
    return (
        f"vidpipe {vidpipe.__version__}: storyboard to finished film.\n\n"
        f"usage: {show.program()} COMMAND [...]      {show.program()} COMMAND --help tells more\n\n"
        f"{lines}\n\n{codes.EPILOG}"
    )


def _code(error: VidpipeError) -> int:
    if isinstance(error, FilmUnfinished):
        return codes.WAITS if error.waits else codes.UNFINISHED
    return codes.BAD_INPUT


def _of_the_machine(error: OSError, as_json: bool) -> int:
    """A disk that is full, a folder that is gone: not ours to mend, and not a defect."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    where = f"{error.filename}: " if error.filename else ""
    remedy = "Free some space." if full else f"More is in {_write_crash([])}."
    told = SetupError(f"{where}{error.strerror or error}", remedy=remedy)
    show.error(told, as_json=as_json, code=codes.BAD_INPUT)
    return codes.BAD_INPUT


def _short(error: Exception) -> str:
    return show.clean(str(error))[:200]


def _write_crash(words: list[str]) -> str:
    """Write the traceback beside the cluster's logs, else where temporary files go; the file's path."""
    text = f"vidpipe {vidpipe.__version__}\npython {sys.version}\n{words}\n\n{traceback.format_exc()}"
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (_logs, lambda: Path(tempfile.gettempdir())):
        try:
            path = folder() / name
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except (OSError, VidpipeError) as error:
            name_of_failure = str(error)
            continue
        return str(path)
    return f"no file, for none can be written ({name_of_failure})"


def _logs() -> Path:
    """The home's folder for logs, if there is one: a crash makes no folders."""
    return load().home / "logs"


def _settle_streams() -> None:
    """A terminal without UTF-8 gets '?' for what it can't show; our own libraries' warnings don't disturb it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    logging.getLogger().addHandler(logging.NullHandler())


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
