"""A database of either kind with a past to search in, filled once for all tests of a module."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.bench.past import fill
from tests.support.databases import a_copy

Filled = Callable[[str], str]
"""The address of the database of a kind."""


def a_past_of(size: int) -> Callable[..., Any]:
    """A fixture: where the rows of ``Past(size)`` are, on each kind of database that a test asks for."""

    @pytest.fixture(scope="module")
    def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
        def empty(kind: str) -> str:
            if kind == "sqlite":
                return (
                    f"sqlite:///{shutil.copy(request.getfixturevalue('migrated'), tmp_path_factory.mktemp('filled'))}"
                )
            copy = a_copy(request.getfixturevalue("server"), request.getfixturevalue("template"))
            return stack.enter_context(copy)

        @cache  # tests come in any order: whichever is the first of its kind waits for this
        def url_of(kind: str) -> str:
            url = empty(kind)
            fill(url, size)
            return url

        with ExitStack() as stack:
            yield url_of

    return filled
