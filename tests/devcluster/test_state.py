import socket
from pathlib import Path

import pytest

from devcluster.state import FIRST_PORT, PORTS, Layout, Settings, choose_port, read_settings, write_settings


def test_two_checkouts_share_no_name() -> None:
    first, second = Layout(Path("/src/one")), Layout(Path("/src/two"))
    assert first.name != second.name
    assert first.preferred_port != second.preferred_port


@pytest.mark.parametrize("path", ["/a", "/src/one", "/home/someone/with blank/and/a/very/long/path" * 5])
def test_a_name_and_a_port_fit_whatever_the_path(path: str) -> None:
    layout = Layout(Path(path))
    assert len(layout.name) == len("glm-12345678")
    assert FIRST_PORT <= layout.preferred_port < FIRST_PORT + PORTS


def test_a_port_in_use_is_passed_over() -> None:
    port = choose_port(FIRST_PORT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert choose_port(port) > port


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no file"),
        pytest.param("", id="an empty file"),
        pytest.param('{"port": 20', id="half a file"),
        pytest.param('{"port": 1, "unknown": 2}', id="a file of another version"),
        pytest.param("{}", id="a file without a port"),
    ],
)
def test_settings_that_cannot_be_read_are_none(tmp_path: Path, content: str | None) -> None:
    layout = Layout(tmp_path)
    if content is not None:
        layout.folder.mkdir()
        layout.settings.write_text(content)
    assert read_settings(layout) is None


def test_settings_are_read_as_written(tmp_path: Path) -> None:
    layout, settings = Layout(tmp_path), Settings(port=20_001, nodes=2, kwok=True)
    write_settings(layout, settings)
    assert read_settings(layout) == settings
