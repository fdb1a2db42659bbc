"""What scripts/chaos counts as a true reason for a person to be asked, and its traps in the code."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.chaos_runs.cast import LOCAL
from scripts.chaos_runs.diary import Diary
from scripts.chaos_runs.person import Call
from scripts.chaos_runs.terms import BLIND
from scripts.chaos_runs.traps import Traps

CROSSES = """
import sys
from pathlib import Path
from scripts.chaos_runs import traps
from vidpipe import boundary
traps.watch(Path(sys.argv[1]))
for side in ("before", "after"):
    boundary.cross("pipeline.submit._work@73", side)
print("over")
"""


def cut(tmp_path: Path, whom: str, *, began: float, ended: float) -> str:
    """Why a call was cut that began and ended so many seconds after something was done to `whom`."""
    diary = Diary(tmp_path / "diary.jsonl")
    done = diary.write("kill", (whom,), f"{whom} was killed", cuts=True)
    at = datetime.fromtimestamp(done.at, UTC)
    return Call("token", BLIND, at + timedelta(seconds=began), at + timedelta(seconds=ended), 0.0).cut_by(diary, LOCAL)


@pytest.mark.parametrize("whom", ["io", "io2", "procedural-blind"])
def test_a_call_is_cut_by_what_is_done_to_its_worker_or_its_service_meanwhile(tmp_path: Path, whom: str) -> None:
    assert cut(tmp_path, whom, began=-1, ended=1) == f"{whom} was killed"


@pytest.mark.parametrize(("began", "ended"), [(0.1, 2), (-5, -1)])
def test_what_was_done_before_it_began_or_after_its_end_cuts_no_call(
    tmp_path: Path, began: float, ended: float
) -> None:
    assert cut(tmp_path, "io", began=began, ended=ended) == ""


@pytest.mark.parametrize("whom", ["gpu", "procedural", "postgres"])
def test_what_is_done_to_others_cuts_no_call(tmp_path: Path, whom: str) -> None:
    assert cut(tmp_path, whom, began=-1, ended=1) == ""


def test_a_trap_springs_once_where_it_was_set_and_every_place_is_told(tmp_path: Path) -> None:
    traps = Traps(tmp_path)
    cross = [sys.executable, "-c", CROSSES, str(tmp_path)]
    assert subprocess.run(cross, capture_output=True, text=True, check=True).stdout == "over\n"
    assert traps.places("pipeline.submit.") == ["pipeline.submit._work@73:after", "pipeline.submit._work@73:before"]
    assert traps.places("tasks.") == []
    traps.set(["pipeline.submit._work@73:after"], signal.SIGKILL)
    killed = subprocess.run(cross, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL and killed.stdout == b"" and traps.sprung()
    found = traps.empty()
    assert found is not None and found[1] == "pipeline.submit._work@73:after"
    assert not traps.sprung() and traps.empty() is None
    assert subprocess.run(cross, capture_output=True, check=False).returncode == 0
    traps.set(["pipeline.submit._work@73:after"], signal.SIGKILL)
    traps.withdraw()
    assert subprocess.run(cross, capture_output=True, check=False).returncode == 0
