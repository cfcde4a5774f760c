"""The figures that CircleCI counts, beside our own on the page of a project."""

from datetime import timedelta
from typing import Any

import pytest

from service.db.tables import Transaction
from service.model import Insight, InsightKind, Question
from service.store.circleci import insights
from tests.support.app_fixture import NINE, RED, Instance
from tests.support.operator_client import Operator

OF_ALL = "All projects of the organization"


def insight(kind: InsightKind, place: str, **facts: Any) -> Insight:
    asked_at = NINE - timedelta(hours=2)
    return Insight(question=Question(kind=kind, place=place), tried_at=asked_at, asked_at=asked_at, facts=facts)


async def shown(instance: Instance, **of_organization: Any) -> str:
    """Return the page of a project, when CircleCI said this of its organization."""

    def put(transaction: Transaction) -> None:
        item = {"name": "build-and-test", "runs": 1_200, "share": 0.5, "credits": 3_400, "median_s": 60, "p95_s": 90}
        insights.put(transaction, insight(InsightKind.SUMMARIES, "gh/acme/web", items=[item]))
        insights.put(transaction, insight(InsightKind.ORGANIZATION, "gh/acme", **of_organization))

    await instance.finish(RED)
    await instance.drain()
    await instance.service.context.store.write(put)
    page = await instance.http.get("/projects/acme/web", auth=Operator())
    assert page.status_code == 200, page.text
    return page.text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"runs": 12_345, "share": 0.75, "credits": 67_890},
            f"{OF_ALL}: 75 % of 12,345 runs in 90 days, 67,890 credits.",
        ),
        ({"runs": 1, "share": None, "credits": None}, f"{OF_ALL}: 1 run in 90 days."),
    ],
    ids=["all", "runs alone"],
)
async def test_figures_of_an_organization_are_shown(instance: Instance, said: Any, words: str) -> None:
    assert words in await shown(instance, **said)


@pytest.mark.parametrize("runs", [0, None])
async def test_organization_without_runs_is_left_out(instance: Instance, runs: int | None) -> None:
    assert OF_ALL not in await shown(instance, runs=runs, share=0.0, credits=0)
