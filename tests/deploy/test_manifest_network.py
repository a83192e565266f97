"""The NetworkPolicies let through what the farm needs, and nothing else."""

from __future__ import annotations

import pytest
from tests.deploy.manifests import RENDERS, Object, of_kind, pods, rendered, selects
from tests.deploy.network import Place, may_reach

METADATA = Place(address="169.254.169.254")
"""Where clouds hand out the credentials of a node to whoever asks from it."""
STRANGER = Place({"app.kubernetes.io/name": "stranger"}, "douga")
PROMETHEUS = Place({"app.kubernetes.io/name": "prometheus"}, "monitoring")
KEDA = Place({"app.kubernetes.io/name": "keda-operator"}, "keda")
DNS = Place({"k8s-app": "kube-dns"}, "kube-system")


def _pod(name: str, objects: tuple[Object, ...]) -> Place:
    (template,) = (template for starter, template in pods(objects) if starter == name)
    ports = template["spec"]["containers"][0].get("ports", [])
    return Place(
        template["metadata"]["labels"], "douga", ports={port["name"]: port["containerPort"] for port in ports}
    )


@pytest.mark.parametrize("name", RENDERS)
def test_every_pod_is_shut_off_by_default(name: str) -> None:
    """A policy without rules binds every pod, in both directions."""
    objects = rendered(name)
    denials = [
        policy["spec"]
        for policy in of_kind("NetworkPolicy", objects)
        if {"Ingress", "Egress"} == set(policy["spec"]["policyTypes"])
    ]
    for _, template in pods(objects):
        assert any(selects(each["podSelector"], template["metadata"]["labels"]) for each in denials)


@pytest.mark.parametrize("name", RENDERS)
def test_only_monitoring_reaches_the_metrics(name: str) -> None:
    """Prometheus does, on the port of the metrics alone; others do not."""
    objects = rendered(name)
    for each in ("douga-worker", "douga-exporter"):
        pod = _pod(each, objects)
        assert may_reach(objects, PROMETHEUS, pod, 9464)
        assert not may_reach(objects, PROMETHEUS, pod, 22)
        assert not may_reach(objects, STRANGER, pod, 9464)
        assert not may_reach(objects, Place(), pod, 9464)


@pytest.mark.parametrize("name", RENDERS)
def test_nobody_reaches_the_credentials_of_the_node(name: str) -> None:
    """Whatever the components open, never that."""
    objects = rendered(name)
    for starter, _ in pods(objects):
        assert may_reach(objects, _pod(starter, objects), DNS, 53)
        for port in (80, 443, 6379, 6380):
            assert not may_reach(objects, _pod(starter, objects), METADATA, port)
        assert not may_reach(objects, _pod(starter, objects), Place(), 80)


def test_production_reaches_queue_and_bucket_outside() -> None:
    """Redis over TLS, and the bucket: the exporter looks whether it answers."""
    objects = rendered("production")
    for each in ("douga-worker", "douga-exporter", "douga-reconcile"):
        assert may_reach(objects, _pod(each, objects), Place(), 6380)
        assert may_reach(objects, _pod(each, objects), Place(), 443)


def test_dev_reaches_queue_and_bucket_inside_and_nothing_outside() -> None:
    """Douga's own pods and KEDA reach the queue, strangers do not; nobody leaves the cluster."""
    objects = rendered("dev")
    queue, bucket = _pod("douga-valkey", objects), _pod("douga-seaweedfs", objects)
    for each in ("douga-worker", "douga-exporter", "douga-reconcile"):
        pod = _pod(each, objects)
        assert may_reach(objects, pod, queue, 6379)
        assert may_reach(objects, pod, bucket, 8333)
        assert not may_reach(objects, pod, Place(), 443)
    assert may_reach(objects, KEDA, queue, 6379)
    assert not may_reach(objects, KEDA, bucket, 8333)
    for server, port in ((queue, 6379), (bucket, 8333)):
        assert not may_reach(objects, STRANGER, server, port)
        assert not may_reach(objects, server, Place(), 443)
