"""Runs that infrastructure broke: by the stated facts, and by no others."""

from dataclasses import replace
from typing import Any

import pytest

from service.model import DetailKind, Details, FailedStep, JobReport, MissingDetail, TestReport
from service.routing.infrastructure import is_infrastructure

READ = frozenset({DetailKind.JOBS, DetailKind.LOG})


def job(status: str = "failed", **facts: Any) -> JobReport:
    return JobReport(name="unit", status=status, **facts)


def step(name: str, exit_code: int | None = 1) -> FailedStep:
    return FailedStep(name=name, exit_code=exit_code)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([job("infrastructure_fail")], True),
        ([job("infrastructure_fail"), job("success"), job("canceled")], True),
        ([job("infrastructure_fail"), job(step=step("Run tests"))], False),  # each of them must be
        ([job(step=step("Spin up environment"))], True),
        ([job(step=step("Spin up container image cimg/base:2026.01"))], True),
        ([job(step=step("Checkout code", 128))], True),
        ([job(step=step("  Checkout code", 128))], True),
        ([job(step=step("Restoring cache"))], True),
        ([job(step=step("restore_cache"))], True),
        ([job(step=step("docker pull acme/base"))], True),
        ([job(step=step("Check out the prices"))], False),
        ([job(step=step("Run docker pull and test"))], False),
        ([job(step=step("Run tests", None))], True),  # no exit code
        ([job(step=step("Run tests", 0))], True),
        ([job(step=step("Run tests", 137))], False),
        ([job()], True),  # its steps were read, and none failed
        ([job(tests=TestReport(counts={"failure": 1}))], False),
        ([job("timedout")], False),
        ([job("timedout", step=step("Run tests", None))], False),
        ([job("success")], False),
        ([], False),
    ],
)
def test_infrastructure_is_known_by_facts_alone(jobs: list[JobReport], expected: bool) -> None:
    assert is_infrastructure(Details(wanted=READ, jobs=tuple(jobs))) is expected


def test_steps_that_were_not_read_say_nothing() -> None:
    unasked = Details(wanted=frozenset({DetailKind.JOBS}), jobs=(job(),))
    gap = MissingDetail(want=DetailKind.LOG, reason="CircleCI answered 500", is_final=False)

    assert not is_infrastructure(unasked)
    assert is_infrastructure(replace(unasked, wanted=frozenset({DetailKind.STEPS})))
    assert not is_infrastructure(replace(unasked, wanted=READ, missing=(gap,)))
    assert not is_infrastructure(Details(wanted=READ))
