"""A film of every service, rehearsed as the example says: for nothing, with troubles, and nobody is dialled."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vidpipe.domain.pricing import estimate
from vidpipe.runner import read
from vidpipe.settings import child_environment, load

EXAMPLES = Path(__file__).parents[2] / "config" / "examples" / "hybrid"
FILM = EXAMPLES / "every_service.yaml"
# As a studio has them set: a rehearsal must use none of them.
REAL = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef", "RUNWAYML_API_SECRET": "key_0123456789abcdef",
    "FAL_KEY": "0123:abcdef", "GEMINI_API_KEY": "AIzaSy0123456789", "GOOGLE_CLOUD_PROJECT": "studio-production",
    "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.real", "OPENAI_BASE_URL": "https://203.0.113.7/v1",
    "RUNWAYML_BASE_URL": "https://203.0.113.7", "VIDPIPE_DATABASE_URL": "postgresql+psycopg2://u@203.0.113.7/real",
    "VIDPIPE_BROKER_URL": "redis://203.0.113.7/0",
}  # fmt: skip
FENCED = "dials nothing but this machine"  # what the fence says of each attempt, even of one that is swallowed
SECONDS = 400

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 60)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a rehearsal")


@pytest.fixture(scope="module")
def ended(place: Path) -> dict[str, Any]:
    """What the command said last."""
    command = [
        *(sys.executable, "-m", "vidpipe", "run", str(FILM), "--rehearse", "--json"),
        *("--scenario", str(EXAMPLES / "every_service_scenario.yaml"), "--out", str(place / "out")),
    ]
    environment = child_environment({**REAL, "VIDPIPE_HOME": str(place / "home")})
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert FENCED not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def report(ended: dict[str, Any], place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    return found


def test_the_film_is_made_and_the_emulator_s_bill_is_the_ledger_to_the_cent(ended: dict[str, Any], place: Path) -> None:
    assert ended["state"] == "done" and Path(ended["film"]).stat().st_size > 100_000
    rehearsed = ended["rehearsed"]
    assert Decimal(rehearsed["bill"]) == Decimal(rehearsed["ledger"]) > 0
    assert Decimal(rehearsed["reserved"]) == 0
    usual = load({"VIDPIPE_HOME": str(place / "plan")})  # by which `vidpipe plan` says what the film costs
    assert Decimal(rehearsed["cost"]) == estimate(read(FILM, usual), usual.services).total > 0
    assert rehearsed["seconds"] > 30
    assert not (place / "home" / "media").exists(), "the home of the real films is no place for a rehearsal"


def test_every_service_made_a_shot(report: dict[str, Any]) -> None:
    made = {scene["label"]: scene["service"] for scene in report["scenes"]}
    assert made == {
        "Quay, filmed": "footage", "The ferry leaves": "veo", "On the pier": "gemini", "The lamp": "runway",
        "The wake": "pika", "The fight": "procedural", "Night falls": "procedural",
    }  # fmt: skip


def test_the_report_tells_of_the_ladder_and_of_the_fallback(report: dict[str, Any]) -> None:
    scenes = {scene["label"]: scene for scene in report["scenes"]}
    leaves = [(take["policy_level"], take["state"]) for take in scenes["The ferry leaves"]["takes"]]
    assert leaves == [(0, "refused"), (1, "settled")]
    eased = scenes["The ferry leaves"]["takes"][1]["asked"]["eased"]
    assert eased["name"] == "gentle" and eased["changed"] and "filter" in eased["why"]
    fight = scenes["The fight"]
    assert fight["fallback_used"] is True
    assert [(take["service"], take["policy_level"]) for take in fight["takes"]] == [
        ("openai_videos", 0), ("openai_videos", 1), ("openai_videos", 2), ("procedural", 0)
    ]  # fmt: skip
    (drawn,) = scenes["The wake"]["drawings"]
    assert (drawn["frame"], drawn["service"], drawn["state"]) == ("first", "gemini_images", "drawn")
    assert scenes["The wake"]["takes"][0]["asked"]["pictures"][0]["key"] == drawn["key"]
    first = scenes["The lamp"]["takes"][0]["asked"]["pictures"]
    assert [one["tag"] for one in first] == ["first"] and len(first[0]["sha256"]) == 64


def test_nobody_tried_to_leave_the_machine_and_no_real_key_was_used_or_kept(ended: dict[str, Any], place: Path) -> None:
    logs = sorted((place / "home" / "rehearsal" / "logs").glob("*.log"))
    assert len(logs) > 5
    told = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in logs}
    assert not [name for name, text in told.items() if FENCED in text]
    kept = [path for path in (place / "home").rglob("*") if path.is_file() and path.stat().st_size < 4_000_000]
    secrets = [value.encode() for name, value in REAL.items() if name.endswith(("KEY", "SECRET", "TOKEN"))]
    assert not [path for path in kept if any(secret in path.read_bytes() for secret in secrets)]
