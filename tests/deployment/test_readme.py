"""docker/README.md names what there is: alerts, commands, files, variables."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.deployment import composed, dockerfile
from tests.deployment.composed import DOCKER, ROOT
from vidpipe.cli.main import COMMANDS, parser

PAGE = (DOCKER / "README.md").read_text(encoding="utf-8")


def test_every_alert_has_its_line_and_every_line_its_alert() -> None:
    rules = yaml.safe_load((DOCKER / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `(Vidpipe\w+)` \|", PAGE, re.MULTILINE) == alerts


def test_every_command_of_compose_that_it_shows_can_be_typed() -> None:
    shown = re.findall(r"run --rm (?:--user \"[^\"]+\" )?cli (.+)", PAGE)
    assert len(shown) >= 4
    for words in shown:
        name, *rest = re.findall(r'"[^"]*"|\S+', words.partition("`")[0])
        if rest and "says" not in rest:
            parser(name)[0].parse_args(rest)
        assert name in COMMANDS


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`vidpipe (\w+)", PAGE))))
def test_every_command_of_vidpipe_that_it_names_is_one(name: str) -> None:
    assert name in COMMANDS


def test_every_file_that_it_links_or_lists_is_there() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", PAGE)
    listed = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    names = [name for cell in listed for name in re.findall(r"`([^`]+)`", cell)]
    files = [name for name in names if not name.startswith("Vidpipe") and " " not in name]
    assert len(files) > 8
    for name in (*linked, *files):
        assert (DOCKER / name).exists(), name


def test_every_target_is_built_and_named() -> None:
    for target in ("io", "gpu", "web", "tick", "procedural"):
        assert f"`{target}`" in PAGE and target in dockerfile.stages()


def test_every_variable_of_the_example_is_used_by_compose() -> None:
    text = "".join((DOCKER / name).read_text(encoding="utf-8") for name in ("compose.yaml", "compose.gpu.yaml"))
    used = set(re.findall(r"\$\{(\w+)", text))
    assert set(composed.example()) - {"COMPOSE_PROFILES"} <= used


def test_no_secret_of_an_operator_is_kept_in_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for name in ("/docker/.env", "/docker/services.env", "/docker/kubernetes/overlays/dev/secrets.env"):
        assert name in ignored
