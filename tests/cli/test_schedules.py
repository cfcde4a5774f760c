"""The schedules commands at the fake CircleCI."""

from collections.abc import Iterator

import pytest

from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.schedules_routes import SYSTEM
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas.schedules import BODY
from tests.support.app_fixture import RED_TO_WEB, TOKEN
from tests.support.cli_runner import Terminal, served

NIGHTLY = """
schedules:
  - {project: gh/acme/web, name: nightly, hours: [2], days: [mon, tue], branch: main, timezone: Asia/Tokyo}
"""
OTHER = {**{key: BODY[key] for key in ("timetable", "parameters")}, "actor": SYSTEM, "project-slug": "gh/acme/web"}


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def operator(terminal: Terminal, fake: FakeCircleCI) -> Iterator[Terminal]:
    with served(fake) as address:
        terminal.configure(RED_TO_WEB + NIGHTLY, ROUNDSMAN_CIRCLECI_URL=address)
        yield terminal


def verbs(said: object) -> list[str]:
    return [step["verb"] for step in said.json["steps"]]  # type: ignore[attr-defined]  # reason: any run


def test_plan_is_work_until_it_is_applied(operator: Terminal, fake: FakeCircleCI) -> None:
    before, done, after = (operator.run("schedules", verb, "--json") for verb in ("plan", "apply", "plan"))

    assert [(said.code, verbs(said)) for said in (before, done, after)] == [
        (1, ["create"]),
        (0, ["create"]),
        (0, ["unchanged"]),
    ]
    assert before.json["steps"][0]["times"] == "mon, tue 02:00 UTC (now 11:00 Asia/Tokyo)"
    [made] = fake.schedules.registered.values()
    assert made["description"] == "(managed by Roundsman)"
    assert made["timetable"] == {"per-hour": 1, "hours-of-day": [2], "days-of-week": ["MON", "TUE"]}
    assert (made["parameters"], made["actor"]) == ({"branch": "main"}, SYSTEM)


def test_changed_times_parameters_and_actor_are_updated(operator: Terminal, fake: FakeCircleCI) -> None:
    operator.run("schedules", "apply")
    [made] = fake.schedules.registered.values()
    made |= {"timetable": made["timetable"] | {"hours-of-day": [3]}, "actor": {"login": "ada"}}
    made["parameters"] = {"branch": "main", "deep": True}

    said = operator.run("schedules", "apply", "--json")

    assert (said.code, verbs(said)) == (0, ["update"])
    assert said.json["steps"][0]["why"] == "times, parameters, runs as ada"
    assert operator.run("schedules", "plan").code == 0


def test_only_schedules_with_our_mark_are_deleted(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.schedules.registered |= {
        "a": {**OTHER, "id": "a", "name": "left over", "description": "old (managed by Roundsman)"},
        "b": {**OTHER, "id": "b", "name": "theirs", "description": "by hand"},
    }

    said = operator.run("schedules", "apply", "--json")

    assert sorted(verbs(said)) == ["create", "delete", "foreign"]
    assert sorted(one["name"] for one in fake.schedules.registered.values()) == ["nightly", "theirs"]


def test_foreign_schedule_of_the_same_name_is_in_the_way(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.schedules.registered["b"] = {**OTHER, "id": "b", "name": "nightly", "description": None}

    said = operator.run("schedules", "apply", "--json")

    assert (said.code, verbs(said)) == (1, ["name_taken"])
    assert [call.method for call in fake.calls if call.method != "GET"] == []


def test_all_pages_are_read_before_anything_is_made(operator: Terminal, fake: FakeCircleCI) -> None:
    operator.run("schedules", "apply")
    fake.schedules.page_size = 1
    nightly = dict(fake.schedules.registered)
    fake.schedules.registered = {"b": {**OTHER, "id": "b", "name": "theirs", "description": ""}, **nightly}

    assert sorted(verbs(operator.run("schedules", "plan", "--json"))) == ["foreign", "unchanged"]


def test_a_write_that_reads_back_otherwise_is_a_failure(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.schedules.drops = ("description",)

    said = operator.run("schedules", "apply", "--json")

    assert (said.code, verbs(said)) == (1, ["failed"])
    assert "reads back with other description" in said.json["steps"][0]["why"]


def test_refused_project_leaves_the_others_alone(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.faults.next("/project/gh/acme/web/schedule", broken(403))

    said = operator.run("schedules", "apply", "--json")

    assert (said.code, verbs(said)) == (1, ["failed"])


def test_table_fits_80_columns(operator: Terminal) -> None:
    operator.run("schedules", "apply")

    said = operator.run("schedules", "list")

    assert said.code == 0
    assert max(map(len, said.lines)) <= 80
    assert said.lines[1].split()[:2] == ["ours", "gh/acme/web"]
