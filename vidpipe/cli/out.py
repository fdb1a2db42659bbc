"""The argument that names the folder a film is written to."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser, words: str, *, required: bool = False) -> None:
    """--out DIR."""
    parser.add_argument("--out", type=_folder, required=required, metavar="DIR", help=words)


def _folder(text: str) -> Path:
    """An empty word is most likely a variable that isn't set; it must not mean the folder one happens to be in."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the folder's name is empty; write `--out .` for this one")
    return Path(text)
