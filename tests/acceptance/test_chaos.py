"""scripts/chaos finds nothing wrong with a cluster that works, and finds what is wrong with one that does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = 280

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 20)]


def chaos(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found, by the rows of the table."""
    stray = ("VIDPIPE_", "CHAOS_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(stray)}
    command = [sys.executable, "-m", "scripts.chaos", "--quiet", "--json", "--keep", str(folder), *words]
    done = subprocess.run(
        command, cwd=CHECKOUT, env={**environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_nothing_is_wrong_with_a_cluster_that_works(tmp_path: Path) -> None:
    code, told = chaos(tmp_path, "--scenes", "9", "--candidates", "2", "--seed", "1", "--pace", "1")
    assert not any(told["wrong"].values()), told["wrong"]
    assert code == 0 and told["done"] == told["scenes"] == 9
    assert told["orders"] >= 9 and told["weighings"] > 3 and told["blows"] > 3
    assert float(told["difference"]) == 0 < float(told["settled"])


def test_nothing_is_wrong_with_a_rehearsal_of_every_paid_service(tmp_path: Path) -> None:
    code, told = chaos(tmp_path, "--rehearse", "--scenes", "12", "--candidates", "1", "--seed", "1", "--minutes", "4")
    assert not any(told["wrong"].values()), told["wrong"]
    assert code == 0 and told["done"] == told["scenes"] == 12
    assert told["orders"] >= 12 and told["weighings"] > 3 and told["blows"] > 3
    assert float(told["difference"]) == 0 < float(told["settled"])
    assert sum(1 for times in told["played"].values() if times) > 5, "too little went wrong at the services"


def test_a_rehearsed_order_that_is_given_again_is_found(tmp_path: Path) -> None:
    few = ("--rehearse", "--scenes", "12", "--candidates", "2", "--seed", "1", "--pace", "1", "--minutes", "1")
    code, told = chaos(tmp_path, *few, "--break", "guess", "--only", "flush Valkey")
    assert code == 1 and any("was bought as" in words for words in told["wrong"]["twice"]), told
    assert any("is charged" in words for words in told["wrong"]["money"]) and float(told["difference"]) < 0


def test_an_order_given_before_it_is_written_down_is_found(tmp_path: Path) -> None:
    few = ("--scenes", "9", "--candidates", "1", "--seed", "1", "--pace", "0.2", "--minutes", "0.6")
    code, told = chaos(tmp_path, *few, "--break", "early", "--only", "fault stall 3")
    assert code == 1 and any("knows nothing of it" in words for words in told["wrong"]["money"]), told


def test_an_uncertain_order_that_is_given_again_is_found(tmp_path: Path) -> None:
    few = ("--scenes", "9", "--candidates", "1", "--seed", "1", "--pace", "0.2", "--minutes", "0.6")
    code, told = chaos(tmp_path, *few, "--break", "guess", "--only", "fault lost-answer")
    assert code == 1 and any("was bought as" in words for words in told["wrong"]["twice"]), told
    assert told["wrong"]["money"] and float(told["difference"]) < 0


def test_messages_that_are_lost_and_not_sent_again_are_found(tmp_path: Path) -> None:
    few = ("--scenes", "3", "--candidates", "1", "--seed", "1", "--pace", "0.5", "--minutes", "0.6")
    code, told = chaos(tmp_path, *few, "--break", "no-sweep", "--only", "flush Valkey")
    assert code == 1 and told["done"] < told["scenes"], told
    assert any("nobody moves it" in words for words in told["wrong"]["nobody's"]), told
    assert not told["wrong"]["twice"] and not told["wrong"]["money"]
