"""The gateway's certificates on a virtual clock: read, judged, renewed, and never one that the other side distrusts."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from glm_operator.gateway import certificates
from glm_operator.gateway.certificates import (
    AUTHORITY_LIFE,
    AUTHORITY_RENEWED_BEFORE,
    CLOCK_SKEW,
    LEAF_LIFE,
    LEAF_RENEWED_BEFORE,
    SPREAD,
    UnreadableCredentialsError,
    new_credentials,
    read_secret,
    renew,
    renewal_due,
)

NAMES = ("glm-operator-xds.glm-system.svc", "glm-operator-xds.glm-system.svc.cluster.local")
BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)
FRESH = new_credentials(NAMES, BEGIN)
STRANGER = new_credentials(NAMES, BEGIN)
SECOND = timedelta(seconds=1)


def after(credentials, now):
    """What `now` makes of the credentials, with the reasons."""
    reasons = []
    while (due := renewal_due(credentials, NAMES, now)) is not None:
        assert len(reasons) < 4, f"no end: {reasons}"
        credentials = renew(credentials, due, NAMES, now)
        reasons.append(due.reason)
    return credentials, reasons


def trusts(one, other) -> bool:
    """Whether a machine with these trusted authorities takes the other's certificates."""
    return all(any(leaf.is_issued_by(a) for a in one.authorities) for leaf in (other.server, other.client))


def test_what_is_written_is_read_back():
    read = read_secret(FRESH.to_secret())
    assert read.to_secret() == FRESH.to_secret()
    assert read.for_server == FRESH.for_server


def test_the_server_answers_to_its_names_and_the_client_can_be_no_server():
    usage = [leaf.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
             for leaf in (FRESH.server, FRESH.client)]  # fmt: skip
    names = FRESH.server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == list(NAMES)
    assert [[oid._name for oid in each] for each in usage] == [["serverAuth"], ["clientAuth"]]


def test_no_private_key_is_shown_by_repr():
    shown = repr(FRESH) + repr(FRESH.for_server)
    assert "PRIVATE KEY" not in shown
    assert "EllipticCurvePrivateKey" not in shown


def test_the_server_does_not_get_the_authoritys_key():
    given_to_it = FRESH.for_server
    assert given_to_it.client_authorities.count(b"BEGIN CERTIFICATE") == 1
    assert b"PRIVATE" not in given_to_it.client_authorities + given_to_it.certificate


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def rsa_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return text(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip


GOOD = FRESH.to_secret()
OTHER = STRANGER.to_secret()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param({}, "ca.crt is missing", id="an empty Secret"),
        pytest.param(GOOD | {"ca.crt": ""}, "ca.crt holds no certificate", id="an empty entry"),
        pytest.param(GOOD | {"server.crt": "%%%"}, "server.crt is not base64", id="an entry that is no base64"),
        pytest.param(GOOD | {"server.crt": text(b"hello")}, "server.crt holds no certificate", id="no certificate"),
        pytest.param(GOOD | {"server.key": text(b"hello")}, "server.key holds no private key", id="no key"),
        pytest.param(GOOD | {"server.key": rsa_key()}, "server.key holds a key of another kind", id="an RSA key"),
        pytest.param(GOOD | {"server.key": OTHER["server.key"]}, "beside server.crt", id="another certificate's key"),
        pytest.param(
            GOOD | {"client.crt": OTHER["client.crt"], "client.key": OTHER["client.key"]},
            "client.crt is not signed",
            id="a leaf of a foreign authority",
        ),
        pytest.param(
            GOOD | {"client.crt": GOOD["server.crt"], "client.key": GOOD["server.key"]},
            "client.crt is for another use",
            id="the server's certificate in the client's place",
        ),
        pytest.param(
            GOOD | {"ca.crt": text(base64.b64decode(GOOD["ca.crt"]) + base64.b64decode(OTHER["ca.crt"]))},
            "don't have the same number",
            id="an authority that was slipped in without its key",
        ),
        pytest.param(GOOD | {"ca.key": OTHER["ca.key"]}, "beside ca.crt", id="another authority's key"),
    ],
)
def test_a_secret_that_is_tampered_with_is_told_without_its_content(data, told):
    with pytest.raises(UnreadableCredentialsError, match=told) as caught:
        read_secret(data)
    assert "BEGIN" not in str(caught.value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(key=st.sampled_from(sorted(GOOD)), place=st.floats(0, 0.999), noise=st.binary(min_size=1, max_size=40))
@example(key="ca.key", place=0.25, noise=b"B")  # a curve that nobody knows
def test_a_damaged_entry_is_read_or_refused_and_nothing_else(key, place, noise):
    content = base64.b64decode(GOOD[key])
    at = int(place * len(content))
    damaged = GOOD | {key: text(content[:at] + noise + content[at + len(noise) :])}
    with contextlib.suppress(UnreadableCredentialsError):
        read_secret(damaged)


@pytest.mark.parametrize(
    ("passed", "reasons"),
    [
        pytest.param(timedelta(0), [], id="new ones are left alone"),
        pytest.param(LEAF_LIFE - LEAF_RENEWED_BEFORE, [], id="leaves with 30 days left are left alone"),
        pytest.param(LEAF_LIFE - LEAF_RENEWED_BEFORE + SECOND, ["LeafRenewed"], id="a second later they are renewed"),
        pytest.param(LEAF_LIFE + SECOND, ["LeafRenewed"], id="expired leaves are renewed"),
        pytest.param(-CLOCK_SKEW, [], id="a clock that was ten minutes ahead does no harm"),
        pytest.param(-CLOCK_SKEW - SECOND, ["AuthorityExpired"], id="certificates of the future are worth nothing"),
        pytest.param(AUTHORITY_LIFE, ["AuthorityExpired"], id="an operator that comes back after a year begins anew"),
        pytest.param(
            AUTHORITY_LIFE - SECOND,
            ["AuthorityAdded", "LeafRenewed"],
            id="one that comes back in the last second has leaves of the new authority",
        ),
    ],
)
def test_what_is_renewed_when(passed, reasons):
    credentials, seen = after(FRESH, BEGIN + passed)
    assert seen == reasons
    assert all(leaf.is_valid(BEGIN + passed) for leaf in (credentials.server, credentials.client))


def test_a_server_of_another_name_gets_a_certificate_and_the_gateways_keep_theirs():
    names = ("other-xds.ns.svc",)
    due = renewal_due(FRESH, names, BEGIN)
    assert (due.server, due.client, due.authority) == (True, False, False)
    assert renewal_due(renew(FRESH, due, names, BEGIN), names, BEGIN) is None


def settled_until_the_authority_is_old():
    now, credentials = BEGIN, FRESH
    while now < BEGIN + AUTHORITY_LIFE - AUTHORITY_RENEWED_BEFORE:
        now += timedelta(days=7)
        credentials, _ = after(credentials, now)
    return credentials, now


def test_an_authority_is_changed_in_three_steps():
    now, credentials, seen = BEGIN, FRESH, []
    for _ in range(int(AUTHORITY_LIFE / timedelta(hours=6))):
        now += timedelta(hours=6)
        credentials, reasons = after(credentials, now)
        seen += [(reason, now) for reason in reasons]
    changed = [at for reason, at in seen if reason == "AuthorityAdded"]
    retired = [at for reason, at in seen if reason == "AuthorityRetired"]
    (added,) = changed
    signed = next(at for reason, at in seen if reason == "LeafRenewed" and at > added)
    assert added - BEGIN >= AUTHORITY_LIFE - AUTHORITY_RENEWED_BEFORE
    assert (signed - added, retired[0] - signed) == (SPREAD, SPREAD)
    assert len(credentials.authorities) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    looks=st.lists(st.integers(1, 20), min_size=20, max_size=60).map(lambda days: [timedelta(days=d) for d in days]),
    behind=st.timedeltas(timedelta(0), SPREAD - SECOND),
)
def test_whoever_is_less_than_a_day_behind_trusts_and_is_trusted(looks, behind):
    """Both directions: a gateway with the Secret as it was `behind` ago, and the operator as it is now."""
    now, credentials, history = BEGIN, FRESH, [(BEGIN, FRESH)]
    for pause in looks:
        for _ in range(2):  # an operator looks all the time: also just before and after
            now += pause / 2
            credentials, _ = after(credentials, now)
            history.append((now, credentials))
            late = [old for written, old in history if written <= now - behind]
            gateway = late[-1] if late else FRESH
            assert trusts(gateway, credentials)
            assert trusts(credentials, gateway)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(jumps=st.lists(st.integers(-500, 500), min_size=1, max_size=12))
def test_wherever_the_clock_jumps_there_are_valid_certificates_and_an_end(jumps):
    now, credentials = BEGIN, FRESH
    for days in jumps:
        now += timedelta(days=days)
        credentials, _ = after(credentials, now)
        assert all(leaf.is_valid(now) for leaf in (*credentials.authorities, credentials.server, credentials.client))
        assert trusts(credentials, credentials)
        assert read_secret(credentials.to_secret()).to_secret() == credentials.to_secret()


def test_leaves_never_outlive_what_signed_them():
    credentials, now = settled_until_the_authority_is_old()
    credentials, _ = after(credentials, now + timedelta(days=80))
    ends = [max(a.end for a in credentials.authorities if leaf.is_issued_by(a)) for leaf in (credentials.server,)]
    assert credentials.server.end <= ends[0]


def test_the_margins_fit_together():
    assert certificates.AUTHORITY_RENEWED_BEFORE >= LEAF_LIFE + 2 * SPREAD
    assert LEAF_RENEWED_BEFORE > 2 * SPREAD
