"""Makes the checkout's Python environment, or finds that it is as it should be. Standard library only.

    python3 scripts/environment.py EXTRA,EXTRA...

The packages are those that setup.cfg names, at the versions of config/constraints.txt. vidpipe itself is not
installed: it runs from the checkout (scripts/env.sh sets PYTHONPATH), so nothing has to be built. A stamp is
written last; without it the environment is half-made and is made again.
"""

from __future__ import annotations

import configparser
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
OURS = "made-by-vidpipe"  # in an environment that may be removed and made again
STAMP = "vidpipe-stamp.json"
# What a person may have set for pip elsewhere and what would send packages to another place.
LEFT_OUT = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_NO_DEPS", "PYTHONPATH", "PYTHONHOME")


class Trouble(Exception):
    """The environment cannot be made; the text says what to do."""


def main(argv: list[str]) -> int:
    """Exit code 0: the environment is there; 2: it cannot be made, said in words; 130: interrupted."""
    extras = [word for word in argv[0].split(",") if word] if argv else []
    folder = Path(os.environ.get("VIDPIPE_VENV") or CHECKOUT / ".venv").absolute()
    try:
        ensure(folder, extras)
    except Trouble as trouble:
        print(f"vidpipe: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nvidpipe: interrupted; the environment will be made at the next try", file=sys.stderr)
        return 130
    return 0


def ensure(folder: Path, extras: list[str]) -> None:
    """Have `folder` hold every package of `extras`; one process at a time."""
    wanted = requirements(extras)
    if is_made(folder, wanted):
        return
    handle = os.open(CHECKOUT, os.O_RDONLY)
    try:
        lock(handle)
        if not is_made(folder, wanted):
            make(folder, wanted)
    finally:
        os.close(handle)


def requirements(extras: list[str]) -> list[str]:
    """The requirements that setup.cfg names: the base and `extras`."""
    found = configparser.ConfigParser(interpolation=None)
    found.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    lists = [found["options"]["install_requires"]]
    lists += [found["options.extras_require"][extra] for extra in extras]
    return sorted({line.strip() for text in lists for line in text.splitlines() if line.strip()})


def fingerprint() -> str:
    """Changes with the pins, the interpreter, and the place it is run from."""
    pins = (CHECKOUT / "config" / "constraints.txt").read_bytes()
    return hashlib.sha256(pins + f"{sys.version_info[:3]}{os.path.realpath(sys.executable)}".encode()).hexdigest()


def is_made(folder: Path, wanted: list[str]) -> bool:
    """Whether the stamp says that everything wanted is there, at these pins."""
    stamp = read_stamp(folder)
    return stamp.get("fingerprint") == fingerprint() and set(wanted) <= set(stamp.get("requirements", []))


def read_stamp(folder: Path) -> dict[str, object]:
    """The stamp of a whole environment; empty where there is none."""
    if not (folder / "bin" / "python").exists():
        return {}
    try:
        found = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def lock(handle: int) -> None:
    """Wait until no other process makes the environment."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another process that prepares the environment")
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        say("this file system has no locks: do not start two at once until the environment is made")


def make(folder: Path, wanted: list[str]) -> None:
    """Make the environment, or bring one that lacks only packages up to date."""
    began = time.monotonic()
    stamp = read_stamp(folder)
    say(f"preparing {folder} (once; about half a minute)")
    had = stamp.get("requirements", [])
    if stamp.get("fingerprint") == fingerprint() and isinstance(had, list):
        wanted = sorted({*wanted, *had})
        (folder / STAMP).unlink()
    else:
        begin(folder)
    try:
        install(folder, wanted)
        content = json.dumps({"fingerprint": fingerprint(), "requirements": wanted}, indent=1)
        (folder / STAMP).write_text(content, encoding="utf-8")
    except OSError as error:
        raise Trouble(f"{folder} cannot be written: {error.strerror}. Free some space.") from error
    say(f"prepared in {time.monotonic() - began:.0f} s")


def begin(folder: Path) -> None:
    """An empty environment in `folder`, in place of one that we made before."""
    try:
        if folder.exists():
            if not (folder / OURS).exists() and any(folder.iterdir()):
                raise Trouble(
                    f"{folder} was not made by vidpipe, and is left as it is. Move it away, or set VIDPIPE_VENV to "
                    "another folder."
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / OURS).touch()
    except OSError as error:
        raise Trouble(
            f"{folder} cannot be made: {error.strerror}. Free some space, mend the permissions, or set VIDPIPE_VENV "
            "to another folder."
        ) from error
    done = run([sys.executable, "-I", "-m", "venv", str(folder)])
    if done.returncode != 0 and not make_without_pip(folder):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise Trouble(
            f"Python's venv module does not work here:\n{last_lines(done)}\n"
            f"On Debian and Ubuntu: sudo apt install python{version}-venv. Elsewhere: use a whole Python 3.11 or newer."
        )


def make_without_pip(folder: Path) -> bool:
    """Where Python came without ensurepip but with pip of its own, that one can install for the environment."""
    if run([sys.executable, "-m", "pip", "--version"]).returncode != 0:
        return False
    return run([sys.executable, "-I", "-m", "venv", "--clear", "--without-pip", str(folder)]).returncode == 0


def install(folder: Path, wanted: list[str]) -> None:
    """Have pip install `wanted` into `folder`."""
    python = str(folder / "bin" / "python")
    (folder / OURS).touch()  # `venv --clear` takes it away
    pip = [python, "-m", "pip"]
    if run([*pip, "--version"]).returncode != 0:
        pip = [sys.executable, "-m", "pip", "--python", python]
    constraints = str(CHECKOUT / "config" / "constraints.txt")
    words = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--prefer-binary"]
    if not has_cache():
        words.append("--no-cache-dir")
    done = run([*pip, *words, "--constraint", constraints, *wanted])
    if done.returncode != 0:
        raise Trouble(
            f"the packages cannot be installed; pip says:\n{last_lines(done)}\n"
            "This needs a network (or a mirror in pip's settings) once. Try again when it is there."
        )


def has_cache() -> bool:
    """Whether pip has a place of its own to keep what it downloads."""
    if os.environ.get("PIP_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME"):
        return True
    home = os.environ.get("HOME") or ""
    return bool(home) and os.access(home, os.W_OK)


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command quietly, in a neutral folder, without what would lead pip astray."""
    env = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    env["PYTHONUTF8"] = "1"
    return subprocess.run(
        command, env=env, cwd=tempfile.gettempdir(), capture_output=True, text=True, errors="replace", check=False
    )


def last_lines(done: subprocess.CompletedProcess[str]) -> str:
    """The end of what a command said."""
    lines = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    wanted = [line for line in lines if not line.startswith("WARNING")]
    return "\n".join(f"  {line}" for line in (wanted or lines)[-12:])


def say(words: str) -> None:
    """To the terminal, beside what the command itself prints."""
    print(f"vidpipe: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
