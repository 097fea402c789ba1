"""Objects of a real S3 server: continued after a cut, checked, and refused with a sentence."""

import io

import pytest

from archives import noise
from fetching import Fetching
from glm_operator.repository_init import s3_source
from glm_operator.repository_init.failure import FetchError
from s3_server import ACCESS, BUCKET, s3_server

WEIGHTS = noise(300_000)
FILES = {"echo/1/model.py": b"code", "echo/1/weights": WEIGHTS, "echo/1/empty": b""}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        server.put({f"prod/{path}": content for path, content in FILES.items()})
        server.put({"production/echo/1/model.py": b"another prefix that begins alike"})
        yield server


@pytest.fixture
def server(running):
    running.wire.requests.clear()
    return running


def fetching_of(folder, server, prefix="prod", **options):
    source = {"uri": f"s3://{BUCKET}/{prefix}", "region": "us-east-1", "endpoint": server.url}
    options = {"allowed": server.url, "secret": ACCESS} | options
    return Fetching(folder, "s3", source | options.pop("source", {}), **options)


@pytest.fixture
def fetching(tmp_path, server):
    return fetching_of(tmp_path, server)


def test_the_objects_below_the_prefix_become_files_and_no_others(fetching):
    fetching.run()
    assert fetching.tree() == FILES


def test_a_second_start_asks_nobody(fetching, server):
    fetching.run()
    asked = len(server.wire.requests)
    fetching.run()
    assert len(server.wire.requests) == asked


@pytest.mark.parametrize("prefix", ["prod/", "prod"])
def test_a_slash_at_the_prefixs_end_makes_no_difference(tmp_path, server, prefix):
    fetching = fetching_of(tmp_path, server, prefix)
    fetching.run()
    assert fetching.tree() == FILES


def test_a_cut_connection_is_continued_where_it_was_cut(tmp_path, server):
    server.put({"one/echo/1/weights": WEIGHTS})
    fetching = fetching_of(tmp_path, server, "one")
    server.wire.cut_after = [150_000, 100_000]
    fetching.run()
    assert fetching.tree() == {"echo/1/weights": WEIGHTS}
    first, *others = server.wire.ranges("one/echo/1/weights")
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in others]
    assert first == ""
    assert 0 < starts[0] < 150_000
    assert starts[0] < starts[1] < 250_000


def test_a_killed_container_continues_each_object_at_its_next_start(tmp_path, server, monkeypatch):
    server.put({"two/echo/1/weights": WEIGHTS, "two/echo/1/model.py": b"code"})
    fetching = fetching_of(tmp_path, server, "two")
    monkeypatch.setattr("glm_operator.repository_init.retry.TRIES", 1)
    monkeypatch.setattr(s3_source, "PARALLEL", 1)
    server.wire.cut_after = [1 << 20, 150_000]
    with pytest.raises(FetchError, match="broke"):
        fetching.run()
    fetching.run()
    assert fetching.tree() == {"echo/1/weights": WEIGHTS, "echo/1/model.py": b"code"}
    assert len(server.wire.ranges("two/echo/1/model.py")) == 1, "what was whole is not fetched again"
    assert server.wire.ranges("two/echo/1/weights")[1].startswith("bytes=")


def test_an_object_that_is_replaced_between_two_starts_is_fetched_anew(tmp_path, server, monkeypatch):
    server.put({"three/echo/1/weights": noise(200_000, seed=3), "three/echo/1/gone": b"x"})
    fetching = fetching_of(tmp_path, server, "three")
    monkeypatch.setattr("glm_operator.repository_init.retry.TRIES", 1)
    server.wire.cut_after = [100_000, 100_000]
    with pytest.raises(FetchError, match="broke"):
        fetching.run()
    server.wire.cut_after.clear()
    server.put({"three/echo/1/weights": WEIGHTS})
    server.admin.remove_object(BUCKET, "three/echo/1/gone")
    fetching.run()
    assert fetching.tree() == {"echo/1/weights": WEIGHTS}


def test_a_disturbed_object_is_noticed_and_fetched_again(tmp_path, server):
    server.put({"four/echo/1/weights": WEIGHTS})
    fetching = fetching_of(tmp_path, server, "four")
    server.wire.flip = 1
    fetching.run()
    assert fetching.tree() == {"echo/1/weights": WEIGHTS}
    assert server.wire.ranges("four/echo/1/weights") == ["", ""]


def test_an_object_that_stays_disturbed_is_told(tmp_path, server):
    server.put({"five/echo/1/weights": WEIGHTS})
    server.wire.flip = 2
    with pytest.raises(FetchError, match=r"has another .*MD5 than its server says; upload it anew"):
        fetching_of(tmp_path, server, "five").run()


def test_an_upload_in_parts_has_no_md5_and_is_taken_by_its_size(tmp_path, server):
    content = noise(6 << 20)
    server.admin.put_object(BUCKET, "six/echo/1/weights", io.BytesIO(content), -1, part_size=5 << 20)
    fetching = fetching_of(tmp_path, server, "six")
    fetching.run()
    assert fetching.tree() == {"echo/1/weights": content}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"secret": ACCESS | {"AWS_SECRET_ACCESS_KEY": "hidden"}}, "Secret access are refused", id="wrong"),
        pytest.param({"secret": ACCESS | {"AWS_ACCESS_KEY_ID": "hidden"}}, "Secret access are refused", id="unknown"),
        pytest.param({"secret": None}, "a request without credentials is refused", id="none, and the bucket is closed"),
        pytest.param({"secret": {"token": "hidden"}}, "no key AWS_ACCESS_KEY_ID and no key AWS_SECRET", id="others"),
        pytest.param({"source": {"uri": "s3://gone/x"}}, "there is no bucket gone", id="a bucket that isn't there"),
        pytest.param({"prefix": "nothing"}, "nothing is below s3://models/nothing/", id="a prefix with nothing below"),
        pytest.param({"allowed": "https://,s3://"}, "not allowed by the operator's setting", id="a server not listed"),
        pytest.param({"size_limit": 100_000}, "sizeLimit", id="more than the limit"),
    ],
)
def test_what_goes_wrong_is_told_with_what_to_do(tmp_path, server, options, expected):
    with pytest.raises(Exception, match=expected) as caught:
        fetching_of(tmp_path, server, **options).run()
    assert "hidden" not in str(caught.value)


def test_a_server_that_is_not_there_is_told(tmp_path, server):
    fetching = fetching_of(tmp_path, server, allowed="http://127.0.0.1:1", source={"endpoint": "http://127.0.0.1:1"})
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 could not be connected to; 6 tries"):
        fetching.run()


@pytest.mark.parametrize("key", ["bad/../../evil", "bad//evil", "bad/a\\b"])
def test_a_key_that_is_no_path_is_refused(tmp_path, server, monkeypatch, key):
    found = type("Found", (), {"object_name": key, "size": 1, "etag": "x"})
    monkeypatch.setattr(s3_source.Minio, "list_objects", lambda *_args, **_named: iter([found]))
    with pytest.raises(FetchError, match="has a name that can't be a path"):
        fetching_of(tmp_path, server, "bad").run()


def test_nothing_of_the_credentials_is_on_the_disk(fetching):
    fetching.run()
    written = [path.read_bytes() for path in fetching.folder.rglob("*") if path.is_file()]
    assert not any(ACCESS["AWS_SECRET_ACCESS_KEY"].encode() in content for content in written)


def test_a_failure_of_one_object_ends_the_others_and_keeps_what_they_have(tmp_path, server, monkeypatch):
    large = noise(3 << 20)
    server.put({f"seven/echo/1/{name}": large for name in ("a", "b", "c")} | {"seven/echo/1/d": b"x"})
    fetching = fetching_of(tmp_path, server, "seven")
    failing = s3_source.ObjectsFetch._attempt

    def attempt(self, item, part):
        if item.path.endswith("/d"):
            raise FetchError("d is refused")
        return failing(self, item, part)

    with monkeypatch.context() as patched:
        patched.setattr(s3_source.ObjectsFetch, "_attempt", attempt)
        with pytest.raises(FetchError, match="d is refused"):
            fetching.run()
    fetching.run()
    assert fetching.tree() == {f"echo/1/{name}": large for name in ("a", "b", "c")} | {"echo/1/d": b"x"}
