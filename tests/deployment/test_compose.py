"""docker/compose.yaml: read by docker-compose itself; hardened, closed, with each secret where it is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment import composed, dockerfile
from tests.deployment.composed import COMPOSE, DOCKER, GPU, compose
from vidpipe.cli.main import parser
from vidpipe.cluster import processes
from vidpipe.cluster.layout import Layout
from vidpipe.cluster.options import ClusterOptions
from vidpipe.settings import Timing, config_file, load, read_yaml

WORKERS = ("io", "gpu", "tick", "beat")
S3_KEYS = {"VIDPIPE_S3_ACCESS_KEY", "VIDPIPE_S3_SECRET_KEY"}


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, GPU)], ids=["alone", "with a GPU"])
def test_compose_takes_it_with_the_example_filled_in(tmp_path: Path, files: tuple[Path, ...]) -> None:
    done = compose("config", "--quiet", folder=tmp_path, values=composed.filled(), files=files)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", composed.secrets())
def test_a_secret_that_is_not_set_stops_it_with_what_to_do(tmp_path: Path, name: str) -> None:
    done = compose("config", "--quiet", folder=tmp_path, values=composed.filled(without=name))
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: docker/make-env makes up" in done.stderr


def test_the_example_holds_no_secret() -> None:
    assert len(composed.secrets()) == 6
    for name, value in composed.example().items():
        assert not (value and re.search("PASSWORD|SECRET|KEY", name)), name


def test_the_secrets_are_made_up_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    for name in ("make-env", ".env.example"):
        shutil.copy(DOCKER / name, tmp_path / name)
    command = ["sh", str(tmp_path / "make-env")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    first = (tmp_path / ".env").read_text(encoding="utf-8")
    values = dict(line.split("=", 1) for line in first.splitlines() if line and not line.startswith("#"))
    made = [values[name] for name in composed.secrets()]
    assert len(set(made)) == len(made) and all(re.fullmatch("[0-9a-f]{48}", value) for value in made)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    (tmp_path / ".env").write_text(first.replace("FLOWER_PORT=5555", "FLOWER_PORT=6666"), encoding="utf-8")
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert (tmp_path / ".env").read_text(encoding="utf-8") == first.replace("FLOWER_PORT=5555", "FLOWER_PORT=6666")
    assert compose("config", "--quiet", folder=tmp_path, values=values).returncode == 0


def check_schema(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_is_what_the_compose_specification_says(tmp_path: Path) -> None:
    for path in (COMPOSE, GPU):
        assert check_schema(path).returncode == 0
    bad = tmp_path / "compose.yaml"
    bad.write_text(COMPOSE.read_text(encoding="utf-8").replace("restart: unless-stopped", "restrat: always"))
    assert check_schema(bad).returncode == 1


def test_every_container_may_do_as_little_as_it_can(services: dict[str, Any]) -> None:
    users = {target: stage.user for target, stage in dockerfile.stages().items()}
    for name, service in services.items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service and "cap_add" not in service, name
        user = service.get("user") or users[service["build"]["target"]]
        assert re.fullmatch(r"[1-9]\d*:\d+", user), name


def test_no_container_can_take_the_machine_down(services: dict[str, Any]) -> None:
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert int(limits["memory"]) <= 4 << 30 and limits["cpus"] <= 2 and limits["pids"] <= 400, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["restart"] == ("no" if name in ("migrate", "bucket", "cli") else "unless-stopped"), name


def test_only_the_pages_are_published_and_on_this_machine_alone(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(published) == {"flower", "grafana"}
    assert all(port["host_ip"] == "127.0.0.1" for ports in published.values() for port in ports)


def test_who_reaches_what(model: dict[str, Any]) -> None:
    leads_out = {name for name, network in model["networks"].items() if not network.get("internal")}
    assert leads_out == {"outside", "front"}
    members: dict[str, set[str]] = {}
    for name, service in model["services"].items():
        for network in service.get("networks", {}):
            members.setdefault(network, set()).add(name)
    assert members["outside"] == {"io", "tick"}, "only they talk to services"
    assert members["front"] == {"flower", "grafana"}
    assert members["database"] == {"postgres", "migrate", *WORKERS, "cli", "metrics"}
    assert members["broker"] == {"valkey", *WORKERS, "cli", "metrics", "flower"}
    assert members["store"] == {"s3", "bucket", "io", "gpu", "tick", "cli"}
    assert model["services"]["procedural"]["network_mode"] == "none"


def test_each_container_is_handed_only_the_secrets_that_it_needs(services: dict[str, Any]) -> None:
    values = {name: composed.filled()[name] for name in composed.secrets()}
    handed = {
        service: {name for name, value in values.items() if value in str(described)}
        for service, described in services.items()
    }
    cluster = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD"}
    assert handed == {
        "postgres": {"POSTGRES_PASSWORD"}, "valkey": {"VALKEY_PASSWORD"},
        "s3": S3_KEYS, "bucket": S3_KEYS,
        "migrate": {"POSTGRES_PASSWORD"}, "beat": cluster, "metrics": cluster,
        "io": cluster | S3_KEYS, "gpu": cluster | S3_KEYS, "tick": cluster | S3_KEYS, "cli": cluster | S3_KEYS,
        "flower": {"VALKEY_PASSWORD", "FLOWER_PASSWORD"}, "grafana": {"GRAFANA_PASSWORD"},
        "prometheus": set(), "procedural": set(),
    }  # fmt: skip


def test_workers_start_once_the_schema_the_broker_and_the_bucket_are_there(services: dict[str, Any]) -> None:
    for name in WORKERS:
        assert {other: wait["condition"] for other, wait in services[name]["depends_on"].items()} == {
            "migrate": "service_completed_successfully",
            "valkey": "service_healthy",
            "bucket": "service_completed_successfully",
        }
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["bucket"]["depends_on"]["s3"]["condition"] == "service_healthy"


def test_nobody_waits_for_the_health_of_one_that_has_no_check(services: dict[str, Any]) -> None:
    for service in services.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"]


def test_every_command_and_healthcheck_is_one_that_vidpipe_knows(services: dict[str, Any]) -> None:
    ran = set()
    for name, service in services.items():
        if not composed.is_vidpipe(service):
            continue
        words = service["command"]
        parser(words[0])[0].parse_args(words[1:])
        ran.add(words[0] if words[0] != "worker" else " ".join(words[:2]))
        if not service["healthcheck"].get("disable"):
            check = dockerfile.health_of(service)
            assert check[:2] == ("vidpipe", "health"), name
            parser("health")[0].parse_args(check[2:])
    assert ran == {
        "worker io",
        "worker gpu",
        "worker tick",
        "worker beat",
        "db",
        "storage",
        "metrics",
        "flower",
        "status",
    }


def test_every_setting_is_one_that_vidpipe_reads(services: dict[str, Any]) -> None:
    for name, service in composed.ours(services).items():
        unknown = set(service.get("environment", {})) - composed.settings_known()
        assert not unknown, f"{name} is told {unknown}"


@pytest.mark.parametrize("name", ["io", "gpu", "tick", "cli"])
def test_the_settings_lead_to_the_servers_of_this_file(services: dict[str, Any], tmp_path: Path, name: str) -> None:
    env = {**services[name]["environment"], "VIDPIPE_CONFIG": str(DOCKER / "vidpipe.yaml")}
    found = load({**env, "VIDPIPE_HOME": str(tmp_path)})
    assert "@postgres:5432/vidpipe" in found.database_url and "@valkey:6379/0" in found.broker_url
    assert (found.storage_kind, found.s3_endpoint, found.s3_secure) == ("s3", "s3:8333", False)
    assert "-s3.port=8333" in services["s3"]["command"]
    assert found.procedural_url == "http+unix://%2Frun%2Fvidpipe%2Fprocedural.sock"
    assert services["procedural"]["command"] == ["--uds", "/run/vidpipe/procedural.sock"]


def test_a_container_has_time_to_end_what_it_must_not_cut_off(services: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    plan = processes.plan(Layout(tmp_path, tmp_path), ClusterOptions())
    graces = {name: composed.seconds(services[name]["stop_grace_period"]) for name in WORKERS}
    for spec in plan.workers:
        assert graces[spec.name] >= spec.grace, f"{spec.name}: less than the embedded cluster gives it"
    soft = float(read_yaml(config_file("celery.yaml"))["worker_soft_shutdown_timeout"])
    assert graces["io"] > Timing().call_timeout + soft and graces["tick"] > Timing().poll_timeout + soft
    for name, service in services.items():
        wanted = "SIGINT" if name == "postgres" else "SIGTERM"
        assert service["stop_signal"] == wanted, name


def test_images_of_others_are_pinned_and_ours_are_built(services: dict[str, Any]) -> None:
    for name, service in services.items():
        image, _, tag = service["image"].partition(":")
        if image.startswith(composed.OURS):
            assert service["build"]["target"] == image.removeprefix(composed.OURS) in dockerfile.stages(), name
            assert (COMPOSE.parent / service["build"]["context"]).resolve() == composed.ROOT
        else:
            assert re.search(r"\d+\.\d+", tag), f"{name}: {image} has no version"


def test_the_base_image_is_the_one_that_the_dockerfile_names(services: dict[str, Any]) -> None:
    named = re.search(r"^ARG PYTHON_IMAGE=(.*)$", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named and services["io"]["build"]["args"]["PYTHON_IMAGE"] == named[1] == "python:3.11-slim-bookworm"


def test_every_file_and_volume_that_is_mounted_is_there(model: dict[str, Any]) -> None:
    used = set()
    for name, service in model["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind" and name != "cli":  # its films are the operator's
                assert Path(volume["source"]).exists(), f"{name}: {volume['source']}"
                assert volume["read_only"] is True
            elif volume["type"] == "volume" and volume.get("source"):
                used.add(volume["source"])
    assert set(model["volumes"]) == used


def test_what_is_written_lies_outside_the_read_only_root(services: dict[str, Any]) -> None:
    home = dockerfile.stages()["io"].env["VIDPIPE_HOME"]
    for name in WORKERS:
        mounts = [volume["target"] for volume in services[name]["volumes"]]
        mounts += [mount.partition(":")[0] for mount in services[name]["tmpfs"]]
        assert home in mounts and "/tmp" in mounts, name


def test_servers_keep_what_they_are_given_and_forget_nothing_by_themselves(services: dict[str, Any]) -> None:
    command = services["valkey"]["command"][0]
    assert "--appendonly yes" in command and "--maxmemory-policy noeviction" in command
    assert not any("fsync" in word or "synchronous_commit" in word for word in services["postgres"]["command"])
    for name, where in {"postgres": "/var/lib/postgresql", "valkey": "/data", "s3": "/data"}.items():
        kept = [volume["target"] for volume in services[name]["volumes"] if volume["type"] == "volume"]
        assert kept == [where]


def test_with_a_gpu_the_worker_is_given_one(tmp_path: Path) -> None:
    gpu = composed.read(tmp_path, files=(COMPOSE, GPU))["services"]["gpu"]
    device = gpu["deploy"]["resources"]["reservations"]["devices"][0]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert gpu["command"][:2] == ["worker", "gpu"] and gpu["read_only"] is True


def scraped() -> dict[str, set[int]]:
    """The names and ports that Prometheus is told to ask."""
    found: dict[str, set[int]] = {}
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    for job in config["scrape_configs"]:
        for group in job.get("static_configs", []):
            for target in group["targets"]:
                name, _, port = target.partition(":")
                found.setdefault(name, set()).add(int(port))
        for group in job.get("dns_sd_configs", []):
            for name in group["names"]:
                found.setdefault(name, set()).add(int(group["port"]))
    return found


def test_prometheus_asks_services_that_are_there_on_ports_that_they_open(services: dict[str, Any]) -> None:
    targets = scraped()
    assert {"metrics", "io", "gpu", "tick"} <= set(targets)
    for name, ports in targets.items():
        if name == "localhost":
            continue
        assert "watch" in services[name]["networks"], name
        assert ports <= {int(port) for port in services[name]["expose"]}, name
    for name in ("io", "gpu", "tick"):
        assert targets[name] == {int(services[name]["environment"]["VIDPIPE_METRICS_PORT"])}
