import pytest

from devcluster.provider import Kind, Machine, Request, decide

OWN = "/checkout/.cluster/kubeconfig"
OTHER = "/home/user/.kube/other"
BARE = Machine(glm_kubeconfig=None, kubeconfig=None, own_kubeconfig=OWN, kind_works=False)
WITH_KIND = Machine(glm_kubeconfig=None, kubeconfig=None, own_kubeconfig=OWN, kind_works=True)


def machine(*, glm: str | None = None, kubeconfig: str | None = None, kind: bool = True) -> Machine:
    return Machine(glm_kubeconfig=glm, kubeconfig=kubeconfig, own_kubeconfig=OWN, kind_works=kind)


@pytest.mark.parametrize(
    ("request_", "seen", "expected"),
    [
        pytest.param(Request(), BARE, Kind.LOCAL, id="nothing named and no docker is the local cluster"),
        pytest.param(Request(), WITH_KIND, Kind.KIND, id="working docker and kind are preferred to the local one"),
        pytest.param(Request(OTHER), WITH_KIND, Kind.EXTERNAL, id="a kubeconfig by flag comes before kind"),
        pytest.param(Request(context="prod"), BARE, Kind.EXTERNAL, id="a context by flag is enough"),
        pytest.param(Request(OWN), BARE, Kind.LOCAL, id="the own kubeconfig by flag stays with the own cluster"),
        pytest.param(Request(), machine(glm=OTHER), Kind.EXTERNAL, id="GLM_KUBECONFIG comes before kind"),
        pytest.param(Request(), machine(kubeconfig=OTHER), Kind.EXTERNAL, id="KUBECONFIG comes before kind"),
        pytest.param(
            Request(), machine(kubeconfig=OWN, kind=False), Kind.LOCAL, id="KUBECONFIG of the own cluster stays local"
        ),
        pytest.param(
            Request(),
            machine(glm=OWN, kubeconfig=OTHER, kind=False),
            Kind.LOCAL,
            id="GLM_KUBECONFIG of the own cluster overrules KUBECONFIG",
        ),
    ],
)
def test_decide(request_: Request, seen: Machine, expected: Kind) -> None:
    assert decide(request_, seen).kind is expected


@pytest.mark.parametrize(
    ("request_", "seen", "kubeconfig", "context"),
    [
        pytest.param(Request(OTHER, "prod"), BARE, OTHER, "prod", id="flags are taken as they are"),
        pytest.param(
            Request(context="prod"), machine(kubeconfig=OTHER), OTHER, "prod", id="a context is of KUBECONFIG"
        ),
        pytest.param(
            Request(context="a"),
            machine(glm="/glm", kubeconfig=OTHER),
            "/glm",
            "a",
            id="GLM_KUBECONFIG before KUBECONFIG",
        ),
        pytest.param(Request(context="prod"), BARE, None, "prod", id="without both kubectl finds its own default"),
    ],
)
def test_the_cluster_that_is_named(
    request_: Request, seen: Machine, kubeconfig: str | None, context: str | None
) -> None:
    decided = decide(request_, seen)
    assert (decided.kubeconfig, decided.context) == (kubeconfig, context)


@pytest.mark.parametrize(
    ("request_", "seen", "expected"),
    [
        pytest.param(Request(), machine(kubeconfig=OTHER), True, id="by a bare KUBECONFIG is announced"),
        pytest.param(Request(), machine(glm=OTHER), False, id="by GLM_KUBECONFIG was meant"),
        pytest.param(Request(OTHER), machine(kubeconfig=OTHER), False, id="by flag was meant"),
        pytest.param(Request(), BARE, False, id="the local one needs no word"),
    ],
)
def test_a_choice_that_was_perhaps_not_meant(request_: Request, seen: Machine, expected: bool) -> None:
    assert decide(request_, seen).announce is expected
