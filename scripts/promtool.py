"""Finds promtool, which checks Prometheus's rules, or gets it. Standard library only; prints its path.

    python3 scripts/promtool.py [FOLDER]

It is taken from the PATH, else from FOLDER (default: the checkout's Python environment). Where it is in neither, and
this is a Debian or Ubuntu, it is taken out of the distribution's own package `prometheus`: downloaded and checked by
apt, unpacked into FOLDER. Nothing is installed, and no root is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
INSIDE = "./usr/bin/promtool"  # of the package
SECONDS = 300  # that one call of apt may take


class Trouble(Exception):
    """There is no promtool, and none can be had; the text says what to do."""


def main(argv: list[str]) -> int:
    """Exit code 0: the path is printed; 2: there is none, said in words."""
    default = os.environ.get("VIDPIPE_VENV") or CHECKOUT / ".venv"
    try:
        print(ensure(Path(argv[0] if argv else default).absolute()))
    except Trouble as trouble:
        print(f"vidpipe: {trouble}", file=sys.stderr)
        return 2
    return 0


def ensure(folder: Path) -> Path:
    """promtool's path; raises Trouble where there is none and none can be had."""
    there = shutil.which("promtool")
    if there:
        return Path(there)
    kept = folder / "tools" / "promtool"
    if not kept.exists():
        get(kept)
    return kept


def get(kept: Path) -> None:
    """Take promtool out of the distribution's package, whole or not at all."""
    missing = [tool for tool in ("apt-get", "dpkg-deb", "tar") if shutil.which(tool) is None]
    if missing:
        raise Trouble(f"promtool is not here, and there is no {missing[0]} to get it with. {ELSEWHERE}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="promtool-", dir=kept.parent) as name:
            folder = Path(name)
            download(folder)
            unpack(next(folder.glob("prometheus_*.deb")), folder)
            (folder / INSIDE).replace(kept)
    except OSError as error:
        raise Trouble(f"promtool cannot be kept in {kept.parent}: {error.strerror}. {ELSEWHERE}") from error


ELSEWHERE = (
    "Put promtool on the PATH: on Debian and Ubuntu `sudo apt install prometheus`, elsewhere it is in the archive that"
    " https://prometheus.io/download/ offers."
)


def download(folder: Path) -> None:
    """The package, by this machine's lists of packages; where they do not have it, by fresh ones of our own."""
    if apt(folder, "download", "prometheus").returncode == 0:
        return
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    own = ("-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache")
    updated = apt(folder, *own, "update")
    done = apt(folder, *own, "download", "prometheus") if updated.returncode == 0 else updated
    if done.returncode != 0:
        raise Trouble(f"promtool cannot be downloaded; apt says:\n{last_lines(done)}\n{ELSEWHERE}")


def apt(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get in `folder`, without its own user, who may not enter it."""
    env = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=2", *words]
    try:
        return subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"promtool cannot be downloaded: apt took more than {SECONDS} s. {ELSEWHERE}") from error


def unpack(package: Path, folder: Path) -> None:
    """promtool alone, of all that the package holds."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as source:
        done = subprocess.run(["tar", "-x", "-C", folder, INSIDE], stdin=source.stdout, check=False)
    if done.returncode != 0 or not (folder / INSIDE).exists():
        raise Trouble(f"the package {package.name} holds no promtool. {ELSEWHERE}")


def last_lines(done: subprocess.CompletedProcess[str]) -> str:
    """The end of what a command said."""
    lines = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-6:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
