"""The figures that CircleCI counts, as lines of a digest."""

from dataclasses import replace
from typing import Any

import pytest

from service.db.tables import Transaction
from service.model import Event, Insight, InsightKind, Project, Question
from service.pipeline.digests.digest_insights import insight_lines
from service.store.circleci import insights
from tests.support.app_fixture import NINE, Instance
from tests.support.example_events import FAILED

pytestmark = pytest.mark.databases("sqlite", "postgres")


def summary(place: str, *items: dict[str, Any]) -> Insight:
    question = Question(kind=InsightKind.SUMMARIES, place=place)
    return Insight(question=question, tried_at=NINE, asked_at=NINE, facts={"items": items})


def item(name: str, share: float | None, runs: int = 1200, spent: int | None = None) -> dict[str, Any]:
    return {"name": name, "share": share, "runs": runs, "credits": spent}


def run(name: str) -> Event:
    return replace(FAILED, project=Project(slug=f"github/acme/{name}", name=name))


async def test_workflows_that_fail_most_come_first_and_those_without_runs_are_left_out(instance: Instance) -> None:
    web = summary("gh/acme/web", item("unknown", None), item("build", 0.5, spent=3400), item("idle", 0.1, runs=0))
    api, foreign = summary("gh/acme/api", item("build", 0.5), item("all", 0.5)), summary("gh/acme/x", item("x", 0.1))

    def put(transaction: Transaction) -> None:
        for one in (web, api, foreign):
            insights.put(transaction, one)

    store = instance.service.context.store
    await store.write(put)

    assert await store.read(insight_lines, [run("web"), run("api")]) == [
        "acme/api all: 50 % successful of 1,200 runs in 30 days",
        "acme/api build: 50 % successful of 1,200 runs in 30 days",
        "acme/web build: 50 % successful of 1,200 runs in 30 days, 3,400 credits",
        "acme/web unknown: an unknown share of 1,200 runs in 30 days",
    ]
