"""Cases that are left to ``make test-all``, because another of their kind is tried by ``make test``."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")


def first_and_long(cases: Sequence[T]) -> list[object]:
    """Return cases for ``parametrize``, all but the first marked as long."""
    first, *others = cases
    return [first, *(_long(case) for case in others)]


def _long(case: object) -> object:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.long)


def few_and_long(cases: Iterable[T], *, every: int = 4) -> list[object]:
    """Return cases of one value for ``parametrize``, all but one in so many marked as long."""
    return [
        pytest.param(case, marks=pytest.mark.long) if number % every else pytest.param(case)
        for number, case in enumerate(cases)
    ]
