"""What beat sends: a wave for every service that can be asked from here, and none for one whose keys are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tasks.app import make_app
from vidpipe.settings import load


def test_a_service_without_its_keys_has_no_wave(tmp_path: Path) -> None:
    found = load({"VIDPIPE_HOME": str(tmp_path), "FAL_KEY": "f", "VIDPIPE_BROKER_URL": "redis://127.0.0.1:1"})
    waves = {entry["args"][0] for entry in make_app(found).conf.beat_schedule.values() if entry["task"] == "wave"}
    assert waves == {"procedural", "footage", "pika"}
    every = make_app(replace(found, lacking={})).conf.beat_schedule.values()
    assert {"veo", "gemini", "runway"} <= {entry["args"][0] for entry in every if entry["task"] == "wave"}
