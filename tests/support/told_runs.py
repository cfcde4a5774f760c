"""Runs of main that end in an instance, and what its channels are told of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, Instance

Told = list[tuple[str, str]]
"""The labels of channels, and the news that each took."""


def run_of(number: int, status: str, *, minutes: float = 1, **changes: Any) -> Run:
    """Return a run of main.

    minutes   between the pushes of two numbers
    """
    pushed_at = RED.pushed_at + timedelta(minutes=minutes * (number - 900))
    return replace(RED, number=number, status=status, pushed_at=pushed_at, **changes)


def run_beside_setup(number: int, status: str, *, attempt: int = 2, **changes: Any) -> Run:
    """Return a run beside the setup of its pipeline, which is the first attempt; a pipeline each ten minutes."""
    jobs = tuple(replace(job, starts_s=0, lasts_s=60) for job in RED.jobs)
    return run_of(number, status, minutes=10, jobs=jobs, attempt=attempt, waited_s=30 * attempt, **changes)


async def finish(instance: Instance, number: int, status: str) -> Told:
    """End a run; what is told of it, sorted."""
    before = len(instance.channels.took)
    await instance.finish(run_of(number, status))
    await instance.drain(minutes=3)
    return _told(instance, before)


async def later(instance: Instance, **time: float) -> Told:
    """Look for reminders after a time; what is told then, sorted."""
    before = len(instance.channels.took)
    instance.clock.tick(**time)
    await instance.service.pipeline.remind()
    await instance.drain()
    return _told(instance, before)


def _told(instance: Instance, before: int) -> Told:
    # two channels take what is due at one moment in any order
    return sorted((label, str(message.news)) for label, message in instance.channels.took[before:])
