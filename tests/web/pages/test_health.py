"""The page of health: what runs, what arrives, what is told, and what to do about the rest."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from service.channels import AppriseChannels
from service.db.tables import Transaction, notifications
from service.errors import Permanent
from service.model import Alarm, AlarmKind, Channel, KnownHook, Message, NotificationState, Receiver, Route
from service.operations.health.health_page import HealthSetting
from service.store.circleci import hooks
from service.store.reports.health_rows import route_counts
from service.store.upkeep import alarms
from service.testing.fake_circleci.organization import MOBILE
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.web.pages.health_facts import HealthFacts, HealthParts
from tests.support.app_fixture import NINE, RED, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import Instance as Pages
from tests.support.pages_fixture import text

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
YAML = """\
receivers:
  web: {channels: ["json://web.example.com"]}
  phones: {channels: ["json://phones.example.com"]}
routes:
  - {name: red, match: {status: [failed, error]}, receiver: web}
  - {name: shadowed, match: {status: failed, project: gh/acme/web}, receiver: phones}
  - {name: elsewhere, match: {project: gh/acme/none}, receiver: phones}
hooks:
  - {project: gh/acme/web}
  - {project: gh/acme/lost}
"""
DANGEROUS = "<script>alert(1)</script>"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, YAML) as instance:
        yield instance


async def rows(instance: Instance) -> Any:
    response = await instance.http.get("/health.json", headers=BEARER)
    assert response.status_code == 200, response.text
    return response.json()


async def page(instance: Instance) -> httpx.Response:
    response = await instance.http.get("/health")
    assert response.status_code == 200, response.text
    return response


def by(items: list[dict[str, Any]], name: str) -> Mapping[str, dict[str, Any]]:
    return {item[name]: item for item in items}


async def test_before_the_first_post_it_is_the_checklist_of_the_first_run(instance: Instance) -> None:
    words = text(await page(instance))

    assert "No webhook received yet: the first run, step by step" in words
    assert "None was accepted yet." in words
    assert (await rows(instance))["webhooks"]["last_accepted_at"] is None


@pytest.mark.databases("sqlite", "postgres")
async def test_it_shows_what_arrives_and_what_is_told(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    found, words = await rows(instance), text(await page(instance))

    assert found["webhooks"]["last_accepted_at"] is not None
    assert found["service"]["database"]["bytes"] > 100_000
    assert found["service"]["queue"]["due"] == 0
    assert [check["name"] for check in found["service"]["checks"]] == ["database", "worker"]
    channels = by(found["channels"]["items"], "channel")
    assert channels["web (json)"]["told_in_24_h"] == 1
    assert channels["web (json)"]["last_told_at"] is not None
    assert channels["phones (json)"]["last_told_at"] is None
    assert found["circleci"]["coverage"] == {"known": 1, "red_runs": 1}
    assert "web (json) Send a test to web told last today" in words
    assert "phones (json) Send a test to phones told nothing yet" in words


@pytest.mark.databases("sqlite", "postgres")
async def test_routes_say_how_often_they_fitted_and_which_are_never_reached(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    found, words = await rows(instance), text(await page(instance))

    routes = by(found["routes"]["items"], "route")
    assert [(one["matches"], one["told"], one["preceded"]) for one in routes.values()] == [
        (1, 1, 0),
        (0, 0, 1),
        (0, 0, 0),
    ]
    assert (found["routes"]["events"], found["routes"]["is_partial"]) == (1, False)
    assert "shadowed to phones ! never reached: routes above took 1 that fit it" in words
    assert "elsewhere to phones ! never reached: nothing fitted it" in words


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_routes_are_counted_on_the_newest_events_alone(instance: Instance) -> None:
    for number in (901, 902, 903):
        await instance.finish(replace(RED, number=number))
    await instance.drain()

    counts = await instance.service.context.store.snapshot(route_counts, since=NINE.replace(year=2025), limit=2)

    assert (counts.events, counts.is_partial) == (2, True)


@pytest.mark.long
async def test_an_unsigned_post_of_a_stranger_is_shown_with_its_remedy_and_is_no_alarm(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    agent = f"curl/8 {DANGEROUS}"
    async with instance.running():
        await instance.http.post("/hooks/circleci", content=b"{}", headers={"user-agent": agent})
        await instance.send(as_bytes(workflow_completed(RED)), secret="another")
        while len((found := await rows(instance))["webhooks"]["refusals"]) < 2:
            instance.clock.tick(seconds=1)
        shown = await page(instance)

    reasons = {one["reason"]: one["next_step"] for one in found["webhooks"]["refusals"]}
    assert len(reasons) == 2
    assert all(reasons.values())
    assert found["webhooks"]["is_refusal_recent"] is False
    assert DANGEROUS not in shown.text
    assert "another" not in text(shown).replace("another secret", "")


@pytest.mark.databases("sqlite", "postgres")
async def test_hooks_are_told_by_what_is_known_of_them(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    silent = KnownHook(id="hook-1", project="gh/acme/old", name="Roundsman", seen_at=instance.clock())
    await instance.service.context.store.write(hooks.record, [silent], [])

    found, words = await rows(instance), text(await page(instance))

    assert {one["project"]: one["state"] for one in found["hooks"]["items"]} == {
        "gh/acme/lost": "missing",
        "gh/acme/old": "silent",
        "gh/acme/web": "by_hand",
    }
    assert "1 of the projects' hooks ask for a person: see Hooks" in found["hints"]
    assert ": asks for a person</span>" in (await instance.http.get("/builds")).text
    assert "gh/acme/lost ✕ missing: roundsman.yaml wants a hook here, and none is known." in words


@pytest.mark.databases("sqlite", "postgres")
async def test_hook_of_the_github_app_is_listed_by_the_name_of_its_project(instance: Instance) -> None:
    await instance.finish(replace(RED, project=MOBILE))
    await instance.drain()
    ours = KnownHook(id="hook-1", project=MOBILE.slug, name="Roundsman", seen_at=instance.clock())
    await instance.service.context.store.write(hooks.record, [ours], [])

    found, words = await rows(instance), text(await page(instance))

    assert {(one["project"], one["name"]) for one in found["hooks"]["items"]} == {
        (MOBILE.slug, "acme/mobile"),
        ("gh/acme/web", None),
        ("gh/acme/lost", None),
    }
    assert "acme/mobile ✓ posts, by our hook Roundsman" in words
    assert MOBILE.slug not in words


@pytest.mark.databases("sqlite", "postgres")
async def test_every_page_says_of_dead_letters_what_the_page_of_health_says(folder: Path) -> None:
    async with an_instance(folder, YAML.partition("hooks:")[0]) as instance:
        await instance.finish(RED)
        await instance.drain()
        before, well = (await rows(instance))["hints"], await instance.http.get("/builds")
        await instance.service.context.store.write(_let_die)
        after, asking = (await rows(instance))["hints"], await instance.http.get("/builds")

    assert "all is well</span>" in well.text
    assert ": asks for a person</span>" in asking.text
    assert set(after) - set(before) == {"dead letters wait for a person: 1"}


def _let_die(transaction: Transaction) -> None:
    transaction.execute(update(notifications).values(state=NotificationState.DEAD))


async def test_an_alarm_turns_the_state_of_every_page(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    before = await instance.http.get("/builds")
    alarm = Alarm(key="token", kind=AlarmKind.TOKEN, sentence=DANGEROUS, begun_at=NINE, seen_at=NINE)
    await instance.service.context.store.write(alarms.begin, alarm)

    after, words = await instance.http.get("/builds"), await page(instance)

    assert ": asks for a person</span>" in before.text
    assert ": trouble</span>" in after.text
    assert DANGEROUS in text(words)
    assert DANGEROUS not in words.text


async def test_a_stranger_sees_neither_page_nor_rows_nor_sends(instance: Instance) -> None:
    async with instance.stranger() as stranger:
        answers = [await stranger.get(path) for path in ("/health", "/health/test?receiver=web", "/health.json")]
        sent = await stranger.post("/health/test", data={"receiver": "web"})

    assert [answer.status_code for answer in answers] == [303, 303, 401]
    assert sent.status_code in {303, 401, 403}


class Answers(AppriseChannels):
    """Channels that take what is sent, but for one."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        self.sent.append(message.title)
        if channel.kind == "ntfy":
            raise Permanent(f"{channel.label} answered {DANGEROUS}")
        return f"{channel.label} took it"


def with_tests(pages: Pages, answers: Answers) -> Pages:
    """An instance with pages that can send test messages."""
    channels = tuple(
        Channel(key=kind, label=f"a/b & c ({kind})", kind=kind, url=f"{kind}://x.example.com")
        for kind in ("json", "ntfy")
    )
    setting = HealthSetting(
        receivers={"a/b & c": Receiver(name="a/b & c", channels=channels)},
        routes=[Route(name="r", receiver="a/b & c")],
    )
    pages.health = HealthFacts(setting, HealthParts(notifier=answers))
    return pages


async def test_a_test_message_is_asked_for_and_its_answers_are_shown(instance: Instance) -> None:
    pages, answers = Pages(store=instance.service.context.store, jobs=instance.service.context.jobs), Answers()
    async with with_tests(pages, answers).browser() as browser:
        asked = await browser.get("/health/test", params={"receiver": "a/b & c"})
        before = list(answers.sent)
        sent = await browser.post(
            "/health/test", data={"receiver": "a/b & c"}, headers={"origin": "http://127.0.0.1:8000"}
        )
        unknown = await browser.get("/health/test", params={"receiver": "none"})

    assert "Send 2 test messages" in text(asked)
    assert before == []
    assert sent.status_code == 200
    assert "✓ accepted a/b & c (json): a/b & c (json) took it" in text(sent)
    assert f"✕ refused a/b & c (ntfy): a/b & c (ntfy) answered {DANGEROUS}" in text(sent)
    assert DANGEROUS not in sent.text
    assert len(answers.sent) == 2
    assert unknown.status_code == 404
