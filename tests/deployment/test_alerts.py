"""Prometheus's own tool on its configuration: every alert fires when it should, keeps still when not, and says why."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.figures import ALERTS, DASHBOARD, DOCKER, alerts, expressions, panels
from vidpipe.cli.main import COMMANDS

FOLDER = DOCKER / "prometheus"
TESTS = FOLDER / "alerts.test.yaml"
SCRIPT = DOCKER.parent / "scripts" / "promtool.py"


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The tool; where it can be had by no means, a test says so, and fails where CI is set."""
    spec = importlib.util.spec_from_file_location("promtool", SCRIPT)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    try:
        found: Path = script.ensure(Path(sys.prefix))
    except script.Trouble as trouble:
        if os.environ.get("CI", "").lower() in ("", "0", "false"):
            pytest.skip(str(trouble))
        pytest.fail(str(trouble))
    return found


def run(promtool: Path, *words: str | Path) -> str:
    """What the tool says; it must be content."""
    done = subprocess.run([promtool, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_and_the_rules_are_what_prometheus_reads(promtool: Path) -> None:
    assert "is valid prometheus config file syntax" in run(promtool, "check", "config", FOLDER / "prometheus.yml")
    assert f"{len(alerts())} rules found" in run(promtool, "check", "rules", "--lint=all", "--lint-fatal", ALERTS)


def test_every_alert_fires_when_it_should_and_only_then(promtool: Path) -> None:
    run(promtool, "test", "rules", TESTS)


@pytest.mark.parametrize("expression", ["vector(1) < 0", "vector(1)"], ids=["never", "always"])
def test_an_alert_that_never_fired_or_always_did_would_be_noticed(
    promtool: Path, tmp_path: Path, expression: str
) -> None:
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = expression
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (tmp_path / TESTS.name).write_bytes(TESTS.read_bytes())
    command = [promtool, "test", "rules", tmp_path / TESTS.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert {rule["alert"] for rule in alerts()} <= set(re.findall(r'alertname="(\w+)"', done.stderr))


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    found = alerts()
    assert len({rule["alert"] for rule in found}) == len(found) > 15
    for rule in found:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert len(rule["annotations"]["runbook"]) > 80, rule["alert"]
        words = re.findall(r"`vidpipe (\w+)", rule["annotations"]["runbook"])
        assert set(words) <= set(COMMANDS), rule["alert"]


@pytest.fixture(scope="session")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def test_every_expression_of_the_dashboard_can_be_evaluated(
    promtool: Path, tmp_path: Path, dashboard: dict[str, Any]
) -> None:
    asked = [expression.replace("$__rate_interval", "1m") for expression in expressions(dashboard)]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert f"{len(asked)} rules found" in run(promtool, "check", "rules", file) and len(asked) > 40
    assert not re.search(r"\$(?!__rate_interval)", "".join(expressions(dashboard))), "no variable is left open"


def test_the_dashboards_panels_have_numbers_places_and_sources_of_their_own(dashboard: dict[str, Any]) -> None:
    provisioned = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    source = {"type": "prometheus", "uid": provisioned["datasources"][0]["uid"]}
    found = panels(dashboard)
    assert len({panel["id"] for panel in found}) == len(found) > 30
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["description"] and panel["datasource"] == source, panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) >= 1, panel["title"]
        assert all(target["datasource"] == source for target in panel["targets"]), panel["title"]
    assert all(each["datasource"] == source for each in dashboard["annotations"]["list"])
    assert dashboard["uid"] and dashboard.get("id") is None, "Grafana gives it a number of its own"


def test_grafana_is_told_where_the_dashboard_lies_and_prometheus_where_its_rules_are() -> None:
    provider = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/vidpipe.yaml").read_text())["providers"][0]
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    mounted = {each["target"]: each["source"] for each in compose["grafana"]["volumes"] if isinstance(each, dict)}
    assert (DOCKER / mounted[provider["options"]["path"]] / DASHBOARD.name).exists()
    mounted = {each["target"]: each["source"] for each in compose["prometheus"]["volumes"] if isinstance(each, dict)}
    options = dict(word.split("=", 1) for word in compose["prometheus"]["command"])
    folder, _, name = options["--config.file"].rpartition("/")
    config = DOCKER / mounted[folder] / name
    for rules in yaml.safe_load(config.read_text())["rule_files"]:
        assert (config.parent / rules).exists()
