import subprocess
from pathlib import Path

import pytest

from devcluster import certificates, network
from devcluster.certificates import Certificate


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("certificate", "subject"),
    [
        pytest.param(Certificate("s", "system:kube-scheduler"), "/CN=system:kube-scheduler", id="a user"),
        pytest.param(Certificate("a", "admin", "system:masters"), "/O=system:masters/CN=admin", id="a user of a group"),
    ],
)
def test_subject(certificate: Certificate, subject: str) -> None:
    assert certificate.subject == subject


@pytest.mark.parametrize(
    ("names", "authority", "expected"),
    [
        pytest.param((), True, "basicConstraints = critical, CA:TRUE", id="an authority may sign"),
        pytest.param((), False, "basicConstraints = critical, CA:FALSE", id="a leaf may not"),
        pytest.param(
            ("DNS:a", "IP:10.0.0.1"), False, "subjectAltName = DNS:a, IP:10.0.0.1", id="names are told by their kind"
        ),
    ],
)
def test_openssl_config(names: tuple[str, ...], authority: bool, expected: str) -> None:
    assert expected in certificates.openssl_config(names, authority=authority).splitlines()


def test_every_node_gets_a_certificate_and_every_file_is_its_own() -> None:
    files = [leaf.file for leaf in certificates.wanted(network.nodes(3))]
    assert {"kubelet-node0", "kubelet-node1", "kubelet-node2"} <= set(files)
    assert len(files) == len(set(files))


def test_certificates_hold_and_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    leaf = Certificate("server", "server", names=("DNS:localhost", "IP:10.96.0.1"))
    certificates.ensure(folder, [leaf])
    first = (folder / "server.crt").read_bytes()

    assert "OK" in openssl("verify", "-CAfile", str(folder / "ca.crt"), str(folder / "server.crt"))
    shown = openssl("x509", "-noout", "-ext", "subjectAltName", "-in", str(folder / "server.crt"))
    assert "DNS:localhost, IP Address:10.96.0.1" in shown

    certificates.ensure(folder, [leaf, Certificate("client", "client")])
    assert (folder / "server.crt").read_bytes() == first
    assert (folder / "client.crt").exists()


def test_everything_is_made_anew_a_month_before_the_authority_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, leaf = tmp_path / "pki", Certificate("server", "server")
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "VALID_DAYS", 29)
        certificates.ensure(folder, [leaf])
    expiring = (folder / "server.crt").read_bytes()
    assert not certificates.current(folder)

    certificates.ensure(folder, [leaf])
    assert certificates.current(folder)
    assert (folder / "server.crt").read_bytes() != expiring
