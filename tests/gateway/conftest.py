from collections.abc import Iterator

import pytest

from real_envoy import Bootstrap, Place, chart_bootstrap


@pytest.fixture(scope="session")
def bootstrap() -> Bootstrap:
    return chart_bootstrap()


@pytest.fixture
def place(bootstrap) -> Iterator[Place]:
    place = Place(bootstrap)
    yield place
    place.clear()
