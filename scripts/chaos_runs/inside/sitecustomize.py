"""Python imports a module of this name by itself as it starts: in the workers of a run it sets traps, and breaks one
rule where that was asked for. Nothing of vidpipe knows of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if "celery" in sys.orig_argv:
    from scripts.chaos_runs import broken, traps

    if os.environ.get(traps.FOLDER):
        traps.watch(Path(os.environ[traps.FOLDER]))
    if os.environ.get(broken.NAME):
        broken.PROTOCOLS[os.environ[broken.NAME]]()
