"""An archive from a real server that breaks off, changes, refuses and lies."""

import socket

import pytest

from archive_server import PATH, serving
from archives import Entry, noise, tar_gz
from fetching import archive_fetching
from glm_operator.api.allowed_urls import UrlRefusedError
from glm_operator.repository_init.failure import FetchError
from glm_operator.repository_init.retry import TRIES

WEIGHTS = noise(300_000)
ARCHIVE = tar_gz(Entry("echo/1/model.py", b"code"), Entry("echo/1/weights", WEIGHTS))
OTHER = tar_gz(Entry("echo/1/model.py", b"other"), Entry("echo/1/weights", noise(300_000, seed=2)))
FILES = {"echo/1/model.py": b"code", "echo/1/weights": WEIGHTS}


@pytest.fixture
def site():
    with serving(ARCHIVE) as site:
        yield site


@pytest.fixture
def fetching(tmp_path, site):
    return archive_fetching(tmp_path, site)


def test_an_archive_becomes_folders_and_nothing_else(fetching, site):
    fetching.run()
    assert fetching.tree() == FILES
    assert len(site.seen) == 1
    assert not fetching.part.exists()


def test_a_second_start_asks_nobody(fetching, site):
    fetching.run()
    fetching.run()
    assert (fetching.tree(), len(site.seen)) == (FILES, 1)


def test_a_broken_connection_is_continued_where_it_broke(fetching, site):
    site.break_after = [100_000, 50_000]
    fetching.run()
    assert fetching.tree() == FILES
    assert site.headers_seen("Range") == [None, "bytes=100000-", "bytes=150000-"]
    assert site.headers_seen("If-Range") == [None, site.effective_etag, site.effective_etag]


def test_a_killed_container_continues_at_its_next_start(fetching, site, monkeypatch):
    site.break_after = [100_000]
    monkeypatch.setattr("glm_operator.repository_init.retry.TRIES", 1)
    with pytest.raises(FetchError, match="broke"):
        fetching.run()
    assert fetching.part.stat().st_size == 100_000
    fetching.run()
    assert fetching.tree() == FILES
    assert site.headers_seen("Range") == [None, "bytes=100000-"]


def test_all_was_there_when_it_was_killed(fetching, site):
    fetching.part.parent.mkdir(parents=True)
    fetching.part.write_bytes(ARCHIVE)
    fetching.run()
    assert (fetching.tree(), site.headers_seen("Range")) == (FILES, [f"bytes={len(ARCHIVE)}-"])


def test_an_archive_that_changes_between_two_parts_is_fetched_anew(tmp_path, site):
    fetching = archive_fetching(tmp_path, site, OTHER)
    site.break_after = [100_000]
    fetching._sleep = lambda _: setattr(site, "content", OTHER)
    fetching.run()
    assert fetching.tree()["echo/1/model.py"] == b"other"
    assert len(site.seen) == 2


@pytest.mark.parametrize("left", [OTHER[:100_000], OTHER + b"more"], ids=["a piece", "more than there is"])
@pytest.mark.parametrize("etag", [None, ""], ids=["with an ETag", "without one"])
def test_a_piece_of_another_archive_does_no_harm(fetching, site, left, etag):
    site.etag = etag
    fetching.part.parent.mkdir(parents=True)
    fetching.part.write_bytes(left)
    fetching.run()
    assert fetching.tree() == FILES


def test_a_server_without_ranges_is_asked_for_the_whole(fetching, site):
    site.ranges, site.break_after = False, [100_000]
    fetching.run()
    assert (fetching.tree(), len(site.seen)) == (FILES, 2)


def test_a_server_that_sends_another_part_than_asked_for(fetching, site):
    site.break_after, site.content_range = [100_000], "bytes 5-9/10"
    fetching.run()
    assert fetching.tree() == FILES
    assert site.headers_seen("Range") == [None, "bytes=100000-", None]


@pytest.mark.parametrize("cut", [[], [100_000]], ids=["whole", "broken off"])
def test_a_server_that_does_not_say_how_long_it_is(fetching, site, cut):
    site.chunked, site.break_after = True, cut
    fetching.run()
    assert fetching.tree() == FILES


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_is_asked_again_when_it_says(fetching, site, status):
    site.statuses = [status, status]
    fetching.run()
    assert (fetching.tree(), fetching.slept) == (FILES, [7.0, 7.0])


def test_tries_are_bounded_and_wait_longer_each_time(fetching, site):
    site.break_after = [0] * 100
    with pytest.raises(FetchError, match="in vain"):
        fetching.run()
    assert (len(site.seen), fetching.slept) == (TRIES, [1, 2, 4, 8, 16])


def test_tries_are_not_counted_while_there_is_progress(fetching, site):
    site.break_after = [20_000] * 12
    fetching.run()
    assert fetching.tree() == FILES
    assert set(fetching.slept) == {1}


def test_time_is_bounded_and_what_was_fetched_is_kept(fetching, site):
    site.break_after, fetching.timeout = [20_000] * 12, 3
    with pytest.raises(FetchError, match="no time is left"):
        fetching.run()
    assert fetching.part.stat().st_size == 60_000


@pytest.mark.parametrize(
    ("status", "secret", "expected"),
    [
        pytest.param(404, None, "nothing is there; correct spec.repository.http.uri", id="nothing there"),
        pytest.param(401, None, "name a Secret", id="credentials are wanted"),
        pytest.param(403, {"token": "hidden"}, "credentials of Secret access are refused", id="credentials are wrong"),
        pytest.param(400, None, "the request is refused", id="another refusal"),
    ],
)
def test_a_refusal_is_told_with_what_to_do_and_not_repeated(tmp_path, site, status, secret, expected):
    site.statuses = [status]
    with pytest.raises(FetchError, match=expected) as caught:
        archive_fetching(tmp_path, site, secret=secret).run()
    assert "hidden" not in str(caught.value)
    assert len(site.seen) == 1


def test_a_wrong_checksum_is_told_with_both_and_nothing_is_unpacked(tmp_path, site):
    fetching = archive_fetching(tmp_path, site, b"something else")
    for _ in range(2):
        with pytest.raises(FetchError, match="correct the one that is wrong") as caught:
            fetching.run()
        assert fetching.source["sha256"] in str(caught.value)
    assert fetching.tree() == {}
    assert site.headers_seen("If-None-Match") == [None, site.effective_etag], "a wrong archive is fetched once"


def test_a_corrected_archive_is_taken_after_a_wrong_one(tmp_path, site):
    fetching = archive_fetching(tmp_path, site, OTHER)
    with pytest.raises(FetchError):
        fetching.run()
    site.content = OTHER
    fetching.run()
    assert fetching.tree()["echo/1/model.py"] == b"other"


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param({"token": "abc\n"}, "Bearer abc", id="a token, with the line's end that a file has"),
        pytest.param({"username": "u", "password": "p"}, "Basic dTpw", id="a name and a password"),
    ],
)
def test_credentials_of_the_secret_are_sent(tmp_path, site, secret, expected):
    site.authorization = expected
    fetching = archive_fetching(tmp_path, site, secret=secret)
    fetching.run()
    assert fetching.tree() == FILES


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param({"other": "x"}, "neither the key token nor username", id="no key of ours"),
        pytest.param({"username": "u"}, "no key password", id="a name alone"),
        pytest.param({"token": "a\nX: b"}, "can't be sent in a header", id="a token with a line's end inside"),
        pytest.param({"token": "a", "ca.crt": "no"}, "no certificate in PEM", id="a broken certificate"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told(tmp_path, site, secret, expected):
    with pytest.raises(FetchError, match=expected):
        archive_fetching(tmp_path, site, secret=secret).run()
    assert site.seen == []


def test_credentials_are_not_sent_on_to_another_host(tmp_path, site):
    with serving(ARCHIVE) as other:
        site.redirects = {PATH: other.address}
        fetching = archive_fetching(tmp_path, site, secret={"token": "t"}, allowed=f"{site.url},{other.url}")
        fetching.run()
        assert fetching.tree() == FILES
        assert (site.headers_seen("Authorization"), other.headers_seen("Authorization")) == (["Bearer t"], [None])


def test_credentials_are_sent_on_to_the_same_host(tmp_path, site):
    site.redirects, site.authorization = {PATH: f"{PATH}?signed"}, "Bearer t"
    archive_fetching(tmp_path, site, secret={"token": "t"}).run()
    assert site.headers_seen("Authorization") == ["Bearer t", "Bearer t"]


def test_a_redirect_out_of_the_list_is_not_followed(fetching, site):
    with serving(ARCHIVE) as other:
        site.redirects = {PATH: other.address}
        with pytest.raises(FetchError, match="not allowed by the operator's setting repositoryUrls"):
            fetching.run()
        assert other.seen == []


def test_redirects_are_bounded(fetching, site):
    site.redirects = {PATH: PATH}
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetching.run()


def test_a_redirect_to_the_machine_itself_is_not_followed(fetching, site):
    site.redirects = {PATH: "http://127.1/"}
    with pytest.raises((FetchError, UrlRefusedError), match="write the IP address"):
        fetching.run()


def test_a_name_that_leads_to_the_machine_itself_is_not_asked(tmp_path, site, monkeypatch):
    """The list is asked about the name, and the connection about the address: here a name server lies."""
    real = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *rest, **named: real("127.0.0.1", *rest, **named))
    port = site.url.rpartition(":")[2]
    fetching = archive_fetching(tmp_path, site, allowed=f"http://models.example.org:{port}")
    fetching.source["uri"] = f"http://models.example.org:{port}{PATH}"
    with pytest.raises(FetchError, match=r"leads to 127\.0\.0\.1, an address of the node itself"):
        fetching.run()
    assert site.seen == []


def test_an_address_that_is_not_listed_is_not_asked_whatever_the_operator_said(tmp_path, site):
    with pytest.raises(FetchError, match="allowed are addresses that begin with https://"):
        archive_fetching(tmp_path, site, allowed="https://").run()
    assert site.seen == []


@pytest.mark.parametrize("chunked", [False, True], ids=["told before", "found out"])
def test_an_archive_over_the_limit_is_not_fetched(tmp_path, site, chunked):
    site.chunked = chunked
    fetching = archive_fetching(tmp_path, site, size_limit=100_000)
    with pytest.raises(FetchError, match=r"raise spec\.repository\.download\.sizeLimit"):
        fetching.run()
    assert not fetching.part.exists() or fetching.part.stat().st_size <= 100_000


def test_archive_and_files_together_are_bounded(tmp_path, site):
    with pytest.raises(FetchError, match="sizeLimit"):
        archive_fetching(tmp_path, site, size_limit=len(ARCHIVE) + 100_000).run()


def test_a_name_that_nobody_knows_is_told(tmp_path, site, monkeypatch):
    def unknown(*_args, **_named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    fetching = archive_fetching(tmp_path, site, allowed="http://gone.example.org")
    fetching.source["uri"] = "http://gone.example.org/a"
    with pytest.raises(FetchError, match=r"no name server knows gone\.example\.org"):
        fetching.run()


def test_a_server_that_is_not_there_is_told(tmp_path):
    with serving(ARCHIVE) as gone:
        fetching = archive_fetching(tmp_path, gone)
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 could not be connected to"):
        fetching.run()


def test_progress_is_told_with_share_and_rate_at_most_every_few_seconds(tmp_path, site, capsys):
    site.break_after = [20_000] * 12
    archive_fetching(tmp_path, site, secret={"token": "hidden"}).run()
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if "/s" in line]
    assert 1 <= len(lines) <= 3, "12 seconds of waiting"
    assert " of 0.3 MiB (" in lines[0]
    assert "hidden" not in out
