"""`kubectl glm backtest anomalies`: files in, scores out, and what it says of files that are none."""

import csv
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

from glm_operator.cli.backtest.anomalies.labels import read_labels
from glm_operator.cli.backtest.anomalies.prometheus import MOST_SERIES, collect, pieces
from glm_operator.cli.backtest.anomalies.series import SeriesError, read_series, safe_names
from glm_operator.cli.main import main

ROWS = 330
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "$x_{[red]bad[/red]\n; rm -rf ~.csv"


def backtest(*arguments):
    return CliRunner().invoke(main, ["backtest", "anomalies", "--jobs", "1", *map(str, arguments)])


def write(path, values, stamp=lambda at: f"{at:%Y-%m-%d %H:%M:%S}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{stamp(BEGIN + timedelta(minutes=5 * row))},{value}" for row, value in enumerate(values)]
    path.write_text("\n".join(["timestamp,value", *lines, ""]))


def spiked(count=ROWS):
    values = 10 + np.random.default_rng(0).normal(0, 1, count)
    values[count - 20 : count - 10] += 30
    return [f"{value:.3f}" for value in values]


def window(first, last):
    return [f"{BEGIN + timedelta(minutes=5 * row):%Y-%m-%d %H:%M:%S.000000}" for row in (first, last)]


def scores(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_scored_judged_and_drawn(tmp_path):
    data, out, plots = tmp_path / "data", tmp_path / "data/results", tmp_path / "plots"
    write(data / "real" / HOSTILE, spiked())
    write(data / "calm.csv", ["5.0"] * 100)
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({f"real/{HOSTILE}": [window(ROWS - 25, ROWS - 5)], "calm.csv": []}))
    arguments = ("--data", data, "--labels", labels, "--out", out, "--plot", plots, "-o", "json")
    result = backtest(*arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["nab"]["files"] == 2
    assert told["nab"]["found"] == told["nab"]["windows"] == 1
    assert told["nab"]["standard"] > 50
    assert sorted(file["file"] for file in told["files"]) == ["calm.csv", f"real/{HOSTILE}"]
    rows = scores(out / "real" / HOSTILE)
    assert [row["value"] for row in rows] == spiked()
    assert np.argmax([float(row["score"]) for row in rows]) in range(ROWS - 20, ROWS - 10)
    assert {row["score"] for row in scores(out / "calm.csv")} == {"0"}
    assert (plots / "real" / f"{HOSTILE}.png").read_bytes().startswith(b"\x89PNG")
    # Results within the data are not taken for data the next time.
    assert len(json.loads(backtest(*arguments[:6], "-o", "json").stdout)["files"]) == 2


def test_a_missing_value_has_no_score_and_a_repeated_time_tells_nothing(tmp_path):
    rows = ["1.0"] * 80 + ["", "NaN", "inf"] + ["1.0"] * 20
    write(tmp_path / "one.csv", rows)
    path = tmp_path / "one.csv"
    path.write_text(path.read_text() + "2026-01-01 00:00:00,99\n")
    assert backtest("--data", path, "--out", tmp_path / "out").exit_code == 0
    told = [row["score"] for row in scores(tmp_path / "out/one.csv")]
    assert told == ["0"] * 80 + ["", "", ""] + ["0"] * 21


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("", "no columns timestamp,value", id="an empty file"),
        pytest.param("a,b\n1,2\n", "no columns timestamp,value", id="other columns"),
        pytest.param("timestamp,value\n2026-01-01,1\nsoon,2\n", "line 3: 'soon' is no time", id="a time that is none"),
        pytest.param("timestamp,value\nnan,1\n", "line 2: 'nan' is no time", id="a time that is no number"),
        pytest.param("timestamp,value\n2026-01-01,x\n", "line 2: 'x' is no number", id="a value that is none"),
        pytest.param("timestamp,value\n2026-01-01\n", None, id="a value that is not there is missing"),
        pytest.param("timestamp,value\n", None, id="a header alone"),
        pytest.param(
            "timestamp,value\n1767225600.5,1\n2026-01-01T01:00:00Z,2\n", None, id="seconds, and ISO with a zone"
        ),
    ],
)
def test_a_bad_file_is_named_and_the_others_are_scored(tmp_path, content, reason):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/bad.csv").write_text(content)
    write(tmp_path / "data/good.csv", ["1.0"] * 3)
    result = backtest("--data", tmp_path / "data", "--out", tmp_path / "out")
    assert result.exit_code == (1 if reason else 0), result.output
    assert (reason or "") in result.stderr
    assert "Traceback" not in result.output
    assert (tmp_path / "out/good.csv").is_file()


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"timestamp,value\n\xff\xfe,\x00\n")
    with pytest.raises(SeriesError, match=r"^bad\.csv can't be read"):
        read_series("bad.csv", tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param([], "give the series by --data or by --from-prometheus", id="no source"),
        pytest.param(["--from-prometheus", "http://127.0.0.1:1"], "needs --query", id="a server without a query"),
        pytest.param(["--data", "."], "there is no file *.csv", id="a folder without files"),
        pytest.param(["--data", ".", "--labels", "l.json"], "wanted: {file: [[first, last], ...]}", id="other labels"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l.json").write_text('{"a.csv": [["2026-01-01"]]}')
    result = backtest("--out", "out", *arguments)
    assert result.exit_code in (1, 2)
    assert reason in result.stderr


def test_the_input_is_never_written_over(tmp_path):
    write(tmp_path / "one.csv", ["1"])
    before = (tmp_path / "one.csv").read_text()
    result = backtest("--data", tmp_path / "one.csv", "--out", tmp_path)
    assert "would be written over" in result.stderr
    assert (tmp_path / "one.csv").read_text() == before


@pytest.mark.parametrize(
    ("name", "windows"),
    [
        pytest.param("a/one.csv", 1, id="the same name"),
        pytest.param("data/a/one.csv", 1, id="a backtest that starts a folder above"),
        pytest.param("two.csv", 0, id="the file alone, without windows"),
        pytest.param("one.csv", None, id="a name that fits two is neither"),
        pytest.param("other.csv", None, id="an unknown one"),
    ],
)
def test_labels_find_their_file(tmp_path, name, windows):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"a/one.csv": [["2026-01-01", "2026-01-02"]], "b/one.csv": [], "b/two.csv": []}))
    found = read_labels(path).of(name)
    assert (None if found is None else len(found)) == windows


@pytest.mark.parametrize(("days", "seconds"), [(90, 15), (14, 300), (1, 86_400), (7, 60)])
def test_a_long_query_is_split_below_prometheus_limit_without_loss(days, seconds):
    step, end = timedelta(seconds=seconds), BEGIN + timedelta(days=days)
    asked = [(end - begin) // step for begin, end in pieces(BEGIN, end, step)]
    assert max(asked) + 1 <= 11_000
    assert sum(points + 1 for points in asked) == (end - BEGIN) // step + 1


def test_a_hostile_label_makes_no_path():
    names = safe_names(["../../etc/passwd", "a=1", "a 1", "\0", "é" * 500])
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and len(name) < 100 and name[0] != "." for name in names)


def test_an_answer_with_very_many_series_is_bounded_and_says_so():
    points = {}
    answer = [{"metric": {"pod": str(number)}, "values": [[0, "1"]]} for number in range(MOST_SERIES + 5)]
    assert len(collect(points, answer)) == 5
    later = [{"metric": {"pod": "0"}, "values": [[60, "2"]]}]
    assert collect(points, later) == set()
    assert len(points) == MOST_SERIES
    assert points["pod=0"] == {0.0: 1.0, 60.0: 2.0}


class Prometheus(BaseHTTPRequestHandler):
    """Answers range queries as Prometheus does, and refuses as it does."""

    def do_GET(self):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        step = float(asked["step"].rstrip("s"))
        times = np.arange(float(asked["start"]), float(asked["end"]) + 1e-6, step)
        status = 400 if len(times) > 11_000 or asked["query"] != 'up{job="a&b"}' else 200
        metric = {"__name__": "up", "pod": "../x"}
        result = [
            {"metric": metric, "values": [[at, "1" if number % 50 else "NaN"] for number, at in enumerate(times)]}
        ]
        answer = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer if status == 200 else b'{"error": "exceeded maximum resolution of 11,000 points"}')

    def log_message(self, *_):
        pass


@pytest.fixture
def prometheus():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_users_own_past_is_scored(tmp_path, prometheus):
    source = ("--from-prometheus", prometheus, "--days", 1, "--out", tmp_path)
    result = backtest(*source, "--query", 'up{job="a&b"}', "-o", "json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["files"]
    assert [(file["samples"], file["missing"]) for file in told] == [(289, 6)]
    assert [path.name for path in tmp_path.iterdir()] == [told[0]["file"]]
    refused = backtest(*source, "--query", "other")
    assert refused.exit_code == 1
    assert "does not answer the query 'other'" in refused.stderr
