"""Which addresses the operator's list lets through. Whatever two programs could read differently is refused."""

import ipaddress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_operator.api.allowed_urls import (
    DEFAULT_ALLOWED_URLS,
    AllowedUrls,
    UrlRefusedError,
    parse_url,
    refuse_address,
    s3_address,
    shown,
)

LIST = "https://models.example.org/public, http://minio.minio.svc:9000/models, s3://bucket/prod, http://10.0.0.7:8080"
DEFAULT = DEFAULT_ALLOWED_URLS


def is_allowed(allowed, address):
    try:
        return bool(AllowedUrls.parse(allowed).check(address))
    except UrlRefusedError:
        return False


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        pytest.param(LIST, "https://models.example.org/public/a.tar.gz", id="below a prefix"),
        pytest.param(LIST, "https://models.example.org/public", id="the prefix itself"),
        pytest.param(LIST, "HTTPS://Models.Example.ORG/public/a", id="scheme and host in capitals are the same"),
        pytest.param(LIST, "https://models.example.org:443/public/a", id="the scheme's own port may be written"),
        pytest.param(LIST, "https://models.example.org/public/a?token=x", id="a query doesn't matter"),
        pytest.param(LIST, "https://models.example.org/%70ublic/a", id="an encoded letter is that letter"),
        pytest.param(LIST, "http://minio.minio.svc:9000/models/a", id="a port that is listed"),
        pytest.param(LIST, "s3://bucket/prod/intent", id="below a bucket's prefix"),
        pytest.param(LIST, "http://10.0.0.7:8080/anything", id="a host without a path is all of it"),
        pytest.param(DEFAULT, "https://anywhere.example.net/a.tar.gz", id="any server over HTTPS by default"),
        pytest.param(DEFAULT, "s3://any-bucket/a", id="any bucket of AWS by default"),
        pytest.param("http://[::1]:80/x", "http://[0:0:0:0:0:0:0:1]/x", id="two ways to write one IPv6 address"),
        pytest.param("http://localhost:9000/", "http://localhost:9000/a", id="this machine, where it is listed"),
    ],
)
def test_an_address_that_is_listed(allowed, address):
    assert is_allowed(allowed, address)


@pytest.mark.parametrize(
    ("allowed", "address"),
    [
        pytest.param(LIST, "https://models.example.org/publicity/a", id="a prefix ends at a path's boundary"),
        pytest.param(LIST, "https://models.example.org/", id="above the prefix"),
        pytest.param(LIST, "http://models.example.org/public/a", id="the same host without encryption"),
        pytest.param(LIST, "https://models.example.org:8443/public/a", id="another port"),
        pytest.param(LIST, "https://models.example.org.evil.net/public/a", id="a longer host"),
        pytest.param(LIST, "https://evil.models.example.org/public/a", id="a host below it"),
        pytest.param(LIST, "https://models.example.org@evil.net/public/a", id="the host as another one's user"),
        pytest.param(LIST, "https://user:word@models.example.org/public/a", id="credentials in the address"),
        pytest.param(LIST, "https://models.example.org/public/../private", id="a step up"),
        pytest.param(LIST, "https://models.example.org/public/%2e%2e/private", id="an encoded step up"),
        pytest.param(LIST, "https://models.example.org/public/%252e%252e/private", id="a twice encoded step up"),
        pytest.param(LIST, "https://models.example.org/public/..;/private", id="a step up with a parameter"),
        pytest.param(LIST, "https://models.example.org/public/..%2fprivate", id="an encoded slash"),
        pytest.param(LIST, "https://models.example.org/public/..%5cprivate", id="an encoded backslash"),
        pytest.param(LIST, "https://models.example.org\\@evil.net/public/a", id="a backslash"),
        pytest.param(LIST, "https://models.example.org//public/a", id="an empty segment"),
        pytest.param(LIST, "https://models.example.org/public/a\r\nHost: evil", id="a line's end"),
        pytest.param(LIST, "https://models.example.org/public/%0d%0aHost:x", id="an encoded line's end"),
        pytest.param(LIST, "https://models.example.org/public/%zz", id="a broken encoding"),
        pytest.param(LIST, "https://models.example.org/public/%ff", id="an encoding that is no text"),
        pytest.param(LIST, "https://models.example.org./public/a", id="a host with a dot at its end"),
        pytest.param(LIST, "https://mödels.example.org/public/a", id="letters that must be encoded"),
        pytest.param(LIST, "https://models.example.org/public/a#x", id="a fragment"),
        pytest.param(LIST, "ftp://models.example.org/public/a", id="another scheme"),
        pytest.param(LIST, "file:///etc/passwd", id="a file"),
        pytest.param(LIST, "https:///public/a", id="no host"),
        pytest.param(LIST, "https://models.example.org:99999/public/a", id="a port that there isn't"),
        pytest.param(LIST, "s3://bucket/production", id="another prefix of the bucket that begins alike"),
        pytest.param(LIST, "s3://bucket-2/prod", id="another bucket that begins alike"),
        pytest.param(LIST, "http://0x0a.0.0.7:8080/a", id="an IP address in another form"),
        pytest.param(LIST, "http://167772167:8080/a", id="an IP address as one number"),
        pytest.param(DEFAULT, "http://anywhere.example.net/a", id="no encryption, by default"),
        pytest.param(DEFAULT, "https://anywhere.example.net:8443/a", id="another port, by default"),
        pytest.param(DEFAULT, "https://localhost/a", id="this machine, by default"),
        pytest.param(DEFAULT, "https://a.localhost/a", id="another name of this machine"),
        pytest.param(DEFAULT, "https://127.0.0.1/a", id="this machine's address"),
        pytest.param(DEFAULT, "https://[::ffff:127.0.0.1]/a", id="this machine's address in an IPv6 one"),
        pytest.param(DEFAULT, "https://169.254.169.254/latest", id="the metadata's address"),
        pytest.param(DEFAULT, "https://10.1.2.3/a", id="a private address"),
        pytest.param("", "https://anywhere.example.net/a", id="an empty list allows nothing"),
    ],
)
def test_an_address_that_is_not(allowed, address):
    assert not is_allowed(allowed, address)


def test_a_refusal_names_what_is_allowed_and_shows_no_secret():
    with pytest.raises(UrlRefusedError) as caught:
        AllowedUrls.parse(LIST).check("https://evil.net/a?X-Amz-Signature=hidden")
    assert "s3://bucket/prod" in str(caught.value)
    assert "https://evil.net/a is not allowed" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("models.example.org", id="no scheme"),
        pytest.param("http://", id="every host without encryption"),
        pytest.param("https://user@host/", id="credentials"),
        pytest.param("https://host/a/../b", id="a step up"),
        pytest.param("https://host/%61", id="an encoded letter"),
        pytest.param("https://host/a?b", id="a query"),
        pytest.param("https://*.example.org", id="a wildcard"),
        pytest.param("ftp://host/", id="another scheme"),
    ],
)
def test_an_entry_that_could_be_misread_is_refused(entry):
    with pytest.raises(ValueError, match="is no prefix"):
        AllowedUrls.parse(f"https://fine.example.org,{entry}")


@pytest.mark.parametrize(
    ("allowed", "address", "leads_to", "expected"),
    [
        pytest.param(DEFAULT, "https://a.example.org/x", "93.184.216.34", "", id="a public address"),
        pytest.param(DEFAULT, "https://a.example.org/x", "10.0.0.1", "by name", id="a private one must be listed"),
        pytest.param(DEFAULT, "https://a.example.org/x", "100.64.0.1", "by name", id="so must a provider's own"),
        pytest.param(DEFAULT, "https://a.example.org/x", "fd00::1", "by name", id="and a private IPv6 one"),
        pytest.param(DEFAULT, "https://a.example.org/x", "127.0.0.1", "never asked", id="a name for this machine"),
        pytest.param(
            DEFAULT, "https://a.example.org/x", "::ffff:169.254.169.254", "never asked", id="metadata in IPv6"
        ),
        pytest.param(DEFAULT, "https://a.example.org/x", "64:ff9b::a9fe:a9fe", "never asked", id="metadata by NAT64"),
        pytest.param(DEFAULT, "https://a.example.org/x", "fe80::1%eth0", "never asked", id="link-local with a zone"),
        pytest.param(DEFAULT, "https://a.example.org/x", "168.63.129.16", "never asked", id="Azure's metadata"),
        pytest.param(DEFAULT, "s3://bucket/x", "10.0.0.1", "", id="AWS may be reached by a private endpoint"),
        pytest.param(DEFAULT, "s3://bucket/x", "169.254.169.254", "never asked", id="but not for metadata"),
        pytest.param(LIST, "http://minio.minio.svc:9000/models/a", "10.96.3.4", "", id="a host that is listed by name"),
        pytest.param(
            LIST, "http://minio.minio.svc:9000/models/a", "127.0.0.1", "never asked", id="which leads to this machine"
        ),
        pytest.param(
            "http://169.254.169.254/m", "http://169.254.169.254/m/a", "169.254.169.254", "", id="listed literally"
        ),
        pytest.param("http://localhost:9000", "http://localhost:9000/a", "127.0.0.1", "", id="this machine, listed"),
        pytest.param("http://localhost:9000", "http://localhost:9000/a", "::1", "", id="this machine, by IPv6"),
        pytest.param(
            "http://localhost:9000", "http://localhost:9000/a", "169.254.1.1", "never asked", id="which is no other"
        ),
    ],
)
def test_the_address_that_a_name_leads_to(allowed, address, leads_to, expected):
    why = refuse_address(leads_to, parse_url(address), AllowedUrls.parse(allowed).check(address))
    assert (expected in why) if expected else why == ""


@pytest.mark.parametrize(
    ("uri", "endpoint", "expected"),
    [
        pytest.param("s3://bucket/a/b", "", "s3://bucket/a/b", id="at AWS"),
        pytest.param("s3://bucket/a", "http://minio:9000", "http://minio:9000/bucket/a", id="below another endpoint"),
    ],
)
def test_the_address_of_a_bucket(uri, endpoint, expected):
    assert s3_address(uri, endpoint) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://user:word@host/path?signature=1#x", "https://host/path"),
        ("https://host", "https://host"),
        ("nothing", "nothing"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(address, expected):
    assert shown(address) == expected


SEGMENTS = st.lists(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1), max_size=4)


@given(SEGMENTS, st.sampled_from(["", "@evil.net", ".evil.net", ":8443", "/..", "/%2e%2e", "\\"]))
def test_nothing_that_passes_can_be_outside_of_its_prefix(segments, trick):
    """Whatever is let through has the listed host, and a path that stays below the prefix however it is decoded."""
    address = f"https://models.example.org{trick}/public/" + "/".join(segments)
    try:
        AllowedUrls.parse(LIST).check(address)
    except UrlRefusedError:
        return
    url = parse_url(address)
    assert (url.host, url.port, url.path[0]) == ("models.example.org", 443, "public")
    assert not {"..", "."} & set(url.path)
    assert not any(character in segment for segment in url.path for character in "/\\%")


@given(SEGMENTS)
def test_ordinary_names_pass_when_they_are_encoded(segments):
    names = [name for name in segments if not set(name) & set("/\\%;") and name.strip(".")]
    path = "/".join(quote(name, safe="") for name in names)
    assert is_allowed(LIST, f"https://models.example.org/public/{path}")


@given(st.ip_addresses())
def test_the_default_never_reaches_what_is_not_public(address):
    entries = AllowedUrls.parse(DEFAULT).check("https://a.example.org/x")
    if not refuse_address(str(address), parse_url("https://a.example.org/x"), entries):
        assert address.is_global
        assert not address.is_multicast
        assert address != ipaddress.ip_address("168.63.129.16")
