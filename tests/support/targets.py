"""The files of deploy/ as programs read them: units, compose services, manifests with overlays, environments."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from tests.support.service import ROOT

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("staging", "production")
# Lists whose members have names: a patch changes the member of the same name, as kustomize does.
NAMED = "name"


def read_unit(file: Path) -> dict[str, list[str]]:
    """All values of each key; sections do not matter, for none has a key of another."""
    found: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def services_of_compose() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


def manifests_in(folder: Path) -> list[dict[str, Any]]:
    """As its kustomization.yaml lists them; of a folder without one all files."""
    listed = folder / "kustomization.yaml"
    names = yaml.safe_load(listed.read_text())["resources"] if listed.exists() else sorted(folder.glob("*.yaml"))
    return [each for name in names for each in yaml.safe_load_all((folder / name).read_text()) if each]


def manifests_of(overlay: str) -> list[dict[str, Any]]:
    """The base with the patches of the overlay. Raises LookupError for a patch of what the base does not have."""
    folder = KUBERNETES / "overlays" / overlay
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found = {identity(each): each for base in kustomization["resources"] for each in manifests_in(folder / base)}
    for patch in kustomization["patches"]:
        for change in yaml.safe_load_all((folder / patch["path"]).read_text()):
            if identity(change) not in found:
                raise LookupError(f"{patch['path']} of {overlay} changes {identity(change)}, which the base lacks")
            found[identity(change)] = merge(found[identity(change)], change)
    for each in found.values():
        each["metadata"]["namespace"] = kustomization["namespace"]
        for container in containers_of(each):
            for image in kustomization["images"]:
                if container["image"].partition(":")[0] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
    return list(found.values())


def identity(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    return manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]


def merge(base: Any, patch: Any) -> Any:
    """A strategic merge of Kubernetes: mappings by key, lists of named members by name, other lists whole."""
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = {name: copy.deepcopy(value) for name, value in base.items() if name not in patch}
        merged |= {name: merge(base.get(name), value) for name, value in patch.items() if value is not None}
        return merged
    if is_named(base) and is_named(patch):
        changes = {member[NAMED]: member for member in patch}
        kept = [merge(member, changes.pop(member[NAMED], {})) for member in base]
        return kept + list(changes.values())
    return copy.deepcopy(patch)


def is_named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) and NAMED in each for each in value)


def pod_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of its pods; empty if it has none."""
    spec = manifest.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return dict(spec.get("template", {}).get("spec", {}))


def containers_of(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    pod = pod_of(manifest)
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Each process of the site in each target, with its variables."""
    shared = dotenv_values(UNITS / "env")
    for file in sorted(UNITS.glob("evergreen-*.service")):
        unit = read_unit(file)
        if "EnvironmentFile" in unit:
            own = dict(value.split("=", 1) for value in unit.get("Environment", []))
            yield f"systemd {file.stem}", {name: value or "" for name, value in shared.items()} | own
    of_compose = dotenv_values(COMPOSE.parent / "env")
    for name, service in services_of_compose().items():
        if service["image"].startswith("evergreen"):
            yield (
                f"compose {name}",
                {name: value or "" for name, value in of_compose.items()} | service["environment"],
            )
    for overlay in OVERLAYS:
        manifests = [*manifests_of(overlay), *manifests_in(KUBERNETES / "jobs")]
        (settings,) = (each["data"] for each in manifests if identity(each) == ("v1", "ConfigMap", "evergreen"))
        for each in manifests:
            for container in containers_of(each):
                if "envFrom" in container:
                    own = {variable["name"]: variable["value"] for variable in container["env"]}
                    yield f"kubernetes {overlay} {container['name']}", settings | own
