"""Who has what is red: incidents, and the state of a branch, asked for over the API."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from service.db.tables import Transaction
from service.model import Project
from service.pipeline.judgment.judge_runs import judge_runs
from service.store.events import events
from tests.pipeline.judgment.test_judge_runs import run
from tests.support.app_fixture import Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

KEYS = [
    *(
        "id",
        "project",
        "project_name",
        "branch",
        "workflow",
        "definition",
        "state",
        "opened_at",
        "closed_at",
        "opened_by",
        "closed_by",
    ),
    *("closed_because", "streak", "fingerprint", "taken", "class", "class_by", "fixed_by", "muted_until"),
]


def judge(transaction: Transaction, posted: Sequence[Any]) -> None:
    events.put_all(transaction, posted)
    judge_runs(transaction, posted)


async def happened(instance: Instance, *posted: Any) -> None:
    """Runs that were posted and judged, one by one; the clock stands a little after the last."""
    for event in posted:
        await instance.service.context.store.write(judge, [event])
    instance.clock.now = max(event.happened_at for event in posted)
    instance.clock.tick(hours=1)


async def get(instance: Instance, address: str) -> Any:
    response = await instance.http.get(f"/api/v1/{address}")
    assert response.status_code == 200, response.text
    return response.json()


async def status(instance: Instance, query: str = "?project=gh/acme/web") -> Any:
    return await get(instance, f"status{query}")


async def one(instance: Instance, query: str = "") -> Any:
    [item] = (await get(instance, f"incidents{query}"))["items"]
    return item


async def act(instance: Instance, verb: str, expected: int = 200, /, **fields: Any) -> Any:
    incident = await one(instance)
    response = await instance.http.post(f"/api/v1/incidents/{incident['id']}/{verb}", json=fields)
    assert response.status_code == expected, response.text
    return response.json()


async def test_a_red_branch_says_since_when_and_in_which_incident(instance: Instance) -> None:
    await happened(instance, run(1, "success"), run(2, "failed"), run(3, "failed"))
    incident = await one(instance)

    assert await status(instance) == {
        "project": "gh/acme/web",
        "project_name": "acme/web",
        "branch": "main",
        "state": "red",
        "since": incident["opened_at"],
        "workflows": [
            {
                "workflow": "build",
                "definition": None,
                "state": "red",
                "since": incident["opened_at"],
                "streak": 2,
                "incident": incident["id"],
                "taken": None,
                "muted_until": None,
            }
        ],
        "coverage": {"known": 0, "red_runs": 2},
    }
    assert list(incident) == KEYS
    assert (incident["state"], incident["streak"], incident["opened_by"]) == ("open", 2, run(2, "failed").workflow.id)


async def test_a_green_branch_says_since_when(instance: Instance) -> None:
    await happened(instance, run(1, "success"), run(2, "failed"), run(3, "success"), run(4, "success"))
    incident = await one(instance)

    found = await status(instance)
    assert (found["state"], found["since"]) == ("green", incident["closed_at"])
    assert [(shape["streak"], shape["incident"]) for shape in found["workflows"]] == [(0, None)]
    assert (incident["state"], incident["closed_because"], incident["closed_by"]) == (
        "closed",
        "green",
        run(3, "success").workflow.id,
    )


@pytest.mark.parametrize(
    ("colors", "state"),
    [
        (("success", "success"), "green"),
        (("success", "failed"), "red"),
        (("success", "canceled"), "green"),
        (("failed", "canceled"), "red"),
        (("canceled", "canceled"), "unknown"),
    ],
)
async def test_red_goes_before_unknown_and_unknown_before_none(
    instance: Instance, colors: tuple[str, str], state: str
) -> None:
    first, second = (run(number, color) for number, color in enumerate(colors, start=1))
    await happened(instance, first, replace(second, workflow=replace(second.workflow, name="lint")))

    assert (await status(instance))["state"] == state
    assert [shape["workflow"] for shape in (await status(instance))["workflows"]] == ["build", "lint"]
    assert [shape["workflow"] for shape in (await status(instance, "?project=web&workflow=lint"))["workflows"]] == [
        "lint"
    ]


async def test_without_a_branch_it_is_main_else_master(instance: Instance) -> None:
    await happened(instance, run(1, "failed", branch="topic"), run(2, "success", branch="master"))
    assert (await status(instance))["branch"] == "master"

    await happened(instance, run(3, "failed"))
    found = await status(instance)
    assert (found["branch"], found["state"]) == ("main", "red")
    assert (await status(instance, "?project=gh/acme/web&branch=topic"))["state"] == "red"
    assert (await status(instance, ""))["workflows"][0]["project"] == "gh/acme/web"


@pytest.mark.parametrize("query", ["?project=gh/acme/wbe", "?project=gh/acme/web&branch=mian", ""])
async def test_what_has_no_runs_is_unknown(instance: Instance, query: str) -> None:
    if query:
        await happened(instance, run(1, "success"))

    found = await status(instance, query)

    assert (found["state"], found["since"], found["workflows"]) == ("unknown", None, [])


async def test_both_spellings_of_a_slug_are_one_project(instance: Instance) -> None:
    red = run(2, "failed")
    await happened(instance, run(1, "success"), replace(red, project=Project(slug="github/acme/web", name="web")))

    assert ((await status(instance))["project"], (await status(instance))["state"]) == ("gh/acme/web", "red")


async def test_a_name_of_two_projects_is_asked_back(instance: Instance) -> None:
    other = replace(run(2, "failed"), project=Project(id="q", slug="gh/beta/web", name="beta/web"), org="beta")
    first = replace(run(1, "success"), project=Project(id="p", slug="gh/acme/web", name="acme/web"))
    await happened(instance, first, other)

    refused = await instance.http.get("/api/v1/status?project=web")

    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "'web' may be gh/acme/web or gh/beta/web; write the whole of it",
    )


@pytest.mark.long
@pytest.mark.parametrize("written", ["github/acme/web", "gh/acme/web", "GH/Acme/Web", "web"])
async def test_a_project_is_known_by_each_of_its_names(instance: Instance, written: str) -> None:
    await happened(instance, run(1, "success"))

    assert len((await status(instance, f"?project={written}"))["workflows"]) == 1


async def test_a_red_branch_without_runs_for_long_does_not_count(instance: Instance) -> None:
    await happened(instance, run(1, "failed", branch="topic"))
    instance.clock.tick(days=13)
    assert (await status(instance, "?project=web&branch=topic"))["state"] == "red"

    instance.clock.tick(days=2)
    assert (await status(instance, "?project=web&branch=topic"))["state"] == "unknown"


async def test_an_incident_is_taken_and_released(instance: Instance) -> None:
    await happened(instance, run(1, "failed"))
    taken = await act(instance, "take", by="Linh", until="2h", note="a flaky\n network")

    assert taken["taken"] == {
        "by": "Linh",
        "at": "2026-11-22T13:15:00.000Z",
        "until": "2026-11-22T15:15:00.000Z",
        "note": "a flaky network",
    }
    assert (await status(instance))["workflows"][0]["taken"] == taken["taken"]
    assert (await act(instance, "release", because="back to the team"))["taken"] is None
    assert "is not taken" in (await act(instance, "release", 409))["error"]
    shown = await get(instance, f"incidents/{taken['id']}")
    assert [(done["verb"], done["who"], done["reason"]) for done in shown["actions"]] == [
        ("take", "api token of admin", "for Linh; until 2026-11-22 15:15 UTC; a flaky network"),
        ("release", "api token of admin", "back to the team"),
    ]


async def test_one_who_does_not_say_who_takes_it_by_the_name_of_the_credential(instance: Instance) -> None:
    await happened(instance, run(1, "failed"))
    incident = await one(instance)

    response = await instance.http.post(f"/api/v1/incidents/{incident['id']}/take")

    assert response.json()["taken"] | {"at": None} == {
        "by": "api token of admin",
        "at": None,
        "until": None,
        "note": None,
    }


async def test_an_incident_is_classified_also_when_it_is_over(instance: Instance) -> None:
    await happened(instance, run(1, "failed"), run(2, "success"))

    found = await act(instance, "classify", 200, **{"class": "flaky"})
    fixed = await act(instance, "classify", fixed_by="4f1c2d7")

    assert (found["class"], found["class_by"], found["fixed_by"]) == ("flaky", "api token of admin", None)
    assert (fixed["class"], fixed["class_by"], fixed["fixed_by"]) == ("flaky", "api token of admin", "4f1c2d7")


async def test_an_incident_is_muted_until_a_time_or_until_it_is_fixed(instance: Instance) -> None:
    await happened(instance, run(1, "failed"))

    assert (await act(instance, "mute", until="1d"))["muted_until"] == "2026-11-23T13:15:00.000Z"
    assert (await act(instance, "mute"))["muted_until"] == "9999-01-01T00:00:00.000Z"
    assert (await act(instance, "mute", until="now"))["muted_until"] is None
    assert "is not muted" in (await act(instance, "mute", 409, until="now"))["error"]


@pytest.mark.parametrize("verb", ["take", "release", "mute"])
async def test_a_closed_incident_is_left_alone(instance: Instance, verb: str) -> None:
    await happened(instance, run(1, "failed"), run(2, "success"))

    refused = await act(instance, verb, 409)

    assert f"was closed at 2026-11-22T12:25:00.000Z: there is nothing to {verb}" in refused["error"]
    assert instance.rows("SELECT * FROM actions") == []


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("verb", "fields", "problem"),
    [
        ("mute", {"until": "2026-01-01"}, "until '2026-01-01' is not later than now; write 2h, 1d12h or"),
        ("mute", {"until": 5}, "until must be a text"),
        ("take", {"until": "soon"}, "'soon' is not a time; write"),
        ("take", {"untill": "2h"}, "'untill' means nothing for take; did you mean until?"),
        ("take", {"note": "x" * 501}, "note may have 500 characters, and this one has 501; shorten it"),
        ("classify", {"class": "flakey"}, "'flakey' is not a class; did you mean flaky?"),
        ("classify", {"class": "?"}, "'?' is not a class; there are new, flaky, infrastructure, known_problem, exp"),
        ("classify", {}, "class is missing; there are new, flaky"),
        ("classify", {"fixed_by": "the last one"}, "fixed_by 'the last one' is not a revision"),
    ],
)
async def test_a_wrong_word_is_answered_with_the_next_step(
    instance: Instance, verb: str, fields: dict[str, Any], problem: str
) -> None:
    await happened(instance, run(1, "failed"))

    refused = await act(instance, verb, 400, **fields)

    assert problem in refused["error"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("incidents?state=opne", "'opne' is not a state; did you mean open?"),
        ("incidents?projekt=web", "'projekt' is not something to search by; did you mean project?"),
        ("status?branche=main", "'branche' means nothing here; did you mean branch?"),
        ("incidents?limit=0", "limit must be a whole number from 1 to 200"),
        ("incidents/none", "'none' is not an id"),
    ],
)
async def test_a_wrong_question_is_answered_with_a_near_word(instance: Instance, address: str, problem: str) -> None:
    response = await instance.http.get(f"/api/v1/{address}")

    assert (response.status_code, problem in response.json()["error"]) == (400, True)


async def test_an_unknown_incident_is_not_found(instance: Instance) -> None:
    address = f"/api/v1/incidents/{UUID(int=7)}"

    assert (await instance.http.get(address)).status_code == 404
    assert (await instance.http.post(f"{address}/take")).status_code == 404


async def test_a_list_goes_page_by_page_and_by_project_branch_and_state(instance: Instance) -> None:
    await happened(
        instance,
        run(1, "failed"),
        run(2, "success"),
        run(3, "failed"),
        run(4, "failed", branch="topic"),
        run(5, "success"),
    )
    every = (await get(instance, "incidents"))["items"]
    first = await get(instance, "incidents?limit=2")
    rest = await get(instance, f"incidents?limit=2&cursor={first['next']}")

    assert [(item["branch"], item["state"]) for item in every] == [
        ("topic", "open"),
        ("main", "closed"),
        ("main", "closed"),
    ]
    assert (first["items"] + rest["items"], rest["next"]) == (every, None)
    assert (await get(instance, "incidents?state=open"))["items"] == every[:1]
    assert (await get(instance, "incidents?state=closed&project=web"))["items"] == every[1:]
    assert (await get(instance, "incidents?branch=main&state=open&state=closed"))["items"] == every[1:]
    assert (await get(instance, "incidents?project=gh/acme/other"))["items"] == []


async def test_one_that_became_part_of_another_leads_to_it(instance: Instance) -> None:
    await happened(instance, run(1, "failed"), run(2, "success"), run(3, "failed"))
    younger, older = (await get(instance, "incidents"))["items"]
    green = run(2, "success")
    later = replace(
        green,
        id=UUID(int=9),
        source_event_id="later",
        status="failed",
        happened_at=run(3, "failed").happened_at,
        workflow=replace(green.workflow, status="failed"),
    )
    await happened(instance, later)

    assert [item["id"] for item in (await get(instance, "incidents"))["items"]] == [younger["id"]]
    assert (await get(instance, f"incidents/{older['id']}"))["id"] == younger["id"]


@pytest.mark.long
@pytest.mark.databases("sqlite")
async def test_strangers_may_do_nothing(instance: Instance) -> None:
    await happened(instance, run(1, "failed"))
    incident = await one(instance)
    async with instance.stranger() as stranger:
        answers = [
            await stranger.get("/api/v1/status"),
            await stranger.get("/api/v1/incidents"),
            await stranger.get(f"/api/v1/incidents/{incident['id']}"),
            *[
                await stranger.post(f"/api/v1/incidents/{incident['id']}/{verb}")
                for verb in ("take", "release", "classify", "mute")
            ],
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert instance.rows("SELECT * FROM actions") == []


@pytest.mark.parametrize(("verb", "asked"), [("take", {"by": "Linh"}), ("mute", {})])
async def test_nothing_is_taken_or_muted_for_longer_than_people_remember(
    instance: Instance, verb: str, asked: dict[str, str]
) -> None:
    await happened(instance, run(1, "failed"))

    error = (await act(instance, verb, 400, **asked, until="9999d"))["error"]

    assert "until may be at most 90 days ahead" in error


@pytest.mark.long
async def test_the_state_says_until_when_an_incident_is_muted(instance: Instance) -> None:
    await happened(instance, run(1, "failed"))
    await act(instance, "mute", until="2h")

    assert (await status(instance))["workflows"][0]["muted_until"] == "2026-11-22T15:15:00.000Z"
