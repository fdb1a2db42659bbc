"""An image without an engine: the wheel that the Dockerfile builds, from the files that its context has, unpacked.

What runs in it is run from there and not from the checkout, and finds no package that its image does not bring.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.deployment.composed import ROOT
from tests.deployment.dockerfile import Stage, context
from vidpipe.settings import child_environment

_BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
# Put before everything else by Python itself (sitecustomize): what the image lacks cannot be imported.
_FENCE = """
import os, sys

class Fence:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r} (this image does not bring it)", name=name)

lacking = frozenset(os.environ.get("IMAGE_LACKS", "").split(","))
sys.meta_path.insert(0, Fence())
"""
_SHIM = '#!/bin/sh\nexec "{python}" {words} "$@"\n'


@dataclass(frozen=True)
class Image:
    """Where the wheel was unpacked, and where the programs lie that an image has on its PATH."""

    app: Path
    programs: Path

    def environment(self, stage: Stage, more: Mapping[str, str]) -> dict[str, str]:
        """What a process finds in a container of that stage, with `more` laid on it."""
        ours = {name: value for name, value in stage.env.items() if name not in ("PATH", "VIDPIPE_HOME")}
        own = {
            "PATH": os.pathsep.join((str(self.programs), "/usr/local/bin", "/usr/bin", "/bin")),
            "PYTHONPATH": str(self.app),
            "IMAGE_LACKS": ",".join(lacking(stage.extra)),
        }
        return {**ours, **own, **more}

    def program(self, name: str, path: Path) -> None:
        """Put a program of this machine on the images' PATH."""
        (self.programs / name).symlink_to(path)


def build(folder: Path) -> Image:
    """Build the wheel as the Dockerfile's stage `wheel` does, and unpack it below `folder`."""
    source = folder / "context"
    for path in context():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, source / path)
    env = child_environment({}, without=("PYTHONPATH", "VIDPIPE_"))
    command = [sys.executable, "-c", _BUILD, str(folder)]
    done = subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    app = folder / "app"
    with zipfile.ZipFile(next(folder.glob("vidpipe-*.whl"))) as wheel:
        wheel.extractall(app)
    (app / "sitecustomize.py").write_text(_FENCE, encoding="utf-8")
    programs = folder / "programs"
    programs.mkdir()
    for name, words in (("python", ""), ("vidpipe", "-m vidpipe")):
        _script(programs / name, _SHIM.format(python=sys.executable, words=words))
    _script(programs / "tini", '#!/bin/sh\nshift\nexec "$@"\n')  # tini -- COMMAND
    return Image(app, programs)


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@cache
def lacking(extra: str) -> tuple[str, ...]:
    """The top-level modules of this Python that an image with that extra of setup.cfg does not have."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = setup["options"]["install_requires"] + (setup["options.extras_require"][extra] if extra else "")
    brought = _closure([line for line in wanted.splitlines() if line.strip()])
    modules = metadata.packages_distributions()
    return tuple(
        sorted(
            module
            for module, owners in modules.items()
            if module.isidentifier() and not {_plain(owner) for owner in owners} & brought
        )
    )


def _closure(requirements: list[str]) -> set[str]:
    found = {"vidpipe"}
    ahead = [(line, frozenset({""})) for line in requirements]
    while ahead:
        line, extras = ahead.pop()
        wanted = Requirement(line)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": name}) for name in extras):
            continue
        name = _plain(wanted.name)
        if name not in found or wanted.extras:
            ahead += [(below, frozenset({"", *wanted.extras})) for below in _requires(name)]
        found.add(name)
    return found


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []  # an extra that this Python has not: torch and what stands beside it


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
