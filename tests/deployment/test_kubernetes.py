"""The Kubernetes set: every object is one, fits the others, and runs what vidpipe and compose run."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deployment import composed, dockerfile, kustomized
from tests.deployment.composed import DOCKER
from tests.deployment.kustomized import BASE, DEV, GPU, KUBERNETES, Object
from vidpipe.cli.main import parser
from vidpipe.services.procedural import server
from vidpipe.settings import Timing

VERSIONS = ("1.33", "1.37")  # the oldest and the newest that this is checked against
SCHEMA = KUBERNETES / "schemas" / "scaledobject.json"
JOBS = ("migrate", "bucket")
SERVERS = ("postgres", "valkey", "s3", "procedural")
PART = "app.kubernetes.io/part-of"
NAME = "app.kubernetes.io/name"


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What make-secrets makes up, made in a copy of the folder."""
    folder = tmp_path_factory.mktemp("secrets") / "kubernetes"
    (folder / "overlays" / "dev").mkdir(parents=True)
    script = folder / "make-secrets"
    script.write_bytes((KUBERNETES / "make-secrets").read_bytes())
    for _ in range(2):  # the second time nothing changes
        subprocess.run(["sh", str(script)], check=True, capture_output=True, timeout=60)
    made = folder / "overlays" / "dev" / "secrets.env"
    assert made.stat().st_mode & 0o077 == 0
    return {"secrets.env": made.read_text(encoding="utf-8")}


@pytest.fixture(scope="session")
def base() -> list[Object]:
    return kustomized.build(BASE)


@pytest.fixture(scope="session")
def dev(secrets: dict[str, str]) -> list[Object]:
    return kustomized.build(DEV, secrets)


@pytest.fixture(scope="session")
def everything(dev: list[Object]) -> list[Object]:
    """Every object there is: dev with all servers, and what the gpu overlay changes."""
    return [*dev, *(each for each in kustomized.build(GPU) if each not in dev)]


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod template with the name of its owner."""
    for each in objects:
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for name, pod in pods(objects):
        for container in pod["spec"]["containers"]:
            yield name, container


def check_jsonschema(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="session")
def schema() -> Draft202012Validator:
    """KEDA's schema, as this set has it."""
    found = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_kubernetes_knows(everything: list[Object], version: str) -> None:
    known = [each for each in everything if each["kind"] != "ScaledObject"]
    assert len(known) > 30
    for each in known:
        kubernetes_validate.validate(each, version, strict=True)


def test_a_word_misspelt_is_found(base: list[Object]) -> None:
    bad = copy.deepcopy(kustomized.find(base, "Deployment", "io"))
    bad["spec"]["template"]["spec"]["terminationGracePeriod"] = 45
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(bad, VERSIONS[-1], strict=True)


def test_every_file_is_part_of_its_kustomization() -> None:
    for folder in (BASE, DEV, GPU):
        kustomization = kustomized.documents(folder / "kustomization.yaml")[0]
        named = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
        assert {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"} <= named


def test_scaled_objects_are_what_keda_knows(base: list[Object], tmp_path: Path) -> None:
    found = [each for each in base if each["kind"] == "ScaledObject"]
    assert {each["metadata"]["name"] for each in found} == {"io", "gpu"}
    paths = [tmp_path / f"{each['metadata']['name']}.yaml" for each in found]
    for path, each in zip(paths, found, strict=True):
        path.write_text(yaml.safe_dump(each), encoding="utf-8")
    done = check_jsonschema(*paths)
    assert done.returncode == 0, done.stdout
    paths[0].write_text(paths[0].read_text().replace("targetValue", "targetvalue"), encoding="utf-8")
    assert check_jsonschema(*paths).returncode == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.maxReplicas", 3),
        ("spec.fallback", {"replicas": 1}),
        ("spec.triggers.0.metadata.targetValue", 8),
        ("spec.triggers.0.metadata.valueLocation", None),
        ("spec.triggers.0.type", "metrics_api"),
        ("spec.scaleTargetRef", {"kind": "Deployment"}),
        ("spec.minReplicaCount", "none"),
    ],
)
def test_a_scaled_object_that_keda_would_misread_is_refused(
    base: list[Object], schema: Draft202012Validator, path: str, value: object
) -> None:
    bad = copy.deepcopy(kustomized.find(base, "ScaledObject", "gpu"))
    *way, last = path.split(".")
    spot: Any = bad
    for step in way:
        spot = spot[int(step)] if isinstance(spot, list) else spot[step]
    if value is None:
        del spot[last]
    else:
        spot[last] = value
    assert not schema.is_valid(bad)


def test_workers_are_scaled_by_the_rows_of_their_own_queue(base: list[Object]) -> None:
    metrics = kustomized.find(base, "Service", "metrics")
    address = f"http://metrics.{metrics['metadata']['namespace']}.svc:{metrics['spec']['ports'][0]['port']}/metrics"
    for queue in ("io", "gpu"):
        scaled = kustomized.find(base, "ScaledObject", queue)["spec"]
        worker = kustomized.find(base, "Deployment", scaled["scaleTargetRef"]["name"])
        assert worker["spec"]["template"]["spec"]["containers"][0]["args"][:2] == ["worker", queue]
        assert "replicas" not in worker["spec"], "KEDA and `kubectl apply` would undo each other's work"
        trigger = scaled["triggers"][0]["metadata"]
        assert trigger["url"] == address and trigger["valueLocation"] == f'vidpipe_workable_rows{{queue="{queue}"}}'


def test_what_pods_run_is_what_vidpipe_knows(base: list[Object]) -> None:
    entry = {target: stage.entrypoint for target, stage in dockerfile.stages().items()}
    ran = set()
    for name, container in containers(base):
        target = re.fullmatch(r"vidpipe-(\w+):latest", container["image"])
        assert target and entry[target[1]] == ("tini", "--", "vidpipe"), name
        parser(container["args"][0])[0].parse_args(container["args"][1:])
        ran.add(" ".join(container["args"][:2]))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if name not in JOBS:
                words = container[probe]["exec"]["command"]
                assert words[:3] == ["vidpipe", "health", name]
                parser("health")[0].parse_args(words[2:])
                assert ("--alive" in words) == (probe != "readinessProbe"), "a broker that is away restarts nobody"
    assert {"worker io", "worker gpu", "worker tick", "worker beat", "db upgrade", "storage prepare"} <= ran


def test_every_setting_is_one_that_vidpipe_reads(dev: list[Object], secrets: dict[str, str]) -> None:
    made = {line.partition("=")[0] for line in secrets["secrets.env"].splitlines()}
    maps = {each["metadata"]["name"]: each["data"] for each in dev if each["kind"] == "ConfigMap"}
    for name, container in containers([each for each in dev if PART in each["metadata"].get("labels", {})]):
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                assert set(maps[source["configMapRef"]["name"]]) <= composed.settings_known(), name
        for variable in container["env"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert variable["name"] in composed.settings_known(), name
            assert reference["name"] == "vidpipe" and reference["key"] in made
        for volume in kustomized.find(dev, "Job" if name in JOBS else "Deployment", name)["spec"]["template"]["spec"][
            "volumes"
        ]:
            assert "configMap" not in volume or volume["configMap"]["name"] in maps


def test_a_pod_is_handed_only_the_secrets_that_it_needs(base: list[Object]) -> None:
    handed = {name: {each["name"] for each in container["env"]} for name, container in containers(base)}
    database, broker = "VIDPIPE_DATABASE_URL", "VIDPIPE_BROKER_URL"
    worker = {database, broker, "VIDPIPE_S3_ACCESS_KEY", "VIDPIPE_S3_SECRET_KEY"}
    assert handed == {
        "io": worker, "gpu": worker, "tick": worker, "beat": {database, broker}, "metrics": {database, broker},
        "migrate": {database}, "bucket": worker - {database, broker}, "flower": {broker, "VIDPIPE_FLOWER_LOGIN"},
    }  # fmt: skip


def test_every_pod_may_do_as_little_as_it_can(everything: list[Object]) -> None:
    for name, pod in pods(everything):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }, name  # fmt: skip
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            assert not container["image"].endswith(":latest") or container["image"].startswith(composed.OURS), name


def test_what_is_written_lies_on_a_volume_that_is_there(everything: list[Object]) -> None:
    claims = {each["metadata"]["name"] for each in everything if each["kind"] == "PersistentVolumeClaim"}
    for each in everything:
        if each["kind"] not in ("Deployment", "StatefulSet", "Job"):
            continue
        spec = each["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        made = {claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])}
        for mount in spec["containers"][0]["volumeMounts"]:
            assert mount["name"] in {*volumes, *made}, each["metadata"]["name"]
        for volume in volumes.values():
            assert "persistentVolumeClaim" not in volume or volume["persistentVolumeClaim"]["claimName"] in claims


def test_a_pod_has_as_long_to_end_as_its_container_under_compose(base: list[Object], services: dict[str, Any]) -> None:
    for name, pod in pods(base):
        assert pod["spec"]["terminationGracePeriodSeconds"] == composed.seconds(services[name]["stop_grace_period"])
    assert kustomized.find(base, "Deployment", "io")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > (
        Timing().call_timeout + 5
    )


def test_there_is_one_clock(base: list[Object]) -> None:
    beat = kustomized.find(base, "Deployment", "beat")["spec"]
    assert beat["replicas"] == 1 and beat["strategy"] == {"type": "Recreate"}


def test_selectors_select(everything: list[Object]) -> None:
    labels = [pod["metadata"]["labels"] for _, pod in pods(everything)]

    def hits(selector: dict[str, str]) -> int:
        return sum(selector.items() <= each.items() for each in labels)

    for each in everything:
        match each["kind"]:
            case "Deployment" | "StatefulSet":
                assert each["spec"]["selector"]["matchLabels"] == each["spec"]["template"]["metadata"]["labels"]
            case "Service":
                assert hits(each["spec"]["selector"])
            case "PodDisruptionBudget":
                assert hits(each["spec"]["selector"]["matchLabels"])
                assert each["spec"]["maxUnavailable"] == 1, "with one worker, `minAvailable: 1` would stop every drain"
            case "NetworkPolicy":
                assert hits(each["spec"]["podSelector"].get("matchLabels", {}))


def test_services_lead_to_ports_that_are_there(everything: list[Object]) -> None:
    for service in (each for each in everything if each["kind"] == "Service"):
        wanted = service["spec"]["selector"]
        ports = {
            port["name"]: port["containerPort"]
            for _, pod in pods(everything)
            if wanted.items() <= pod["metadata"]["labels"].items()
            for port in pod["spec"]["containers"][0]["ports"]
        }
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"], service["metadata"]["name"]


def test_workers_are_spread_over_nodes(base: list[Object]) -> None:
    for name in ("io", "gpu"):
        spec = kustomized.find(base, "Deployment", name)["spec"]["template"]["spec"]
        spread = spec["topologySpreadConstraints"][0]
        assert spread["topologyKey"] == "kubernetes.io/hostname"
        assert spread["labelSelector"]["matchLabels"][NAME] == name


def test_nothing_is_open_that_is_not_named(base: list[Object]) -> None:
    nothing = kustomized.find(base, "NetworkPolicy", "nothing")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    open_to = [each for each in base if each["kind"] == "NetworkPolicy" and "ingress" in each["spec"]]
    assert [each["metadata"]["name"] for each in open_to] == ["figures", "workers-figures"]
    assert all(each["spec"]["ingress"][0]["from"] for each in open_to), "to some, not to all"
    assert all(each["spec"].get("type", "ClusterIP") == "ClusterIP" for each in base if each["kind"] == "Service")


def test_the_gpu_overlay_gives_each_worker_a_gpu_and_changes_nothing_else(base: list[Object]) -> None:
    before = kustomized.find(base, "Deployment", "gpu")["spec"]["template"]["spec"]
    after = kustomized.find(kustomized.build(GPU), "Deployment", "gpu")["spec"]["template"]["spec"]
    assert after["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    for key in ("args", "env", "envFrom", "livenessProbe", "securityContext", "image"):
        assert after["containers"][0][key] == before["containers"][0][key]
    mounts = [mount["mountPath"] for mount in after["containers"][0]["volumeMounts"]]
    assert mounts == [*(mount["mountPath"] for mount in before["containers"][0]["volumeMounts"]), "/models"]


def test_the_servers_of_dev_are_those_of_compose(dev: list[Object], services: dict[str, Any]) -> None:
    for name in ("postgres", "valkey", "s3"):
        container = kustomized.find(dev, "StatefulSet", name)["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == services[name]["image"], name
    valkey = kustomized.find(dev, "StatefulSet", "valkey")["spec"]["template"]["spec"]["containers"][0]
    assert valkey["args"] == services["valkey"]["command"]
    s3 = kustomized.find(dev, "StatefulSet", "s3")["spec"]["template"]["spec"]["containers"][0]
    assert s3["args"] == services["s3"]["command"]
    for name, text in kustomized.find(dev, "ConfigMap", "s3-setup")["data"].items():
        original = DOCKER / name if name.endswith(".sh") else composed.ROOT / "config" / name
        assert text == original.read_text(encoding="utf-8"), name


def test_the_addresses_of_dev_lead_to_its_servers(dev: list[Object], secrets: dict[str, str]) -> None:
    made = dict(line.split("=", 1) for line in secrets["secrets.env"].splitlines())
    assert len({made[name] for name in made if not name.endswith(("_URL", "_LOGIN"))}) == 4
    assert f":{made['POSTGRES_PASSWORD']}@postgres:5432/vidpipe" in made["VIDPIPE_DATABASE_URL"]
    assert f":{made['VALKEY_PASSWORD']}@valkey:6379/0" in made["VIDPIPE_BROKER_URL"]
    assert kustomized.find(dev, "ConfigMap", "vidpipe-store")["data"]["VIDPIPE_S3_ENDPOINT"] == "s3:8333"
    assert kustomized.find(dev, "ConfigMap", "vidpipe")["data"]["VIDPIPE_PROCEDURAL_URL"] == "http://procedural:8765"
    assert kustomized.find(dev, "ConfigMap", "vidpipe")["data"]["VIDPIPE_CONFIG"], "the base's own words stay"
    ports = {name: kustomized.find(dev, "Service", name)["spec"]["ports"][0]["port"] for name in SERVERS}
    assert ports == {"postgres": 5432, "valkey": 6379, "s3": 8333, "procedural": 8765}


def test_the_procedural_service_takes_the_words_it_is_given(dev: list[Object], services: dict[str, Any]) -> None:
    stage = dockerfile.stages()["procedural"]
    pod = kustomized.find(dev, "StatefulSet", "procedural")["spec"]["template"]["spec"]["containers"][0]
    fixed = stage.entrypoint[stage.entrypoint.index("--dir") :]
    for words in (pod["args"], services["procedural"]["command"], stage.command):
        server._arguments([*fixed, *words])
