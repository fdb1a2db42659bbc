"""`vidpipe validate`: everything that is wrong with a storyboard, or that nothing is."""

from __future__ import annotations

import argparse
from pathlib import Path

from vidpipe import runner
from vidpipe.cli import codes, show
from vidpipe.pipeline import given
from vidpipe.settings import load


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The command's own arguments."""
    parser.add_argument("storyboard", type=Path, metavar="STORYBOARD", help="a YAML or JSON file")


def run(args: argparse.Namespace) -> int:
    """Raises StoryboardInvalid with all problems, each with file, line and remedy."""
    storyboard = runner.read(args.storyboard, load(home=args.home))
    given.check(storyboard)
    seconds = sum(scene.duration for scene in storyboard.scenes)
    if args.json:
        show.document(
            {
                "valid": True, "title": storyboard.title, "scenes": len(storyboard.scenes), "seconds": seconds,
                "fingerprint": storyboard.fingerprint,
            }
        )  # fmt: skip
        return codes.DONE
    count = len(storyboard.scenes)
    scenes = "1 scene" if count == 1 else f"{count} scenes"
    show.say(f"{args.storyboard} is good: {storyboard.title}, {scenes}, {seconds:g} s")
    return codes.DONE
