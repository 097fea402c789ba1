"""KWOK: nodes and pods by the thousand that are only said to run.

A Node that somebody creates with the annotation `kwok.x-k8s.io/node: fake` becomes ready at once, and pods put on it
seem to run. All other nodes are left alone. A pod with the annotation `kwok.x-k8s.io/pod-ip` has that address, so that
a real server can answer for many pods that only seem to run.
"""

from pathlib import Path

from devcluster.component import Component, flags
from devcluster.network import Node

ANNOTATION = "kwok.x-k8s.io/node=fake"
POD_ADDRESS = "kwok.x-k8s.io/pod-ip"
"""Annotation of a pod on a fake node: the address that it shall have (`kwok_pod_ready.yaml`)."""


def kwok(binary: Path, stages: Path, node: Node, kubeconfig: Path) -> Component:
    """The program that plays the kubelets of all fake nodes."""
    arguments = flags(
        kubeconfig=kubeconfig,
        config=stages,
        v="WARN",
        manage_all_nodes=False,
        manage_nodes_with_annotation_selector=ANNOTATION,
        server_address="127.0.0.1:10247",
        node_lease_duration_seconds=40,
    )
    return Component(
        name="kwok",
        argv=(str(binary), *arguments),
        ready_url="http://127.0.0.1:10247/healthz",
        node=node,
        reads=(kubeconfig, stages),
        seconds=2,
    )
