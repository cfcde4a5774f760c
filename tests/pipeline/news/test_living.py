"""One living message for each incident and channel, from the red post to the green one, through the real service."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.channels import AppriseChannels
from service.pipeline.steps import Pipeline
from service.store.notifications import living_messages
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import GREEN, RED, Instance, an_instance
from tests.support.fake_servers import mail_end
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, Fault, fake_slack
from tests.support.slack_fixture import CUT
from tests.support.slack_fixture import GREEN as GREEN_COLOR
from tests.support.slack_fixture import RED as RED_COLOR

ROUTES = f"""\
receivers:
  web:
    channels: [{{url: "slack-bot://{TOKEN}/{CHANNEL}", name: "#web"}}]
routes:
  - name: main
    match: {{branch: main}}
    receiver: web
"""

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


def with_slack(instance: Instance, slack: FakeSlack) -> Instance:
    """The instance with real channels, which lead to the fake Slack."""
    slack.clock = instance.clock
    notifier = AppriseChannels(deadline_s=120, slack_url=slack.url)
    context = replace(instance.service.context, notifier=notifier)
    return replace(instance, service=replace(instance.service, context=context, pipeline=Pipeline(context)))


@pytest.fixture
async def web(folder: Path, slack: FakeSlack) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield with_slack(instance, slack)


def red(number: int) -> Run:
    return replace(RED, number=number)


def green(number: int) -> Run:
    return replace(GREEN, number=number)


async def told(instance: Instance, run: Run) -> Any:
    """Have a run judged and told; its notifications."""
    delivery = await instance.finish(run)
    await instance.drain(seconds=5)
    return (await instance.show(delivery))["notifications"]


@pytest.mark.long
async def test_an_incident_has_one_message_with_a_thread(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(1))
    first = [(one.color, one.text) for one in slack.messages]
    await told(web, red(2))
    await told(web, red(3))
    still = [(one.color, len(slack.replies)) for one in slack.messages]
    await told(web, green(4))

    assert [color for color, _ in first] == [RED_COLOR]
    assert still == [(RED_COLOR, 2)]
    assert [one.color for one in slack.messages] == [GREEN_COLOR]
    assert [one.color for one in slack.replies] == [RED_COLOR, RED_COLOR, GREEN_COLOR]
    assert {one.thread_ts for one in slack.replies} == {slack.messages[0].ts}


@pytest.mark.long
async def test_green_after_green_says_nothing_and_a_new_break_has_a_message_of_its_own(
    web: Instance, slack: FakeSlack
) -> None:
    for run in (red(1), green(2), green(3), red(4)):
        await told(web, run)

    assert [one.color for one in slack.messages] == [GREEN_COLOR, RED_COLOR]


@pytest.mark.long
async def test_reds_that_wait_together_are_one_message_with_a_reply_each(web: Instance, slack: FakeSlack) -> None:
    for number in (1, 2, 3):
        await web.finish(red(number))
    for _ in range(4):  # a message a second
        await web.drain(seconds=5)

    assert (len(slack.messages), len(slack.replies)) == (1, 2)


@pytest.mark.long
async def test_further_red_is_on_record_with_the_route_that_told_of_the_break(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(1))

    [reply] = await told(web, red(2))

    assert (reply["state"], reply["route"], reply["receiver"]) == ("sent", "main", "web")
    [attempt] = reply["attempts"]
    assert attempt["receipt"] == "web (#web) accepted the message; its message was edited, and a reply posted"


@pytest.mark.long
async def test_restart_goes_on_with_the_message(web: Instance, slack: FakeSlack, folder: Path) -> None:
    await told(web, red(1))

    async with an_instance(folder, ROUTES, clock=web.clock) as again:
        await told(with_slack(again, slack), green(2))

    assert [one.color for one in slack.messages] == [GREEN_COLOR]


@pytest.mark.long
@pytest.mark.parametrize("step", ["post", "reply"])
async def test_connection_that_is_cut_after_the_post_makes_no_second_one(
    web: Instance, slack: FakeSlack, step: str
) -> None:
    if step == "reply":
        await told(web, red(1))
    slack.plan["chat.postMessage"] = [CUT]
    await told(web, red(2))
    await web.drain(minutes=3)

    assert (len(slack.messages), len(slack.replies)) == (1, 1 if step == "reply" else 0)
    rows = web.rows("SELECT count(*) FROM living_messages WHERE ts IS NOT NULL AND unsure_since IS NULL")
    assert rows == [(1,)]


@pytest.mark.long
async def test_without_the_right_to_read_the_page_says_that_there_may_be_two(web: Instance, slack: FakeSlack) -> None:
    slack.tokens[TOKEN] = frozenset({"chat:write"})
    slack.plan["chat.postMessage"] = [CUT]
    delivery = await web.finish(red(1))
    await web.drain(seconds=5)
    await web.drain(minutes=3)

    page = await web.http.get(f"/builds/{delivery}")
    assert len(slack.messages) == 2
    assert "an earlier attempt may have posted it too, and the token may not read the channel to see" in page.text


@pytest.mark.long
async def test_refusal_is_no_reason_to_look_or_to_say_that_there_may_be_two(web: Instance, slack: FakeSlack) -> None:
    slack.tokens[TOKEN] = frozenset({"chat:write"})
    slack.plan["chat.postMessage"] = [Fault(error="ratelimited", status=429, headers={"Retry-After": "10"})]
    [notification] = await told(web, red(1))
    early = len(slack.messages)
    await web.drain(minutes=1)

    assert (notification["state"], early) == ("pending", 0)
    assert slack.methods == ["chat.postMessage"] * 2
    assert web.rows("SELECT receipt FROM attempts ORDER BY number") == [(None,), ("web (#web) accepted the message",)]


@pytest.mark.long
async def test_dead_letter_is_posted_when_it_is_sent_again(web: Instance, slack: FakeSlack) -> None:
    slack.channels[CHANNEL].has_app = False
    [dead] = await told(web, red(1))
    slack.channels[CHANNEL].has_app = True

    await web.act(f"notifications/{dead['id']}/resend")
    await web.drain(seconds=5)

    assert dead["state"] == "dead"
    assert "type /invite and the app's name there" in dead["reason"]
    assert len(slack.messages) == 1


@pytest.mark.long
async def test_silenced_red_has_no_reply(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(1))
    web.change("UPDATE incidents SET muted_until = '9999-12-31 00:00:00'")

    await told(web, red(2))
    await told(web, green(3))

    assert [one.color for one in slack.replies] == [GREEN_COLOR]


@pytest.mark.long
async def test_late_red_has_no_reply(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(5))
    await told(web, red(4))

    assert slack.replies == []


@pytest.mark.long
async def test_status_route_posts_each_run_by_itself(folder: Path, slack: FakeSlack) -> None:
    routes = ROUTES.replace("branch: main", "status: failed")
    async with an_instance(folder, routes) as instance:
        web = with_slack(instance, slack)
        await told(web, red(1))
        await told(web, red(2))

    assert (len(slack.messages), len(slack.replies)) == (2, 0)


GREY_COLOR = "#8a8f98"


async def edited(instance: Instance, **later: float) -> None:
    """Have what is due be edited, when so much time has passed."""
    instance.clock.tick(**later)
    await instance.service.pipeline.edit_living()


async def test_message_of_an_incident_that_expires_turns_grey_and_the_next_red_has_its_own(
    web: Instance, slack: FakeSlack
) -> None:
    await told(web, red(1))
    await edited(web, days=29)
    before = [one.color for one in slack.messages]
    await edited(web, days=2)
    await edited(web, minutes=10)

    [message] = slack.messages
    assert (before, message.color) == ([RED_COLOR], GREY_COLOR)
    assert message.text.endswith("(expired: no run for long)")
    assert slack.replies == []
    assert slack.methods == ["chat.postMessage", "chat.update"]


@pytest.mark.long
async def test_late_run_corrects_the_message_without_a_post(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(5))
    web.change("UPDATE living_messages SET color = 'green'")
    slack.messages[0].attachments = []
    await told(web, red(4))
    await edited(web, minutes=2)

    assert slack.methods == ["chat.postMessage", "chat.update"]
    assert [one.color for one in slack.messages] == [RED_COLOR]


@pytest.mark.long
async def test_news_edit_the_message_and_nothing_is_left_to_edit(web: Instance, slack: FakeSlack) -> None:
    for run in (red(1), red(2), green(3)):
        await told(web, run)
    calls = list(slack.methods)
    await edited(web, minutes=10)

    assert slack.methods == calls


async def test_edit_that_fails_is_made_later(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(1))
    slack.plan["chat.update"] = [Fault(error="ratelimited", status=429, headers={"Retry-After": "400"})]
    await edited(web, days=31)
    await edited(web, minutes=6)
    early = slack.methods.count("chat.update")
    await edited(web, minutes=1)

    assert (early, slack.methods.count("chat.update")) == (1, 2)
    assert [one.color for one in slack.messages] == [GREY_COLOR]


@pytest.mark.long
async def test_edit_that_slack_refuses_is_given_up(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(1))
    slack.channels[CHANNEL].messages.clear()
    await edited(web, days=31)
    await edited(web, hours=1)

    assert slack.methods.count("chat.update") == 1
    assert slack.messages == []


@pytest.mark.long
async def test_news_that_come_during_an_edit_are_shown_in_the_end(web: Instance, slack: FakeSlack) -> None:
    await told(web, red(1))
    store, later = web.service.context.store, web.clock() + timedelta(minutes=5)
    web.change("UPDATE living_messages SET edit_due_at = '2020-01-01 00:00:00.000000'")
    [living] = await store.write(living_messages.claim_edits, web.clock(), later, 10)
    await told(web, green(2))
    await store.write(living_messages.record_edit, living, later)
    slack.messages[0].attachments = []  # the edit came after that of the news
    await edited(web, minutes=10)

    assert [one.color for one in slack.messages] == [GREEN_COLOR]


@pytest.mark.long
async def test_message_of_an_incident_that_ended_long_ago_is_forgotten(web: Instance, slack: FakeSlack) -> None:
    for run in (red(1), green(2), red(3)):
        await told(web, run)
    web.clock.tick(days=500)

    await web.service.pipeline.prune()

    assert web.rows("SELECT color FROM living_messages") == [("red",)]


@pytest.mark.long
async def test_mails_of_an_incident_are_one_thread(folder: Path) -> None:
    with mail_end() as mail:
        address = f"mailtos://{mail.user}:{mail.password}@localhost:{mail.port}?from=ci@example.com&to=web@example.com"
        routes = ROUTES.replace(f'{{url: "slack-bot://{TOKEN}/{CHANNEL}", name: "#web"}}', f'"{address}"')
        async with an_instance(folder, routes) as instance:
            web = with_slack(instance, FakeSlack())
            for run in (red(1), red(2), green(3), red(4)):
                await told(web, run)

    broke, fixed, again = mail.got  # of another red there is no mail: it would be one more, and no edit
    assert fixed["References"] == fixed["In-Reply-To"] == broke["Message-ID"] != again["Message-ID"]
    assert (broke["References"], again["References"]) == (None, None)
    assert {letter["Auto-Submitted"] for letter in mail.got} == {"auto-generated"}


@pytest.mark.long
async def test_further_red_in_quiet_hours_is_an_edit_alone(folder: Path, slack: FakeSlack) -> None:
    hours = 'active: {hours: "08:00-18:00", timezone: UTC}'
    async with an_instance(folder, ROUTES.replace("    receiver: web", f"    receiver: web\n    {hours}")) as instance:
        web = with_slack(instance, slack)
        await told(web, red(1))
        web.clock.tick(hours=12)
        await told(web, red(2))
        await edited(web, minutes=2)

    assert slack.methods == ["chat.postMessage", "chat.update"]


@pytest.mark.long
async def test_reds_that_quiet_hours_kept_back_are_one_message_without_replies(folder: Path, slack: FakeSlack) -> None:
    hours = 'active: {hours: "12:00-18:00", timezone: UTC}'
    async with an_instance(folder, ROUTES.replace("    receiver: web", f"    receiver: web\n    {hours}")) as instance:
        web = with_slack(instance, slack)
        for number in (1, 2, 3):
            await told(web, red(number))
        early = len(slack.calls)
        for _ in range(4):
            await web.drain(hours=1)

    assert (early, len(slack.messages), slack.replies) == (0, 1, [])


@pytest.mark.long
async def test_edited_message_keeps_the_headline_of_its_receiver(folder: Path, slack: FakeSlack) -> None:
    headline = '    headline: "{{ branch }} is red"\nroutes:'
    async with an_instance(folder, ROUTES.replace("routes:", headline)) as instance:
        web = with_slack(instance, slack)
        await told(web, red(5))
        await told(web, red(4))  # late: it edits the message, and posts nothing
        await edited(web, minutes=2)

        assert slack.methods == ["chat.postMessage", "chat.update"]
        assert [one.text for one in slack.messages] == ["main is red"]
