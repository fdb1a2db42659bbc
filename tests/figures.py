"""Pages of figures, read as Prometheus reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

DOCKER = Path(__file__).resolve().parent.parent / "docker"
ALERTS = DOCKER / "prometheus" / "alerts.yaml"
DASHBOARD = DOCKER / "grafana" / "dashboards" / "vidpipe.json"
NAME = re.compile(r"\b(?:vidpipe|process)_[a-z0-9_]+\b")


class Page:
    """One answer of /metrics."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        samples = [sample for family in families for sample in family.samples if not sample.name.endswith("_created")]
        self.values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
        self.names = {sample.name for sample in samples}

    def __call__(self, name: str, **labels: str) -> float:
        """The value of one series; KeyError where it isn't there."""
        return self.values[(name, frozenset(labels.items()))]

    def total(self, name: str, **labels: str) -> float:
        """The sum of every series that has these labels."""
        wanted = set(labels.items())
        return sum(value for (own, at), value in self.values.items() if own == name and wanted <= at)


def read(url: str) -> Page:
    """The page at `url`."""
    answer = httpx.get(url, timeout=20.0, trust_env=False)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def named(expressions: Iterable[str]) -> set[str]:
    """The figures that PromQL expressions name."""
    return {name for expression in expressions for name in NAME.findall(expression)}


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    found = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every panel, rows and what is in them."""
    return [panel for outer in dashboard["panels"] for panel in (outer, *outer.get("panels", []))]


def expressions(dashboard: Mapping[str, Any]) -> list[str]:
    """Everything that a dashboard asks."""
    asked = [target["expr"] for panel in panels(dashboard) for target in panel.get("targets", [])]
    return asked + [each["expr"] for each in dashboard["annotations"]["list"]]
