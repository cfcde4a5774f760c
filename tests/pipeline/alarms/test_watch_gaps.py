"""Where the budget does not suffice to find missed webhooks in time, that is said."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from service.model.reconciling import PipelineToAsk, Urgency
from service.pipeline.alarms.watch_gaps import watch_gaps
from service.store.circleci import reconciling
from service.testing.fake_circleci.payloads import workflow_completed
from tests.pipeline.reconciling.test_reconcile import ROUTES, begin, missed, reconcile, run
from tests.support.app_fixture import NINE, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN

OPERATORS = ROUTES.replace(
    "receivers:\n", "operators: {receiver: platform}\nreceivers:\n  platform: {channels: [json://ops.example.com]}\n"
)

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])


@pytest.mark.long
async def test_find_that_is_late_for_want_of_calls_is_said_once_with_its_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_RECONCILE_CALLS="3") as instance:
        await begin(instance)
        missed(instance, *(run(instance, number, minutes_ago=20 - number / 1000) for number in range(1490, 1510)))
        await reconcile(instance, steps=16)
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        gaps = (await instance.http.get("/health.json", headers=headers)).json()["webhooks"]["gaps"]
        page = (await instance.http.get("/health", headers=headers)).text
        metrics = (await instance.http.get("/metrics")).text
        said = capsys.readouterr().out

        assert gaps["is_behind"]
        assert gaps["waiting"] > 0
        assert gaps["behind_s"] >= 120
        assert "more wait to be asked for, the first of them for " in page
        assert said.count("missed webhooks are found later than within five minutes") == 1
        assert "roundsman_reconcile_behind_seconds 0.0" not in metrics

        await reconcile(instance, steps=40)

        gaps = (await instance.http.get("/health.json", headers=headers)).json()["webhooks"]["gaps"]
        assert (gaps["is_behind"], gaps["waiting"], gaps["behind_s"]) == (False, 0, 0)
        assert capsys.readouterr().out.count("within five minutes") == 1


@pytest.mark.long
async def test_operators_hear_once_that_asking_is_late_by_a_quarter_of_an_hour_and_of_its_end(folder: Path) -> None:
    async with an_instance(folder, OPERATORS, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_RECONCILE_CALLS="3") as instance:
        await begin(instance)
        missed(instance, *(run(instance, number, minutes_ago=20 - number / 1000) for number in range(1481, 1541)))
        titles = []
        for _ in range(14):
            await reconcile(instance, steps=10)
            titles.append([message.title for label, message in instance.channels.took if "late" in message.title])

    assert titles[0] == []
    title = "Roundsman: missed webhooks are found late"
    assert titles[-1] == [title, f"{title}: this has ended"]


async def wait(instance: Instance, seconds: float) -> None:
    """Have one pipeline wait to be asked for since so long; look, and tell the operators."""
    context, due_at = instance.service.context, instance.clock() - timedelta(seconds=seconds)
    waiting = PipelineToAsk(
        id="p", project_id="o", slug="gh/acme/web", created_at=NINE, urgency=Urgency.UNKNOWN, due_at=due_at
    )
    instance.change("DELETE FROM pipelines_to_ask")
    await context.store.write(partial(reconciling.add, found=[waiting]))
    await watch_gaps(context, instance.clock())
    await instance.drain()


async def test_alarm_begins_at_a_quarter_of_an_hour_and_ends_when_asking_is_in_time_again(folder: Path) -> None:
    counts = []
    async with an_instance(folder, OPERATORS) as instance:
        for seconds in (0, 899, 900, 1000, 899, 121, 0):
            await wait(instance, seconds)
            counts.append(len(instance.channels.took))
        texts = [message.text for _, message in instance.channels.took]

    assert counts == [0, 0, 1, 1, 1, 1, 2]
    assert "(1) the first has waited for 15 minutes" in texts[0]


async def test_without_operators_gaps_are_measured_and_told_to_no_one(folder: Path) -> None:
    async with an_instance(folder, ROUTES) as instance:
        await wait(instance, 900)
        gauge = instance.service.context.metrics.registry.get_sample_value("roundsman_reconcile_behind_seconds")

    assert (gauge, instance.channels.took) == (900, [])


GAPS = [(3, 0, "of 3 did not come: they"), (1, 2, "of 1 did not come, and those of 2 came late: they")]


@pytest.mark.long
@pytest.mark.parametrize(("lost", "late", "said"), GAPS)
async def test_operators_hear_of_three_runs_whose_webhooks_did_not_come_or_came_late(
    folder: Path, lost: int, late: int, said: str
) -> None:
    async with an_instance(folder, OPERATORS, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await begin(instance)
        late_ones = [run(instance, 1490 + number, minutes_ago=20) for number in range(late)]
        missed(instance, *late_ones, *(run(instance, 1495 + number, minutes_ago=20) for number in range(lost - 1)))
        await reconcile(instance, steps=10)
        for one in late_ones:
            await instance.post(workflow_completed(one))
        await reconcile(instance, steps=10)
        before = list(instance.channels.told)
        missed(instance, run(instance, 1500, minutes_ago=0.5))
        await reconcile(instance, steps=25)
        [(_, alarm)] = instance.channels.took

    assert before == []
    assert f"Of {1 + lost + late} workflows that ended within a day the webhooks {said}" in alarm.text
