"""docker/kubernetes as kustomize would put it together; kustomize itself comes in no wheel.

This knows what our kustomizations use and refuses every other key: resources (files and folders), patches by path
that are laid over the object of the same kind and name (strategic merge, with lists of named things merged by name),
and secretGenerator with envs and without hashes in the names. It is a stand-in written from kustomize's documentation,
not kustomize: what it proves is that the pieces fit each other, not that kustomize reads them.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.composed import DOCKER

KUBERNETES = DOCKER / "kubernetes"
BASE = KUBERNETES / "base"
DEV = KUBERNETES / "overlays" / "dev"
GPU = KUBERNETES / "overlays" / "gpu"
_KEYS = {"apiVersion", "kind", "resources", "patches", "secretGenerator", "generatorOptions"}
_MERGED_BY = {"volumeMounts": "mountPath", "ports": "containerPort", "tolerations": ""}  # others: by name

Object = dict[str, Any]


def documents(path: Path) -> list[Object]:
    """The objects of one file."""
    return [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


def build(folder: Path, env_files: dict[str, str] | None = None) -> list[Object]:
    """Every object of the kustomization in `folder`. `env_files`: contents of those that only an operator has."""
    kustomization = documents(folder / "kustomization.yaml")[0]
    assert set(kustomization) <= _KEYS, f"{folder}: this stand-in does not know {set(kustomization) - _KEYS}"
    objects: list[Object] = []
    for resource in kustomization["resources"]:
        path = folder / resource
        objects += build(path.resolve(), env_files) if path.is_dir() else documents(path)
    for patch in kustomization.get("patches", []):
        assert set(patch) == {"path"}
        for over in documents(folder / patch["path"]):
            below = find(objects, over["kind"], over["metadata"]["name"])
            objects[objects.index(below)] = merge(below, over)
    for secret in kustomization.get("secretGenerator", []):
        assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}
        objects.append(_secret(secret, folder, env_files or {}))
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects]
    assert len(set(names)) == len(names), "two objects of one kind and name"
    return objects


def find(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind}/{name}"
    return found[0]


def merge(below: Any, over: Any, key: str = "") -> Any:
    """A strategic merge: mappings by key, lists of named things by name, everything else replaced."""
    if isinstance(below, dict) and isinstance(over, dict):
        return {**below, **{name: merge(below.get(name), value, name) for name, value in over.items()}}
    by = _MERGED_BY.get(key, "name")
    named = by and isinstance(below, list) and isinstance(over, list) and all(by in each for each in [*below, *over])
    if not named:
        return over
    merged = {each[by]: each for each in below}
    for each in over:
        merged[each[by]] = merge(merged.get(each[by]), each)
    return list(merged.values())


def _secret(wanted: Object, folder: Path, env_files: dict[str, str]) -> Object:
    texts = [env_files.get(name) or (folder / name).read_text(encoding="utf-8") for name in wanted["envs"]]
    pairs = [line.split("=", 1) for text in texts for line in text.splitlines() if line and not line.startswith("#")]
    data = {name: b64encode(value.encode()).decode() for name, value in pairs}
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
        "metadata": {"name": wanted["name"], "namespace": wanted["namespace"]},
    }  # fmt: skip
