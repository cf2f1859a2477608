"""The manifests are valid, alone and with each overlay, and their pods are bounded, harmless and probed."""

from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from tests.support.targets import (
    DEPLOY,
    KUBERNETES,
    OVERLAYS,
    containers_of,
    identity,
    manifests_in,
    manifests_of,
    merge,
    pod_of,
)

VERSION = "1.37.0"
EXAMPLES = [yaml.safe_load((KUBERNETES / "secrets.example.yaml").read_text())]
QUEUE_SCALING = KUBERNETES / "components/queue-scaling"


def scaling_by_queue() -> list[dict[str, Any]]:
    """The base with the component."""
    (patch,) = yaml.safe_load((QUEUE_SCALING / "kustomization.yaml").read_text())["patches"]
    (change,) = yaml.safe_load_all((QUEUE_SCALING / patch["path"]).read_text())
    found = {identity(each): each for each in manifests_in(KUBERNETES / "base")}
    assert identity(change) in found
    return list((found | {identity(change): merge(found[identity(change)], change)}).values())


EVERYTHING = {
    "base": [*manifests_in(KUBERNETES / "base"), *manifests_in(KUBERNETES / "jobs"), *EXAMPLES],
    "queue-scaling": scaling_by_queue(),
    **{overlay: manifests_of(overlay) for overlay in OVERLAYS},
}
each_set = pytest.mark.parametrize("name", EVERYTHING)


@each_set
def test_every_manifest_is_valid(name):
    for manifest in EVERYTHING[name]:
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_mistake_is_found():
    (manifest,) = (each for each in EVERYTHING["base"] if identity(each)[1:] == ("Deployment", "evergreen-web"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(merge(manifest, {"spec": {"replica": 2}}), VERSION, strict=True)


def test_every_file_is_listed():
    listed = yaml.safe_load((KUBERNETES / "base/kustomization.yaml").read_text())["resources"]
    assert {file.name for file in (KUBERNETES / "base").glob("*.yaml")} == {*listed, "kustomization.yaml"}
    for overlay in OVERLAYS:
        folder = KUBERNETES / "overlays" / overlay
        patches = yaml.safe_load((folder / "kustomization.yaml").read_text())["patches"]
        listed = {patch["path"] for patch in patches}
        assert {file.name for file in folder.iterdir()} == listed | {"kustomization.yaml"}


def test_each_overlay_changes_what_it_says():
    hosts = {}
    for overlay in OVERLAYS:
        found = {identity(each)[1:]: each for each in manifests_of(overlay)}
        hosts[overlay] = found["Ingress", "evergreen"]["spec"]["rules"][0]["host"]
        assert found["ConfigMap", "evergreen"]["data"]["ALLOWED_HOSTS"] == hosts[overlay]
        # A patch changes nothing else.
        assert found["ConfigMap", "evergreen"]["data"]["CACHE_URL"] == "redis://evergreen-redis-cache:6379/0"
        assert containers_of(found["Deployment", "evergreen-web"])[0]["args"] == ["web", "--workers", "2"]
        assert found["Deployment", "evergreen-web"]["metadata"]["namespace"] == f"evergreen-{overlay}"
    assert len(set(hosts.values())) == len(OVERLAYS)
    (web,) = containers_of(found["Deployment", "evergreen-web"])
    assert web["resources"]["limits"] == {"memory": "1Gi"}
    assert web["image"] == "registry.example.org/evergreen:1"


def test_a_patch_changes_named_members_and_replaces_other_lists():
    base = {"containers": [{"name": "web", "args": ["a"], "env": [{"name": "X", "value": "1"}]}, {"name": "side"}]}
    patch = {"containers": [{"name": "web", "env": [{"name": "Y", "value": "2"}]}, {"name": "new"}], "more": [1]}
    assert merge(base, patch) == {
        "containers": [
            {"name": "web", "args": ["a"], "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
            {"name": "side"},
            {"name": "new"},
        ],
        "more": [1],
    }
    assert merge({"a": [1, 2], "b": 1}, {"a": [3], "b": None}) == {"a": [3]}


@pytest.mark.parametrize("overlay", ["base", *OVERLAYS])
def test_scaling_needs_the_metrics_server_alone(overlay):
    """And by the component the metric of the queues instead."""
    for name, kind in ((overlay, "Resource"), ("queue-scaling", "External")):
        wanted = ("HorizontalPodAutoscaler", "evergreen-worker")
        (scaler,) = (each for each in EVERYTHING[name] if identity(each)[1:] == wanted)
        assert [metric["type"] for metric in scaler["spec"]["metrics"]] == [kind]


@each_set
def test_every_container_is_bounded_and_harmless(name):
    for manifest in EVERYTHING[name]:
        pod = pod_of(manifest)
        if not pod:
            continue
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers_of(manifest):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@each_set
def test_only_the_start_asks_for_more_than_life(name):
    """A database or a Redis that fails takes no pod from readers and restarts none."""
    for manifest in EVERYTHING[name]:
        for container in containers_of(manifest):
            if manifest["kind"] == "Deployment":
                liveness = container["livenessProbe"]
                assert liveness.get("httpGet", {}).get("path") == "/healthz" or liveness["exec"]["command"] == [
                    "evergreen",
                    "health",
                ]
            if container["name"] == "web":
                assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
                assert container["startupProbe"]["httpGet"]["path"] == "/readyz"


def test_a_pod_of_web_ends_within_its_grace_period():
    (web,) = (each for each in EVERYTHING["base"] if identity(each)[1:] == ("Deployment", "evergreen-web"))
    (container,) = containers_of(web)
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep + 7 < pod_of(web)["terminationGracePeriodSeconds"]
    assert web["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@each_set
def test_each_selector_finds_pods(name):
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in EVERYTHING[name]
        if each["kind"] in ("Deployment", "StatefulSet")
    ]
    for each in EVERYTHING[name]:
        selector = (
            each.get("spec", {}).get("selector") if each["kind"] in ("Service", "PodDisruptionBudget") else None
        )
        if selector is not None:
            wanted = selector.get("matchLabels", selector).items()
            assert any(wanted <= labels.items() for labels in pods), identity(each)
        if each["kind"] == "HorizontalPodAutoscaler":
            target = each["spec"]["scaleTargetRef"]["name"]
            (scaled,) = (m for m in EVERYTHING[name] if identity(m)[1:] == ("Deployment", target))
            assert "replicas" not in scaled["spec"], "an applied manifest would undo what the HPA has scaled"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_lets_each_server_of_the_settings_be_reached(overlay):
    found = {identity(each)[1:]: each for each in manifests_of(overlay)}
    rules = found["NetworkPolicy", "evergreen-out"]["spec"]["egress"]
    open_ports = {port["port"] for rule in rules for port in rule["ports"]}
    settings = found["ConfigMap", "evergreen"]["data"]
    for name in ("REDIS_URL", "CACHE_URL"):
        servers = urlsplit(settings[name]).netloc.rpartition("@")[2].split(",")
        assert {int(server.rpartition(":")[2]) for server in servers} <= open_ports


def test_redis_has_the_configuration_of_the_other_targets():
    for role in ("cache", "log"):
        (found,) = (
            each for each in EVERYTHING["base"] if identity(each)[1:] == ("ConfigMap", f"evergreen-redis-{role}")
        )
        assert found["data"]["redis.conf"] == (DEPLOY / f"redis/redis-{role}.conf").read_text()
