"""cluster.json in the home folder: what runs, and the settings by which it is reached.

    {"pid": 1, "marker": "...", "sockets": "/tmp/vp-...", "started": "2026-11-20T10:00:00+00:00",
     "settings": {"database_url": ..., "broker_url": ..., "procedural_url": ..., "storage_root": ...,
                  "service_urls": {"backup": ...}, "services": {"procedural": {...}, "backup": {...}}},
     "processes": {"io": {"pid": 2, "start": "8812", "since": "...", "restarts": 0, "stage": 0,
                          "signal": 15}, ...}}

Written whole or not at all; `settings` is empty until everything is ready. A supervisor removes it when it
stops, a reaper when a supervisor was killed; `clean_stale` does if both were.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidpipe.cluster import reaper
from vidpipe.cluster.layout import failure_path, note_path
from vidpipe.errors import SetupError


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace `path` by `content` as JSON, whole or not at all; raises SetupError where it cannot."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        fresh.chmod(0o600)
        fresh.replace(path)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror}",
            remedy="Free some space or mend the folder's permissions.",
        ) from error


def read(path: Path) -> dict[str, Any]:
    """What `write` wrote; empty where there is none or it cannot be understood."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def clean_stale(home: Path) -> bool:
    """End what a dead supervisor left, remove its note; whether there was any. The caller holds the lock."""
    failure_path(home).unlink(missing_ok=True)
    path = note_path(home)
    if not path.exists():
        return False
    found = read(path)
    known = dict(_known(found.get("processes", {})))
    sockets = Path(str(found.get("sockets", "")))
    marker = str(found.get("marker", ""))
    if marker and re.fullmatch(r"vp-\w+", sockets.name):
        reaper.end_all(known, marker, sockets.name)
        if sockets.is_dir():
            reaper.remove_folder(str(sockets))
    path.unlink(missing_ok=True)
    return True


def _known(processes: Mapping[str, Any]) -> list[tuple[int, reaper.Known]]:
    """The recorded children with their start times; a record of another shape is left alone."""
    found = []
    for entry in processes.values():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            child = reaper.Known(str(entry["start"]), int(entry["stage"]), int(entry["signal"]))
            found.append((int(entry["pid"]), child))
    return found
