"""`kubectl glm backtest scaling`: options, mistakes, outputs."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

from glm_operator.cli.backtest.group import SUBCOMMANDS
from glm_operator.cli.backtest.scaling.prometheus import query_traffic
from glm_operator.cli.backtest.scaling.traffic import TrafficError, read_traffic
from glm_operator.cli.main import main

HEADER = "seconds,requests_per_second"


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def csv(tmp_path):
    rates = np.random.default_rng(0).uniform(100, 600, size=190)
    return write(tmp_path / "load.csv", HEADER, *(f"{600 * at},{rate:.1f}" for at, rate in enumerate(rates)))


def run(*arguments):
    return CliRunner().invoke(main, ["backtest", "scaling", *arguments])


def test_json_holds_one_object_for_each_policy_and_target(csv):
    outcome = run("--traffic", csv, "--policy", "hpa", "--policy", "oracle", "--sweep-target", "0.5,0.8", "-o", "json")
    assert outcome.exit_code == 0, outcome.output
    results = json.loads(outcome.stdout)
    assert [(one["policy"], one["target"]) for one in results] == [("hpa", 0.5), ("hpa", 0.8), ("oracle", 1.0)]
    assert set(results[0]) == {
        "policy",
        "target",
        "violation_share",
        "replica_hours",
        "oracle_ratio",
        "scale_changes_per_day",
    }
    assert "hpa at 0.5 (1 of 3)" in outcome.stderr


def test_every_policy_runs_by_default_and_the_picture_is_one(csv, tmp_path):
    picture = tmp_path / "curve.png"
    outcome = run("--traffic", csv, "--sweep-target", "0.8", "--scale-peak-to", "900", "--plot", str(picture))
    assert outcome.exit_code == 0, outcome.output
    for policy in ("hpa", "kpa", "hpa-yesterday", "oracle", "glm-reactive", "glm-predictive"):
        assert policy in outcome.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_latency_limit_and_the_start_of_pods_matter(csv):
    def share(*options):
        outcome = run("--traffic", csv, "--policy", "hpa", "--sweep-target", "0.8", "-o", "json", *options)
        return json.loads(outcome.stdout)[0]["violation_share"]

    assert share("--pod-start-seconds", "20") < share() < share("--pod-start-seconds", "600")
    assert share("--latency-limit-ms", "5000") < share() < share("--latency-limit-ms", "80")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "--traffic", id="no load at all"),
        pytest.param(["--from-prometheus", "http://p"], "--query", id="Prometheus without a query"),
        pytest.param(["--traffic", "CSV", "--from-prometheus", "http://p"], "one of the two", id="two loads"),
        pytest.param(["--traffic", "CSV", "--sweep-target", "0.5,x"], "no list of numbers", id="a target that is none"),
        pytest.param(["--traffic", "CSV", "--sweep-target", "70"], "from 0.05 to 1", id="a target in percent"),
        pytest.param(["--traffic", "CSV", "--policy", "best"], "'best' is not one of", id="a policy that is none"),
        pytest.param(["--traffic", "CSV", "--latency-limit-ms", "50"], "every request", id="a limit below the latency"),
        pytest.param(["--traffic", "/nowhere.csv"], "does not exist", id="a file that is not there"),
        pytest.param(["--traffic", "CSV", "--pod-rps", "0"], "--pod-rps", id="pods that can do nothing"),
    ],
)
def test_a_mistake_is_told(csv, arguments, message):
    outcome = run(*[csv if argument == "CSV" else argument for argument in arguments])
    assert outcome.exit_code == 2
    assert message in outcome.stderr


LONG_ENOUGH = [f"{at * 600},5" for at in range(160)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param([], "no column seconds", id="an empty file"),
        pytest.param(["time,rate", "0,1"], "no column seconds", id="other columns"),
        pytest.param([HEADER, *LONG_ENOUGH[:3], "1800,many"], "line 5: two numbers", id="a word for a rate"),
        pytest.param([HEADER, *LONG_ENOUGH[:3], "1800"], "line 5: two numbers", id="a missing rate"),
        pytest.param([HEADER, "0,5", "600,NaN"], "line 3: NaN at 600 is no rate", id="NaN"),
        pytest.param([HEADER, "0,5", "600,-1"], "line 3: -1 at 600 is no rate", id="less than nothing"),
        pytest.param([HEADER, "600,5", "0,5"], "line 3: 0 does not come after 600", id="unsorted"),
        pytest.param([HEADER, "0,5"], "1 points", id="one point"),
        pytest.param([HEADER, *LONG_ENOUGH[:100]], "the first day is not counted", id="less than a day"),
        pytest.param([HEADER, *(line.replace(",5", ",0") for line in LONG_ENOUGH)], "no request at all", id="no load"),
    ],
)
def test_a_file_that_is_no_load(tmp_path, lines, message):
    with pytest.raises(TrafficError, match=message):
        read_traffic(_file(tmp_path, lines))


def _file(tmp_path, lines):
    path = tmp_path / "load.csv"
    write(path, *lines)
    return path


def test_a_file_with_more_columns_and_a_byte_order_mark_is_read(tmp_path):
    lines = ["\ufeffname,seconds,requests_per_second", *(f"x,{line}" for line in LONG_ENOUGH)]
    assert read_traffic(_file(tmp_path, lines)).rates.max() == 5


def test_it_begins_at_its_first_time(tmp_path):
    lines = [HEADER, *(f"{1_700_000_000 + at * 600},{at % 7}" for at in range(160))]
    assert read_traffic(_file(tmp_path, lines)).seconds[1] == 600


def test_the_group_names_its_subcommands_without_importing_them():
    outcome = CliRunner().invoke(main, ["backtest", "--help"])
    assert all(name in outcome.output for name in SUBCOMMANDS)


def test_prophet_and_stan_write_nothing_of_their_own(tmp_path):
    path = write(tmp_path / "load.csv", HEADER, *(f"{600 * at},{100 + at % 144}" for at in range(3 * 144 + 12)))
    command = [sys.executable, "-m", "glm_operator.cli.main", "backtest", "scaling", "--traffic", path]
    options = ["--policy", "glm-predictive", "--sweep-target", "0.8", "-o", "json"]
    outcome = subprocess.run([*command, *options], capture_output=True, text=True, timeout=100, check=True)
    told = {line.split(" ")[0] for line in outcome.stderr.splitlines()}
    assert told == {"glm-predictive", "forecast"}


def test_a_missing_library_is_told_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "prophet", None)
    path = write(tmp_path / "load.csv", HEADER, *(f"{600 * at},{100 + at % 144}" for at in range(3 * 144 + 30)))
    outcome = run("--traffic", path, "--policy", "glm-predictive", "--sweep-target", "0.8")
    assert outcome.exit_code == 1
    assert "pip install 'glm-operator[backtest]'" in outcome.stderr


NOW = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.fixture
def prometheus():
    """A server that answers range queries with two series of 3 and 4 a second, but for `nothing`, and refuses `bad`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = parse_qs(urlsplit(self.path).query)
            times = range(int(asked["start"][0]), int(asked["end"][0]) + 1, int(asked["step"][0]))
            assert len(times) <= 11_000
            series = [{"metric": {}, "values": [[at, str(rate)] for at in times]} for rate in (3, 4, "NaN")]
            body = {"data": {"result": [] if asked["query"] == ["nothing"] else series}}
            self.send_response(400 if asked["query"] == ["bad"] else 200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_prometheus_series_are_added_up_over_all_pieces(prometheus):
    traffic = query_traffic(prometheus, "sum(x)", 14, NOW)
    assert (traffic.days, set(traffic.rates.tolist())) == (14.0, {7.0})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("nothing", "knows nothing for 'nothing' in the last 2 days", id="no series"),
        pytest.param("bad", "does not answer the query 'bad'", id="a query that is refused"),
    ],
)
def test_what_prometheus_can_not_answer(prometheus, query, message):
    with pytest.raises(TrafficError, match=message):
        query_traffic(prometheus, query, 2, NOW)


def test_a_prometheus_that_is_not_there():
    with pytest.raises(TrafficError, match="does not answer"):
        query_traffic("http://127.0.0.1:1", "x", 2, NOW)
