"""The control plane: etcd, API server, controller manager and scheduler, all on the first node."""

from collections.abc import Mapping
from pathlib import Path

from devcluster import certificates
from devcluster.component import Component, flags
from devcluster.network import SERVICE_SUBNET, Node
from devcluster.state import Layout

ETCD_URL = "http://127.0.0.1:2379"
ETCD_PEER_URL = "http://127.0.0.1:2380"
CLIENT_LIMITS: Mapping[str, int] = {"kube_api_qps": 300, "kube_api_burst": 600}
"""As in clusters of many pods: with the default of 20 a second, a thousand Deployments would wait for minutes."""


def etcd(layout: Layout, binary: Path, node: Node) -> Component:
    """The store. It does not wait for the disk: what a power cut loses here can be made again."""
    return Component(
        name="etcd",
        argv=(
            str(binary),
            *flags(
                data_dir=layout.folder / "etcd",
                listen_client_urls=ETCD_URL,
                advertise_client_urls=ETCD_URL,
                listen_peer_urls=ETCD_PEER_URL,
                log_level="warn",
                auto_compaction_retention="1h",
            ),
            "--unsafe-no-fsync",
        ),
        ready_url=f"{ETCD_URL}/health",
        node=node,
        seconds=1,
    )


def api_server(layout: Layout, binary: Path, node: Node, port: int) -> Component:
    """The API server. It speaks to kubelets by address, for no DNS knows the nodes."""
    pki = layout.certificates
    arguments = flags(
        etcd_servers=ETCD_URL,
        secure_port=port,
        advertise_address=node.address,
        service_cluster_ip_range=SERVICE_SUBNET,
        authorization_mode="Node,RBAC",
        enable_admission_plugins="NodeRestriction",
        allow_privileged=True,
        profiling=False,
        client_ca_file=pki / f"{certificates.AUTHORITY}.crt",
        tls_cert_file=pki / "apiserver.crt",
        tls_private_key_file=pki / "apiserver.key",
        service_account_issuer="https://kubernetes.default.svc.cluster.local",
        service_account_key_file=pki / f"{certificates.SERVICE_ACCOUNTS}.pub",
        service_account_signing_key_file=pki / f"{certificates.SERVICE_ACCOUNTS}.key",
        kubelet_preferred_address_types="InternalIP",
        kubelet_certificate_authority=pki / f"{certificates.AUTHORITY}.crt",
        kubelet_client_certificate=pki / "apiserver-kubelet-client.crt",
        kubelet_client_key=pki / "apiserver-kubelet-client.key",
        requestheader_client_ca_file=pki / f"{certificates.AGGREGATION_AUTHORITY}.crt",
        requestheader_allowed_names="front-proxy-client",
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        proxy_client_cert_file=pki / "front-proxy-client.crt",
        proxy_client_key_file=pki / "front-proxy-client.key",
    )
    return Component(
        name="kube-apiserver",
        argv=(str(binary), *arguments),
        ready_url=f"https://127.0.0.1:{port}/readyz",
        node=node,
        reads=(pki / "apiserver.crt", pki / f"{certificates.SERVICE_ACCOUNTS}.pub"),
        seconds=6,
    )


def controller_manager(layout: Layout, binary: Path, node: Node, kubeconfig: Path) -> Component:
    """The controllers, with Kubernetes' own provisioner of host path volumes."""
    pki = layout.certificates
    arguments = flags(
        kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        use_service_account_credentials=True,
        leader_elect=False,
        profiling=False,
        service_account_private_key_file=pki / f"{certificates.SERVICE_ACCOUNTS}.key",
        root_ca_file=pki / f"{certificates.AUTHORITY}.crt",
        cluster_signing_cert_file=pki / f"{certificates.AUTHORITY}.crt",
        cluster_signing_key_file=pki / f"{certificates.AUTHORITY}.key",
        # Its volumes belong to root with mode 0750: a pod of root has to open one for others.
        enable_hostpath_provisioner=True,
        flex_volume_plugin_dir=layout.folder / "flex-volumes",
        **CLIENT_LIMITS,
    )
    return Component(
        name="kube-controller-manager",
        argv=(str(binary), *arguments),
        ready_url="https://127.0.0.1:10257/healthz",
        node=node,
        reads=(kubeconfig,),
        seconds=4,
    )


def scheduler(binary: Path, node: Node, kubeconfig: Path) -> Component:
    """The scheduler."""
    arguments = flags(
        kubeconfig=kubeconfig, bind_address="127.0.0.1", leader_elect=False, profiling=False, **CLIENT_LIMITS
    )
    return Component(
        name="kube-scheduler",
        argv=(str(binary), *arguments),
        ready_url="https://127.0.0.1:10259/healthz",
        node=node,
        reads=(kubeconfig,),
        seconds=3,
    )
