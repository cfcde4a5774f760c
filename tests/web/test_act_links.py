"""Links in messages that act: what opens them, what they do, once, and what is on record."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.message.act_links import ActLink, ActLinkSigner
from service.model.build_acts import ActVerb
from service.testing.fake_circleci.faults import Faults, broken
from service.testing.fake_circleci.organization import ADA, PROJECTS, JobRun, Run
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import GREEN, RED, SECRET, TOKEN, Instance, an_instance
from tests.support.cli_runner import served
from tests.support.operator_client import ADMIN_TOKEN, Operator

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - {name: red, match: {status: [failed, error]}, receiver: web, act_links: 12h}
  - {name: held, match: {event: workflow-held}, receiver: web, act_links: 12h}
"""
OFF = ROUTES.replace(", act_links: 12h", "")
PUBLIC = "http://127.0.0.1:8000"
LINK = re.compile(r"http://127\.0\.0\.1:8000(/builds/[0-9a-f-]{36}/link/[\w=-]+)")


@asynccontextmanager
async def linking(
    folder: Path, routes: str = ROUTES, fake: FakeCircleCI | None = None, **env: str
) -> AsyncIterator[Instance]:
    """Return a service that asks and acts at one fake CircleCI."""
    fake = fake or FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    with served(fake) as address:
        settings: dict[str, Any] = {"ROUNDSMAN_CIRCLECI_URL": address, "ROUNDSMAN_PUBLIC_URL": PUBLIC, **env}
        async with an_instance(folder, routes, **settings) as instance:
            instance.pretend = fake
            source = CircleCI(
                secrets=(SECRET,),
                url=address,
                token=TOKEN,
                metrics=instance.service.context.metrics,
                transport=httpx.ASGITransport(fake.app),
                clock=instance.clock,
                api="v3",
            )
            instance.replace_source(lambda _: source)
            try:
                yield instance
            finally:
                await source.close()


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with linking(folder) as instance:
        yield instance


async def told(instance: Instance) -> str:
    """Return the link of the message of a red build."""
    await instance.finish(RED)
    await instance.drain()
    [(_, message)] = instance.channels.took
    [path] = LINK.findall(message.text)
    return str(path)


def posts(instance: Instance) -> list[str]:
    return [call.path for call in instance.pretend.calls if call.method == "POST" and "/runs/search" not in call.path]


def acts(instance: Instance) -> list[tuple[str, str, str]]:
    """Return verb, person and outcome of each act on record."""
    rows = instance.rows("SELECT verb, who, reason FROM actions ORDER BY reason")
    return [(verb, who, reason.partition(":")[0]) for verb, who, reason in rows]


def words(response: httpx.Response) -> str:
    return " ".join(re.sub("<[^>]+>", "", response.text).split())


@pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])
async def test_link_asks_and_its_button_acts_once(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    link = await told(instance)
    token = link.rpartition("/")[2]

    async with instance.stranger() as reader:
        asked = [await reader.get(link), await reader.head(link), await reader.get(link)]
        before = (posts(instance), acts(instance))
        done, again = await reader.post(link), await reader.post(link)
        shown = await reader.get(link)
    build = await instance.http.get(f"/api/v1/builds/{RED.workflow_id}")

    assert [one.status_code for one in asked] == [200] * 3
    assert "Nothing has been done yet." in words(asked[0])
    assert before == ([], [])
    assert (done.status_code, done.headers["location"], again.status_code) == (303, link, 409)
    assert posts(instance) == [f"/workflow/{RED.workflow_id}/rerun"]
    who = "a link in the message to web (json)"
    assert acts(instance) == [("rerun_failed", who, "asked"), ("rerun_failed", who, "done")]
    assert "CircleCI took it" in words(shown)
    assert f"by {who}: New workflow" in words(shown)
    assert "This link has been used" in words(again)
    for response in (*asked, done, again, shown):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "strict-origin"
        assert token not in response.text
    assert token not in capsys.readouterr().out
    assert token not in build.text


@pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])
async def test_two_at_once_on_two_processes_are_one_act(instance: Instance, folder: Path) -> None:
    link = await told(instance)

    async with linking(folder, fake=instance.pretend) as second, instance.stranger() as one, second.stranger() as other:
        answers = await asyncio.gather(*(reader.post(link) for reader in (one, other) * 3))

    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409, 409, 409]
    assert all("asked for" in words(one) for one in answers if one.status_code == 409)
    assert posts(instance) == [f"/workflow/{RED.workflow_id}/rerun"]
    assert [outcome for _, _, outcome in acts(instance)] == ["asked", "done"]


@pytest.mark.long
async def test_messages_have_no_link_by_default_or_for_what_is_green(folder: Path) -> None:
    async with linking(folder, OFF) as instance:
        await instance.finish(RED)
        await instance.drain()
        [(_, message)] = instance.channels.took

    assert "/link/" not in f"{message.text}{message.markdown}{message.html}{message.buttons}"


@pytest.mark.long
async def test_expired_forged_and_foreign_links_do_nothing(instance: Instance) -> None:
    link = await told(instance)
    way, token = link.rsplit("/", 1)
    signer = ActLinkSigner(ADMIN_TOKEN)
    held = signer.read(token)
    assert held is not None
    later = replace(held, until=held.until + timedelta(days=30))
    forged = [
        f"{way}/{token[:-1]}",
        f"{way}/{token}=",
        f"{way}/{'A' * len(token)}",
        f"{way}/{'B' if token[0] == 'A' else 'A'}{token[1:]}",
        f"{way}/{ActLinkSigner('another-invented-token').make(later)}",
        f"{way}/{token[:30].swapcase()}{token[30:]}",
        f"{way}/%00",
        f"/builds/{GREEN.workflow_id}/link/{token}",
        f"/builds/{uuid4()}/link/{token}",
    ]
    unknown = f"{way}/{signer.make(replace(held, notification_id=uuid4()))}"

    async with instance.stranger() as reader:
        answers = [await reader.request(method, path) for path in forged for method in ("GET", "POST")]
        forgotten = [await reader.request(method, unknown) for method in ("GET", "POST")]
        instance.clock.tick(hours=12, seconds=1)
        expired = [await reader.request(method, link) for method in ("GET", "POST")]

    assert {answer.status_code for answer in answers} == {404}
    assert all("This link is not valid" in words(answer) for answer in answers)
    assert [(one.status_code, "This link has expired." in words(one)) for one in expired] == [(410, True)] * 2
    assert [(one.status_code, "no longer on record" in words(one)) for one in forgotten] == [(410, True)] * 2
    assert (posts(instance), acts(instance)) == ([], [])
    assert all(one.headers["Cache-Control"] == "no-store" for one in (*answers, *expired))
    assert all("The page of the build" in one.text for one in expired)


@pytest.mark.long
async def test_links_sent_before_are_switched_off_with_the_key(instance: Instance, folder: Path) -> None:
    link = await told(instance)

    async with linking(folder, OFF) as later, later.stranger() as reader:
        answers = [await reader.get(link), await reader.post(link)]
    anew = linking(folder, ROUNDSMAN_ADMIN_TOKEN="another-invented-admin-token")
    async with anew as later, later.stranger() as reader:
        others = [await reader.get(link), await reader.post(link)]

    assert [(one.status_code, "switched off" in words(one)) for one in answers] == [(410, True)] * 2
    assert [one.status_code for one in others] == [404, 404]
    assert acts(instance) == []


@pytest.mark.long
async def test_link_is_not_used_up_by_an_act_that_was_not_asked_for(instance: Instance) -> None:
    link = await told(instance)
    instance.pretend.run_finished(replace(RED, status="running"))

    async with instance.stranger() as reader:
        refused = await reader.post(link)
        instance.pretend.run_finished(RED)
        instance.pretend.faults.next("/workflow/*", broken(503), times=3)
        away = await reader.post(link)
        instance.pretend.faults = Faults()
        cross = await reader.post(link, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"})
        done = await reader.post(link)

    assert (refused.status_code, away.status_code, cross.status_code, done.status_code) == (409, 503, 403, 303)
    assert "Nothing was done: the workflow is running at CircleCI" in words(refused)
    assert [outcome for _, _, outcome in acts(instance)] == ["asked", "done"]


@pytest.mark.long
async def test_user_who_is_logged_in_is_on_record_too(instance: Instance) -> None:
    link = await told(instance)
    instance.http.auth = Operator()
    await instance.http.get("/builds")
    cookie = (await instance.http.get("/builds")).request.headers["Cookie"]

    await instance.http.post(link, headers={"Cookie": cookie})

    assert {who for _, who, _ in acts(instance)} == {"admin with a link in the message to web (json)"}


@pytest.mark.long
async def test_link_of_another_channel_says_what_was_done_already(folder: Path) -> None:
    two = ROUTES.replace("[json://web.example.com]", "[json://web.example.com, json://all.example.com]")
    async with linking(folder, two) as instance:
        await instance.finish(RED)
        await instance.drain()
        first, second = [LINK.findall(message.text)[0] for _, message in instance.channels.took]
        async with instance.stranger() as reader:
            await reader.post(first)
            page = await reader.get(second)

    assert "Already on record: Rerun from failed" in words(page)
    assert "by a link in the message to web (json" in words(page)
    assert "Nothing has been done yet." not in words(page)


async def waits(instance: Instance) -> Run:
    """Return a workflow that two jobs of wait for an approval, of which messages have been sent."""
    build = JobRun(name="build", number=1, lasts_s=60)
    approvals = [JobRun(name=name, status="on_hold", is_approval=True, starts_s=60) for name in ("ship", "sign")]
    started = instance.clock.now - timedelta(minutes=10)
    await instance.finish(replace(GREEN, number=1480, pushed_at=started))
    waiting = replace(RED, number=1490, status="on_hold", pushed_at=started, jobs=(build, *approvals))
    instance.pretend.run_finished(waiting)
    for _ in range(8):
        await instance.drain(seconds=60)
        await instance.service.pipeline.reconcile()
    await instance.drain()
    return waiting


@pytest.mark.long
async def test_hold_is_approved_from_the_page_that_its_message_leads_to(instance: Instance) -> None:
    await waits(instance)
    page = next(message.page for _, message in instance.channels.took if "sign of" in message.title)
    instance.http.auth = Operator()

    build = await instance.http.get(str(page).partition("#")[0])
    [way] = re.findall(r'href="([^"]+/act/approve)"', build.text)
    asked = await instance.http.get(way)
    [once] = re.findall('name="once" value="([^"]+)"', asked.text)
    done = await instance.http.post(way, data={"once": once, "job": "sign"})
    shown = await instance.http.get(done.headers["location"])

    assert (done.status_code, shown.status_code) == (303, 200)
    assert "CircleCI took it. Its answer is below" in words(shown)
    assert "approve by admin: done: CircleCI answered: Accepted." in words(shown)


@pytest.mark.long
@pytest.mark.parametrize(("number", "asked"), [(0, "approve"), (1, "cancel")])
async def test_message_of_a_hold_has_a_link_to_approve_and_one_to_cancel(
    instance: Instance, number: int, asked: str
) -> None:
    waiting = await waits(instance)

    messages = [message for _, message in instance.channels.took if "waits for approval" in message.title]
    signing = next(message for message in messages if "sign of" in message.title)
    links = LINK.findall(signing.text)
    async with instance.stranger() as reader:
        page = await reader.get(links[number])
        done = await reader.post(links[number])
        shown = await reader.get(links[number])

    assert len(links) == 2
    assert ("Approve sign?" in words(page)) is (asked == "approve")
    assert done.status_code == 303
    assert "CircleCI took it" in words(shown)
    assert posts(instance)[-1].startswith(f"/workflow/{waiting.workflow_id}/{asked}")


def test_token_is_read_as_it_was_made_and_no_other_is() -> None:
    signer = ActLinkSigner(ADMIN_TOKEN)
    for verb in (ActVerb.RERUN_FAILED, ActVerb.APPROVE, ActVerb.CANCEL):
        link = ActLink(notification_id=uuid4(), verb=verb, until=RED.pushed_at.replace(microsecond=0))
        token = signer.make(link)

        assert signer.read(token) == link
        assert re.fullmatch(r"[\w-]+", token)
        for position in range(len(token)):
            changed = "A" if token[position] != "A" else "B"
            assert signer.read(f"{token[:position]}{changed}{token[position + 1 :]}") is None
        for other in ("", "ä", f"{token}=", f"{token}\n", f" {token}", token + token, token[:-4]):
            assert signer.read(other) is None
