"""What NetworkPolicies let through, by the rules of their reference: any policy that allows is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.deploy.manifests import Object, of_kind, selects


@dataclass(frozen=True)
class Place:
    """One end of a connection: a pod, or a host outside the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    """Empty outside the cluster."""
    address: str = "10.1.2.3"
    ports: Mapping[str, int] = field(default_factory=dict)
    """Names of its ports, as the pod's containers give them."""


def may_reach(objects: tuple[Object, ...], source: Place, target: Place, port: int) -> bool:
    """Tell whether a TCP connection comes about: the source may send it and the target takes it."""
    policies = of_kind("NetworkPolicy", objects)
    return _allows(policies, "Egress", source, target, port, target) and _allows(
        policies, "Ingress", target, source, port, target
    )


def _allows(
    policies: list[Object], direction: str, pod: Place, peer: Place, port: int, target: Place
) -> bool:
    specs = [policy["spec"] for policy in policies]
    bound = [
        spec
        for spec in specs
        if pod.namespace == "douga"
        and direction in spec["policyTypes"]
        and selects(spec["podSelector"], pod.labels)
    ]
    rules = [rule for spec in bound for rule in spec.get(direction.lower(), [])]
    return not bound or any(
        any(_is_peer(each, peer) for each in rule["from" if direction == "Ingress" else "to"])
        and any(_is_port(each, port, target) for each in rule["ports"])
        for rule in rules
    )


def _is_peer(rule: Object, peer: Place) -> bool:
    if "ipBlock" in rule:
        # Pods are meant by their labels; whether a block finds them depends on the network.
        address, block = ip_address(peer.address), rule["ipBlock"]
        return (
            not peer.namespace
            and address in ip_network(block["cidr"])
            and not any(address in ip_network(each) for each in block.get("except", []))
        )
    if not peer.namespace:
        return False
    namespaces = rule.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "douga"}})
    is_there = selects(namespaces, {"kubernetes.io/metadata.name": peer.namespace})
    return is_there and selects(rule.get("podSelector", {}), peer.labels)


def _is_port(rule: Object, port: int, target: Place) -> bool:
    return rule["protocol"] == "TCP" and target.ports.get(rule["port"], rule["port"]) == port
