"""The manifests of k8s/ are what Kubernetes takes, and whatever they name is there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.deploy.manifests import (
    COMPONENTS,
    K8S,
    OVERLAYS,
    RENDERS,
    Object,
    faults_of,
    in_file,
    of_kind,
    pods,
    rendered,
    selects,
)
from tools.prometheus_rule import prometheus_rule

from douga_shared import __version__

KUSTOMIZATIONS = sorted(K8S.rglob("kustomization.yaml"))
SECRETS = in_file(K8S / "secrets.example.yaml")


def _files_named_in(kustomization: Path) -> tuple[set[Path], set[Path]]:
    """Return the resources of a kustomization, folders included, and its patches."""
    (content,) = in_file(kustomization)
    resources = content.get("resources", []) + content.get("components", [])
    patches = [patch["path"] for patch in content.get("patches", []) if "path" in patch]
    folder = kustomization.parent
    return {(folder / name).resolve() for name in resources}, {(folder / name).resolve() for name in patches}


def _plain_files() -> list[Path]:
    """Files of whole objects: neither kustomizations nor patches."""
    patches = {path for each in KUSTOMIZATIONS for path in _files_named_in(each)[1]}
    return sorted(set(K8S.rglob("*.yaml")) - set(KUSTOMIZATIONS) - patches)


def _name(path: Path) -> str:
    return path.relative_to(K8S).as_posix()


@pytest.mark.parametrize("path", _plain_files(), ids=_name)
def test_every_file_holds_valid_objects(path: Path) -> None:
    """Kubernetes knows every field of every object, as it is written."""
    assert [] == [fault for each in in_file(path) for fault in faults_of(each)]


@pytest.mark.parametrize("name", RENDERS)
def test_every_overlay_and_every_component_renders_valid_objects(name: str) -> None:
    """Rendered and patched, nothing is lost and Kubernetes knows every field."""
    objects = rendered(name)
    assert {"worker", "exporter"} <= {each["metadata"]["name"].removeprefix("douga-") for each in objects}
    assert [] == [fault for each in objects for fault in faults_of(each)]


def test_a_misspelt_field_is_found() -> None:
    """The validation is strict: for Kubernetes' own kinds and for those of KEDA and Prometheus."""
    spoils: dict[str, Callable[[Object], object]] = {
        "Deployment": lambda spec: spec["template"]["spec"].update(terminationGraceSeconds=1),
        "ScaledObject": lambda spec: spec.update(minReplicas=0),
        "TriggerAuthentication": lambda spec: spec.update(secretRef=[]),
        "PodMonitor": lambda spec: spec.update(podEndpoints=[]),
        "PrometheusRule": lambda spec: spec["groups"][0].update(every="1m"),
    }
    for name, spoil in spoils.items():
        spoilt = copy.deepcopy(of_kind(name, rendered("production"))[0])
        assert faults_of(spoilt) == []
        spoil(spoilt["spec"])
        assert faults_of(spoilt) != []


def test_every_file_belongs_to_a_kustomization() -> None:
    """No file is left over, and every folder is used by somebody or is an overlay."""
    used = {path for each in KUSTOMIZATIONS for group in _files_named_in(each) for path in group}
    files = set(K8S.rglob("*.yaml")) - set(KUSTOMIZATIONS) - {K8S / "secrets.example.yaml"}
    assert set() == files - used
    assert set() == {path for path in used if not path.exists()}


@pytest.mark.parametrize("name", RENDERS)
def test_whatever_is_named_is_there(name: str) -> None:
    """Secrets, settings, accounts: what a pod or a monitor names is in the render or the example."""
    objects = rendered(name)
    known = {(each["kind"], each["metadata"]["name"]) for each in (*objects, *SECRETS)}
    wanted = set(_references(objects))
    assert set() == wanted - known - {("ServiceAccount", "default")}
    labels = [template["metadata"]["labels"] for _, template in pods(objects)]
    for each in of_kind("Service", objects):
        assert any(selects({"matchLabels": each["spec"]["selector"]}, pod) for pod in labels)
    for kind in ("PodMonitor", "PodDisruptionBudget"):
        for each in of_kind(kind, objects):
            assert any(selects(each["spec"]["selector"], pod) for pod in labels)


def _references(objects: tuple[Object, ...]) -> Iterator[tuple[str, str]]:
    for _, template in pods(objects):
        yield from _references_of_pod(template["spec"])
    for each in of_kind("TriggerAuthentication", objects):
        yield from (("Secret", source["name"]) for source in each["spec"]["secretTargetRef"])
    for each in of_kind("ScaledObject", objects):
        yield "Deployment", each["spec"]["scaleTargetRef"]["name"]
        for trigger in each["spec"]["triggers"]:
            yield "TriggerAuthentication", trigger["authenticationRef"]["name"]
    for each in of_kind("StatefulSet", objects):
        yield "Service", each["spec"]["serviceName"]


def _references_of_pod(spec: Object) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", spec.get("serviceAccountName", "default")
    if "priorityClassName" in spec:
        yield "PriorityClass", spec["priorityClassName"]
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            for field, named_there in source.items():
                yield {"configMapRef": "ConfigMap", "secretRef": "Secret"}[field], named_there["name"]
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]


@pytest.mark.parametrize("name", RENDERS)
def test_keys_of_secrets_are_in_the_example(name: str) -> None:
    """Whoever fills in the example has every key that is looked for."""
    objects = rendered(name)
    keys = {(each["metadata"]["name"], key) for each in SECRETS for key in each["stringData"]}
    wanted = {
        (variable["valueFrom"]["secretKeyRef"]["name"], variable["valueFrom"]["secretKeyRef"]["key"])
        for _, template in pods(objects)
        for container in template["spec"]["containers"]
        for variable in container.get("env", [])
        if "valueFrom" in variable
    } | {
        (source["name"], source["key"])
        for each in of_kind("TriggerAuthentication", objects)
        for source in each["spec"]["secretTargetRef"]
    }
    assert set() == wanted - keys


@pytest.mark.parametrize("name", RENDERS)
def test_no_secret_is_part_of_a_render(name: str) -> None:
    """Secrets are made by hand or by the cluster's own means, never by a file in a repository."""
    assert [] == of_kind("Secret", rendered(name))


@pytest.mark.parametrize("name", RENDERS)
def test_every_image_is_pinned(name: str) -> None:
    """An image has a tag that stays; those of Douga have this version's."""
    for _, template in pods(rendered(name)):
        for container in template["spec"]["containers"]:
            image, _, tag = container["image"].rpartition(":")
            assert image
            assert "/" not in tag
            assert tag != "latest"
            if "douga" in image:
                assert tag.split("-")[0] == __version__


@pytest.mark.parametrize("name", RENDERS)
def test_labels_tell_what_belongs_together(name: str) -> None:
    """Everything is part of Douga, and what Douga itself starts says its version."""
    objects = rendered(name)
    for each in objects:
        if each["kind"] != "Namespace":
            assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "douga"
    for starter, template in pods(objects):
        labels = template["metadata"]["labels"]
        assert starter == labels["app.kubernetes.io/name"]
        assert labels["app.kubernetes.io/component"]
    for kind in ("Deployment", "CronJob"):
        for each in of_kind(kind, objects):
            assert each["metadata"]["labels"]["app.kubernetes.io/version"] == __version__


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_name_one_namespace_that_is_restricted(name: str) -> None:
    """Everything lies in Douga's own namespace, where Kubernetes enforces the restricted profile."""
    objects = rendered(name)
    (namespace,) = of_kind("Namespace", objects)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    cluster_wide = {"Namespace", "PriorityClass"}
    places = {each["metadata"].get("namespace") for each in objects if each["kind"] not in cluster_wide}
    assert {namespace["metadata"]["name"]} == places


def test_components_say_what_they_are_for() -> None:
    """Every component begins with a comment and is described in the README."""
    readme = (K8S / "README.md").read_text(encoding="utf-8")
    for name, folder in COMPONENTS.items():
        assert (folder / "kustomization.yaml").read_text(encoding="utf-8").startswith("# ")
        assert f"`{name}`" in readme


def test_the_operators_rules_are_those_of_prometheus() -> None:
    """The rules exist once, in deploy/prometheus; `python -m tools.prometheus_rule` wraps them anew."""
    written = K8S / "components" / "monitoring" / "prometheus-rule.yaml"
    assert yaml.safe_load(prometheus_rule()) == yaml.safe_load(written.read_text(encoding="utf-8"))
