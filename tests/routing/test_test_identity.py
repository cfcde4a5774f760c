"""The identity of a test."""

import pytest

from service.model import TestFailure, TestIdentity
from service.routing.test_identity import base_job_name, identify


@pytest.mark.parametrize(
    ("posted", "base"),
    [
        ("unit", "unit"),
        ("unit 2/4", "unit"),
        ("unit (rerun)", "unit"),
        ("unit 12/40 (rerun)", "unit"),
        ("unit-3.11-postgres", "unit-3.11-postgres"),  # parameters of a matrix
        ("unit 2/4 extra", "unit 2/4 extra"),
        ("unit2/4", "unit2/4"),
        (" 2/4", " 2/4"),
        ("", ""),
    ],
)
def test_only_the_part_of_a_parallel_job_or_rerun_is_removed(posted: str, base: str) -> None:
    assert base_job_name(posted) == base


def test_a_test_is_named_by_its_class_or_else_its_file() -> None:
    with_both = TestFailure(name="adds", class_name="Cart", file="cart_test.py")
    with_file = TestFailure(name="adds", file="cart_test.py")

    assert identify("unit 1/2", with_both) == TestIdentity(job="unit", suite="Cart", name="adds")
    assert identify("unit", with_file) == TestIdentity(job="unit", suite="cart_test.py", name="adds")
    assert identify("unit", TestFailure(name="adds")) == TestIdentity(job="unit", suite="", name="adds")


def test_a_moved_file_is_the_same_test_if_it_has_a_class() -> None:
    before, after = (TestFailure(name="adds", class_name="Cart", file=file) for file in ("a.py", "b.py"))

    assert identify("unit", before) == identify("unit", after)
