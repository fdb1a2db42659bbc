"""Flower reads like a call sheet: every step by its name, with film, scene and take; nothing left as started."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import Any

import httpx
import pytest

from tests.acceptance.stage import Stage, cluster, write_story
from tests.waiting import until

STEPS = {"plan", "submit", "poll", "download", "score", "gather", "select", "analyze", "advance", "stitch"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tasks(url: str) -> dict[str, dict[str, Any]] | None:
    """Flower's list of tasks, or None while it isn't up."""
    try:
        answer = httpx.get(f"{url}/api/tasks", auth=("me", "secret"), params={"limit": 10_000}, timeout=10)
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def test_every_step_is_seen_by_name_with_its_film_scene_and_take(stage: Stage) -> None:
    port = free_port()
    story = write_story(
        stage.home.parent / "story.json",
        [{"prompt": "a harbour at dawn"}, {"prompt": "the sea at night"}], title="Lighthouse", candidates=2,
        quality_mode=True,
    )  # fmt: skip
    with cluster(stage):
        flower = stage.start("flower", "--port", str(port), "--login", "me:secret")
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: tasks(url) is not None, seconds=40, what="Flower to answer")
            with pytest.raises(httpx.HTTPStatusError):
                httpx.get(f"{url}/api/tasks", timeout=10).raise_for_status()
            done = stage.film(story)
            assert done.returncode == 0, done.stderr

            def whole() -> dict[str, dict[str, Any]] | None:
                seen = tasks(url) or {}
                ended = all(task["state"] == "SUCCESS" for task in seen.values())
                return seen if ended and {task["name"] for task in seen.values()} >= STEPS else None

            seen = until(whole, seconds=20, what="every step to be seen as done")
        finally:
            flower.terminate()
            flower.communicate(timeout=20)
    assert seen
    assert {task["name"] for task in seen.values()} <= STEPS | {"settle"}  # no ticks
    for task in seen.values():
        words = task["args"]
        assert words.startswith("Lighthouse"), task
        if task["name"] not in ("stitch", "settle"):
            assert "Shot 1" in words
        if task["name"] in ("submit", "poll", "download", "score"):
            assert "take 1.1" in words
    roots = {task["args"].split(",")[1].strip(): set() for task in seen.values() if "," in task["args"]}
    for task in seen.values():
        if "," in task["args"]:
            roots[task["args"].split(",")[1].strip()].add(task["root_id"])
    assert all(len(ids) == 1 for ids in roots.values()), json.dumps({key: list(ids) for key, ids in roots.items()})


def test_flower_says_what_is_missing_where_no_cluster_runs(stage: Stage) -> None:
    done: subprocess.CompletedProcess[str] = stage.run("flower")
    assert done.returncode == 2 and "cluster start" in done.stderr and "Traceback" not in done.stderr
