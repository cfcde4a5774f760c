"""A database of either kind with a past to search in, filled once for all tests of a module."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.bench.past import fill
from tests.databases import a_copy


def a_past_of(size: int) -> Callable[..., Any]:
    """A fixture: the address of a database that holds the rows of ``Past(size)``."""

    @pytest.fixture(scope="module", params=["sqlite", "postgres"])
    def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        if request.param == "sqlite":
            file = shutil.copy(request.getfixturevalue("migrated"), tmp_path_factory.mktemp("filled"))
            fill(f"sqlite:///{file}", size)
            yield f"sqlite:///{file}"
            return
        with a_copy(request.getfixturevalue("server"), request.getfixturevalue("template")) as url:
            fill(url, size)
            yield url

    return filled
