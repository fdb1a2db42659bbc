"""What runs of a cluster: every process that belongs to its home, whoever started it."""

from __future__ import annotations

import os
from pathlib import Path

from vidpipe.cluster import note, reaper
from vidpipe.cluster.layout import note_path


def belonging(home: Path) -> dict[int, str]:
    """Every living process of a home but this one, by its environment, its title or its arguments."""
    sign = f"VIDPIPE_HOME={home}\0".encode()
    sockets = Path(note.read(note_path(home)).get("sockets", "/none")).name
    found = {}
    for pid in reaper.all_processes():
        words = reaper.command_line(pid)
        try:
            marked = sign in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # gone, or not ours to look at
            marked = False
        if pid != os.getpid() and (marked or str(home) in words or words.startswith(f"postgres: {sockets}:")):
            found[pid] = words.replace("\0", " ")
    return found
