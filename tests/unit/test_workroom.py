"""Work in progress: a room a process, and nothing is left of the dead."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from vidpipe.workroom import Workroom, clear

DWELLER = """
import signal, sys
from pathlib import Path
from vidpipe.workroom import Workroom
room = Workroom(Path(sys.argv[1]))
(room.folder("stitch") / "half.mp4").write_bytes(b"half")
print("there", flush=True)
signal.pause()
"""


def rooms(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.is_dir()]


def test_a_room_is_cleared_when_its_process_leaves(tmp_path: Path) -> None:
    room = Workroom(tmp_path)
    (room.folder("stills") / "one").write_bytes(b"1")
    room.leave()
    assert rooms(tmp_path) == []


def test_what_a_killed_process_left_goes_with_the_next_one_and_nobody_elses(tmp_path: Path) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", DWELLER, str(tmp_path)], stdout=subprocess.PIPE) as killed,
        subprocess.Popen([sys.executable, "-c", DWELLER, str(tmp_path)], stdout=subprocess.PIPE) as living,
    ):
        for process in (killed, living):
            assert process.stdout is not None and process.stdout.readline() == b"there\n"
        assert len(rooms(tmp_path)) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
        room = Workroom(tmp_path)
        room.folder("download")
        assert len(rooms(tmp_path)) == 2  # the living one's, and this one
        assert sorted(path.name for path in tmp_path.rglob("half.mp4")) == ["half.mp4"]
        living.send_signal(signal.SIGKILL)
        living.wait(10)
    clear(tmp_path)
    assert len(rooms(tmp_path)) == 1
    room.leave()
