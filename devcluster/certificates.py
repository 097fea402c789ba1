"""The cluster's certificates, made with the openssl program.

Elliptic keys: made in milliseconds. All are valid for a year, are made together and so expire together; `current`
looks at the authority's only.
"""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import ClusterError
from devcluster.network import API_SERVICE_ADDRESS, Node
from devcluster.state import write_atomically

VALID_DAYS = 365
RENEWED_BEFORE_SECONDS = 30 * 24 * 3600

AUTHORITY = "ca"
AGGREGATION_AUTHORITY = "front-proxy-ca"
SERVICE_ACCOUNTS = "service-accounts"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A leaf: who it names, and under which names and addresses a server may show it."""

    file: str
    common_name: str
    organization: str = ""
    names: Sequence[str] = ()  # as openssl writes them: DNS:localhost, IP:127.0.0.1
    authority: str = AUTHORITY
    logs_in: bool = False  # as whom a component calls the API server; it gets a kubeconfig

    @property
    def subject(self) -> str:
        """As openssl wants it."""
        return (f"/O={self.organization}" if self.organization else "") + f"/CN={self.common_name}"


def wanted(nodes: Iterable[Node]) -> list[Certificate]:
    """Every leaf of a cluster with these nodes."""
    nodes = list(nodes)
    return [
        Certificate("apiserver", "kube-apiserver", names=_api_server_names(nodes[0])),
        Certificate("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Certificate("front-proxy-client", "front-proxy-client", authority=AGGREGATION_AUTHORITY),
        Certificate("admin", "admin", "system:masters", logs_in=True),
        Certificate("controller-manager", "system:kube-controller-manager", logs_in=True),
        Certificate("scheduler", "system:kube-scheduler", logs_in=True),
        Certificate("kube-proxy", "system:kube-proxy", logs_in=True),
        Certificate("coredns", "coredns", logs_in=True),
        *[_node_certificate(node) for node in nodes],
    ]


def _api_server_names(node: Node) -> tuple[str, ...]:
    services = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    names = [f"DNS:{name}" for name in ("localhost", *services)]
    return (*names, *[f"IP:{address}" for address in ("127.0.0.1", node.address, API_SERVICE_ADDRESS)])


def _node_certificate(node: Node) -> Certificate:
    """A kubelet's, with which it both calls and is called."""
    names = (f"DNS:{node.name}", f"IP:{node.address}", "IP:127.0.0.1")
    return Certificate(f"kubelet-{node.name}", f"system:node:{node.name}", "system:nodes", names, logs_in=True)


def openssl_config(names: Sequence[str], *, authority: bool = False) -> str:
    """What openssl is to put into a certificate beside the subject."""
    usage = "keyCertSign, cRLSign" if authority else "digitalSignature, keyEncipherment"
    lines = [
        "[req]",
        "distinguished_name = subject",
        "[subject]",
        "[extensions]",
        f"basicConstraints = critical, CA:{'TRUE' if authority else 'FALSE'}",
        f"keyUsage = critical, {usage}",
        "subjectKeyIdentifier = hash",
    ]
    if not authority:
        lines.append("extendedKeyUsage = serverAuth, clientAuth")
    if names:
        lines.append("subjectAltName = " + ", ".join(names))
    return "\n".join(lines) + "\n"


def current(folder: Path) -> bool:
    """Whether there is an authority that stays valid for another month."""
    check = ["x509", "-noout", "-checkend", str(RENEWED_BEFORE_SECONDS), "-in", str(folder / f"{AUTHORITY}.crt")]
    return (folder / f"{AUTHORITY}.crt").exists() and _openssl(check, check=False)


def ensure(folder: Path, leaves: Iterable[Certificate]) -> None:
    """Make what is missing, or everything anew when it is about to expire."""
    if not current(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
    for authority in (AGGREGATION_AUTHORITY, AUTHORITY):
        if not (folder / f"{authority}.crt").exists():
            _issue(folder, authority, f"/CN={authority}", openssl_config((), authority=True), ())
    if not (folder / f"{SERVICE_ACCOUNTS}.pub").exists():
        _make_signing_key(folder)
    for leaf in leaves:
        if not (folder / f"{leaf.file}.crt").exists():
            signer = ["-CA", str(folder / f"{leaf.authority}.crt"), "-CAkey", str(folder / f"{leaf.authority}.key")]
            _issue(folder, leaf.file, leaf.subject, openssl_config(leaf.names), signer)


def _issue(folder: Path, file: str, subject: str, config: str, signer: Sequence[str]) -> None:
    """Make a key and its certificate; the certificate gets its name last, so a broken run leaves none."""
    config_file, unfinished = folder / f"{file}.cnf", folder / f"{file}.crt.unfinished"
    config_file.write_text(config)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / f"{file}.key")]
    content = ["-subj", subject, "-config", str(config_file), "-extensions", "extensions", "-days", str(VALID_DAYS)]
    _openssl(["req", "-x509", *key, *content, "-out", str(unfinished), *signer])
    config_file.unlink()
    unfinished.rename(folder / f"{file}.crt")


def _make_signing_key(folder: Path) -> None:
    """The key that signs the tokens of service accounts."""
    private = folder / f"{SERVICE_ACCOUNTS}.key"
    _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(private)])
    public = subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout"], check=True, capture_output=True).stdout
    write_atomically(folder / f"{SERVICE_ACCOUNTS}.pub", public)


def _openssl(arguments: Sequence[str], *, check: bool = True) -> bool:
    run = subprocess.run(["openssl", *arguments], check=False, capture_output=True, text=True)
    if check and run.returncode != 0:
        raise ClusterError(f"openssl {arguments[0]} failed: {run.stderr.strip()[-500:]}")
    return run.returncode == 0
