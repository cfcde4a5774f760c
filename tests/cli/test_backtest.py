"""routes backtest, and the tests of roundsman.yaml: nothing is sent, and what they say is what live routes do."""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.clock import now_utc
from service.errors import Permanent
from tests.support.app_fixture import RED, Clock, an_instance
from tests.support.cli_runner import Terminal
from tests.support.databases import database_of
from tests.year.invented import NEW_YEAR, arrivals, invent_year

CHANGES = """\
receivers:
  web: {channels: [json://web.example.com]}
  crew: {channels: [json://crew.example.com]}
routes:
  - name: main
    match: {branch: main}
    receiver: web
    continue: true
  - name: red
    match: {status: [failed, error]}
    receiver: crew
"""
NO_CREW = CHANGES.replace("match: {status: [failed, error]}", "match: {branch: nowhere}")


Sent = list[tuple[str, str]]


async def live(folder: Path, routes: str, *, seed: int = 3) -> Sent:
    """Live through posts with a real service; return what was sent, as channel and event."""
    clock = Clock(now=NEW_YEAR)
    async with an_instance(folder, routes, clock=clock) as instance:
        for post in arrivals(invent_year(seed, projects=1, runs=16), seed, late=3):
            await instance.post(post)
            await instance.drain(minutes=5)
        sent = instance.rows("SELECT channel_label, topic FROM notifications WHERE sent_at IS NOT NULL")
        assert len(instance.channels.took) == len(sent)
        return sorted(sent)


@pytest.fixture(scope="module")
def lived(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sent]:
    """A folder in which a service has lived, and what it sent."""
    folder = tmp_path_factory.mktemp("lived")
    shutil.copy(migrated, folder / "roundsman.db")
    return folder, asyncio.run(live(folder, CHANGES))


@pytest.fixture
def sent(lived: tuple[Path, Sent], terminal: Terminal) -> Sent:
    """What was sent by the service that lived in the terminal's folder."""
    shutil.copytree(lived[0], terminal.folder, dirs_exist_ok=True)
    terminal.configure(CHANGES)
    return lived[1]


@pytest.mark.long
def test_what_it_claims_is_what_was_really_sent(terminal: Terminal, sent: Sent) -> None:
    said = terminal.run("routes", "backtest", "--since", "2025-12-31", "--json")

    assert said.code == 0, said.err
    found = said.json
    assert len(sent) > 5
    assert found["messages"] == len(sent)
    assert (found["new"], found["gone"]) == ([], [])
    by_route = {one["route"]: one["messages"] for one in found["routes"]}
    assert by_route == {
        "main": sum(label.startswith("web") for label, _ in sent),
        "red": sum(label.startswith("crew") for label, _ in sent),
    }


@pytest.mark.long
@pytest.mark.parametrize("against", [pytest.param("sent", marks=pytest.mark.long), "current"])
def test_changed_routes_show_what_is_new_and_what_is_gone(terminal: Terminal, sent: Sent, against: str) -> None:
    (terminal.folder / "new.yaml").write_text(NO_CREW.replace("branch: main}", "status: success}"))
    before = terminal_rows(terminal)

    said = terminal.run(
        *("routes", "backtest", "--config", "new.yaml", "--since", "2025-12-31", "--against", against, "--json")
    )

    assert said.code == 0, said.err
    found = said.json
    routes = {one["route"]: one for one in found["routes"]}
    assert routes["red"]["messages"] == 0
    assert routes["red"]["gone"] == sum(label.startswith("crew") for label, _ in sent)
    assert routes["main"]["new"] > 0
    assert routes["main"]["gone"] > 0
    assert {one["status"] for one in found["new"]} == {"success"}
    assert found["a_day"] == pytest.approx(found["messages"] / found["days"], abs=0.01)
    assert terminal_rows(terminal) == before


def terminal_rows(terminal: Terminal) -> list[object]:
    database = database_of(terminal.folder)
    return [database.rows(f"SELECT count(*) FROM {name}") for name in ("events", "notifications", "attempts")]  # noqa: S608 - our own


@pytest.mark.long
@pytest.mark.usefixtures("sent")
def test_people_read_a_table(terminal: Terminal) -> None:
    (terminal.folder / "new.yaml").write_text(NO_CREW)

    said = terminal.run("routes", "backtest", "--config", "new.yaml", "--since", "2025-12-31")

    assert said.code == 0, said.err
    assert "nothing was sent" in said.lines[0]
    assert any(line.startswith("crew") and " red " in line for line in said.lines)
    assert "gone, of what was sent:" in said.lines


@pytest.mark.long
def test_wrong_use_is_said_with_the_next_step(terminal: Terminal, migrated: Path) -> None:
    shutil.copy(migrated, terminal.folder / "roundsman.db")
    terminal.configure(CHANGES)

    assert terminal.run("routes", "backtest", "--since", "soon").code == 2
    assert "does not exist" in terminal.run("routes", "backtest", "--config", "no.yaml").err
    assert terminal.run("routes", "backtest", "--json").json["messages"] == 0


def test_a_file_that_is_not_there_is_blamed_on_the_option(terminal: Terminal) -> None:
    said = terminal.run("routes", "backtest", "--config", "nosuch.yaml")

    assert (said.code, said.err.strip()) == (2, "--config nosuch.yaml does not exist; name the roundsman.yaml to try")
    assert "ROUNDSMAN_CONFIG" not in said.err


HOURS = timedelta(hours=3)
WITH_DIGEST = """\
receivers:
  web: {channels: [json://web.example.com]}
  crew: {channels: [json://crew.example.com]}
routes:
  - {name: main, match: {branch: main}, receiver: web, continue: true}
  - {name: red, match: {transition: [broke, fixed]}, receiver: crew}
digests:
  - {name: daily, receiver: crew, cron: "0 HOUR * * *"}
"""


async def live_hours(folder: Path, routes: str) -> None:
    """Live through a break and its end of which one channel takes nothing, some hours ago."""
    clock = Clock(now=now_utc() - HOURS)
    async with an_instance(folder, routes, clock=clock) as instance:
        instance.channels.plan["crew (json)"] = [Permanent("crew (json) answered 404")]
        for number, status in enumerate(("failed", "success")):
            run = replace(RED, status=status, number=700 + number, pushed_at=clock.now - timedelta(minutes=10))
            await instance.finish(run)
            await instance.drain(minutes=50)
        assert instance.channels.told == ["web (json)", "web (json)"]


@pytest.mark.long
def test_a_history_of_hours_counts_no_digest_before_it_and_refused_messages_apart(
    terminal: Terminal, migrated: Path
) -> None:
    shutil.copy(migrated, terminal.folder / "roundsman.db")
    routes = WITH_DIGEST.replace("HOUR", str((now_utc().hour + 12) % 24))
    asyncio.run(live_hours(terminal.folder, routes))
    terminal.configure(routes)
    terminal.run("version")  # what was logged until now is not the command's

    found = terminal.run("routes", "backtest", "--json").json
    said = terminal.run("routes", "backtest")

    assert (found["by_news"], found["new"], found["refused"]) == ({"broke": 2, "fixed": 2}, [], 2)
    assert (found["a_day"], found["days"]) == (None, pytest.approx(HOURS / timedelta(days=1), abs=0.02))
    assert "too short a history for a figure a day" in " ".join(said.out.split())
    assert said.lines[1].split() == ["receiver", "route", "messages", "new", "gone", "refused"]
    assert [line.split()[-3:] for line in said.lines if line.startswith(("crew", "web"))] == [
        ["0", "0", "2"],
        ["0", "0", "0"],
    ]


@pytest.mark.long
def test_a_history_of_nothing_is_said(terminal: Terminal, migrated: Path) -> None:
    shutil.copy(migrated, terminal.folder / "roundsman.db")
    terminal.configure(WITH_DIGEST.replace("HOUR", "9"))

    said = terminal.run("routes", "backtest")

    assert said.lines[0] == "no event is on record: there is nothing to play, and nothing was sent"


TESTS = """
tests:
  - name: red main tells the web team once
    given:
      - {project: gh/acme/web, branch: main, status: failed, at: "10:00"}
      - {project: gh/acme/web, branch: main, status: failed, at: "10:30"}
    expect:
      - {receiver: web, transition: broke, at: "10:00"}
      - {receiver: crew, transition: broke, at: "10:00"}
      - {receiver: crew, transition: still_broken, at: "10:30"}
  - name: nothing of topic branches that are green
    given: [{project: gh/acme/web, branch: topic, status: success, at: "10:00"}]
    expect: []
"""


@pytest.mark.long
def test_tests_of_the_file_pass(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.yaml").write_text(CHANGES + TESTS)

    said = terminal.run("routes", "check")

    assert said.code == 0, said.out + said.err
    assert "passed  red main tells the web team once" in said.lines
    assert "passed  nothing of topic branches that are green" in said.lines


@pytest.mark.long
def test_failed_test_names_what_is_missing_and_what_was_sent(terminal: Terminal) -> None:
    wrong = TESTS.replace('web, transition: broke, at: "10:00"', 'web, transition: fixed, at: "10:30"')
    (terminal.folder / "roundsman.yaml").write_text(CHANGES + wrong)

    said = terminal.run("routes", "check")

    assert said.code == 1
    assert "FAILED  red main tells the web team once" in said.lines
    assert '  - {receiver: web, transition: fixed, at: "10:30"}  expected, and not sent' in said.lines
    assert '  + {receiver: web, route: main, transition: broke, at: "10:00"}  sent, and not expected' in said.lines
    [failed, passed] = terminal.run("routes", "check", "--json").json["tests"]
    assert (failed["passed"], passed["passed"]) == (False, True)
    assert failed["unexpected"][0]["transition"] == "broke"


KINDS = """
receivers:
  quiet: {channels: [json://quiet.example.com]}
  team: {channels: [json://team.example.com]}
routes:
  - {name: flakes, match: {flaky: true}, receiver: quiet}
  - {name: slow, match: {status: success, slower: "> 1.5x"}, receiver: quiet, continue: true}
  - {name: breaks, match: {branch: main}, receiver: team}
tests:
  - name: a flake that stays red is a break, and all who were told hear of its end
    given:
      - {branch: main, status: failed, flaky: true, at: "10:00"}
      - {branch: main, status: failed, flaky: true, at: "10:30"}
      - {branch: main, status: failed, flaky: false, at: "11:00"}
      - {branch: main, status: success, at: "11:30"}
    expect:
      - {receiver: quiet, transition: broke, at: "10:00"}
      - {receiver: team, transition: broke, at: "11:00"}
      - {receiver: team, transition: fixed, at: "11:30"}
      - {receiver: quiet, transition: fixed, at: "11:30"}
  - name: a slow green run
    given:
      - {branch: main, status: success, slower: 2x, at: "10:00"}
      - {branch: main, status: success, slower: 1x, at: "10:30"}
    expect: [{receiver: quiet, transition: passed, at: "10:00"}]
"""


@pytest.mark.long
def test_tests_give_the_kind_of_a_red_run_and_its_times(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.yaml").write_text(KINDS)

    said = terminal.run("routes", "check")

    assert (said.code, said.err) == (0, "")
    assert "passed  a flake that stays red is a break, and all who were told hear of its end" in said.lines


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("receiver: web, trans", "receiver: wep, trans", "expect 1: receiver wep is not one of the receivers"),
        ("transition: broke", "transition: broken", "transition broken is not a transition; did you mean broke?"),
        ('at: "10:00"', "at: ten", "at ten is not a time"),
        (
            "status: failed",
            "status: failed, flaky: maybe",
            "flaky 'maybe' is not a value of flaky; there are true, false",
        ),
        ("status: failed", "status: failed, slower: 2", "slower '2' is not a value of slower; write it like 1.5x"),
        ("branch: main", "brunch: main", "given 1: brunch is not a key here; did you mean branch?"),
    ],
)
def test_mistakes_in_tests_are_named(terminal: Terminal, old: str, new: str, complaint: str) -> None:
    (terminal.folder / "roundsman.yaml").write_text(CHANGES + TESTS.replace(old, new, 1))

    said = terminal.run("routes", "check")

    assert said.code == 2
    assert complaint in said.err
