"""A real emulator in a process of its own, and settings under which the real adapters speak to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from vidpipe.settings import Settings, Timing, child_environment, load

KEY = "rehearsal"
PRICE = "0.1"  # US dollars a second
# Small and short, so that a clip is rendered in no time. A new service joins with an entry of its own.
TINY = {"durations": [1, 2], "sizes": [[192, 108]], "frame_rates": [24], "audio": True, "price_per_second": PRICE}
SERVICES: dict[str, Any] = {
    "openai_videos": {
        "title": "emulated", "adapter": "openai_videos", "keys": ["OPENAI_API_KEY"], "default_model": "tiny",
        "models": {"tiny": {**TINY, "first_frame": True}},
    },
    "openai_deaf": {
        "title": "emulated", "adapter": "openai_videos", "keys": ["OPENAI_API_KEY"], "default_model": "tiny",
        "options": {"askable": False}, "models": {"tiny": {**TINY, "first_frame": True}},
    },
    "gemini": {
        "title": "emulated", "adapter": "gemini", "keys": ["GEMINI_API_KEY"], "default_model": "tiny",
        "models": {"tiny": {**TINY, "first_frame": True, "max_references": 6, "seed": True}},
    },
    "gemini_images": {
        "title": "emulated", "kind": "image", "keys": ["GEMINI_API_KEY"], "default_model": "tiny",
        "models": {"tiny": {
            "resolutions": ["1K"], "aspects": ["1:1", "16:9"], "max_references": 3, "price_per_image": {"1K": "0.03"},
            "timeout_seconds": 3,
        }},
    },
    "gemini_text": {
        "title": "emulated", "kind": "text", "keys": ["GEMINI_API_KEY"], "default_model": "tiny",
        "models": {"tiny": {
            "images": True, "json": True, "max_output_tokens": 2048, "price_per_million_input": "100",
            "price_per_million_output": "1000", "timeout_seconds": 3,
        }},
    },
    "procedural_images": {
        "title": "local", "kind": "image", "default_model": "procedural-still",
        "models": {"procedural-still": {
            "resolutions": ["1K"], "aspects": ["1:1", "16:9"], "max_references": 3, "price_per_image": {"1K": "0"},
        }},
    },
    **{
        name: {
            "title": "emulated", "adapter": "veo", "keys": ["GOOGLE_CLOUD_PROJECT"], "default_model": "tiny",
            "optional_keys": ["GOOGLE_OAUTH_ACCESS_TOKEN"], "options": {"bucket": bucket},
            "models": {
                "tiny": {
                    **TINY, "first_frame": True, "last_frame": True, "seed": True, "max_candidates": 4,
                    "max_references": 3, "durations_with_references": [2], "references_with_frames": False,
                },
            },
        }
        for name, bucket in (("veo", "gs://films/vidpipe"), ("veo_inline", ""))
    },
    "pika": {
        "title": "emulated", "adapter": "pika", "keys": ["FAL_KEY"], "default_model": "tiny",
        "models": {"tiny": {**TINY, "audio": False, "first_frame": True, "seed": True, "negative_prompt": True}},
    },
    "runway": {
        "title": "emulated", "adapter": "runway", "keys": ["RUNWAYML_API_SECRET"], "default_model": "tiny",
        "models": {
            "tiny": {**TINY, "first_frame": True, "last_frame": True, "seed": True, "negative_prompt": True},
            "plain": {**TINY, "audio": False, "first_frame": True, "needs_first_frame": True, "negative_prompt": False},
        },
    },
}  # fmt: skip
for _entry in SERVICES.values():
    _entry["operations"] = _entry["requests_per_minute"] = None  # a suite orders more than a lane would
KEYS = {
    "GOOGLE_CLOUD_PROJECT": KEY,
    "GOOGLE_OAUTH_ACCESS_TOKEN": KEY,
    "FAL_KEY": KEY,
    "RUNWAYML_API_SECRET": KEY,
    "GEMINI_API_KEY": KEY,
    "OPENAI_API_KEY": KEY,
}


@dataclass
class Emulated:
    """`vidpipe emulate` on a free port."""

    folder: Path
    arguments: tuple[str, ...] = ()
    services: Mapping[str, Any] = field(default_factory=lambda: SERVICES)
    process: subprocess.Popen[str] | None = None
    url: str = ""
    bases: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Until it can be asked."""
        extra = {"VIDPIPE_HOME": str(self.folder / "home"), "VIDPIPE_SERVICES": json.dumps(self.services)}
        words = ["emulate", "--json", "--renderers", "1", "--dir", str(self.folder / "e"), *self.arguments]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from vidpipe.cli.main import main; sys.exit(main())", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=child_environment(extra, without=("VIDPIPE_",), environ=os.environ),
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        told = json.loads(line)
        self.url, self.bases = told["ready"], told["services"]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code, and what it printed at the end."""
        assert self.process is not None
        self.process.send_signal(number)
        out, problems = self.process.communicate(timeout=15)
        assert number == signal.SIGKILL or not problems, problems
        return self.process.returncode, out

    def settings(self, **keys: str) -> Settings:
        """Under which its services are opened; `keys` in place of the right ones."""
        base = load({"VIDPIPE_HOME": str(self.folder / "home"), "VIDPIPE_SERVICES": json.dumps(self.services), **KEYS})
        return replace(
            base, services=self.services, service_urls=self.bases, keys={**base.keys, **keys},
            timing=Timing(call_timeout=3, poll_timeout=3),
        )  # fmt: skip

    def ask(self, path: str, **params: str) -> dict[str, Any]:
        """What it tells of itself."""
        return dict(httpx.get(f"{self.url}/emulator/{path}", params=params).raise_for_status().json())

    def play(self, scenario: str) -> None:
        """Follow this scenario from now on."""
        httpx.put(f"{self.url}/emulator/scenario", content=scenario).raise_for_status()

    def posts(self, token: str) -> int:
        """How many orders came under a token."""
        return int(self.ask("stats")["posts"].get(token, 0))

    def bill(self, token: str) -> list[dict[str, Any]]:
        """The bill's rows of a token."""
        return list(self.ask("bill", token=token)["rows"])
