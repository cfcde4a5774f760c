"""Living messages in Slack, against a Slack with a Web API of its own on loopback."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from uuid import UUID, uuid4

import pytest

from service.channels import AppriseChannels, StillSending
from service.channels.budget import Budget
from service.channels.slack_bot import sender
from service.errors import Temporary
from service.message import slack_problems
from service.model import Color, LivingReceipt, Update
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, Fault, SlackChannel, fake_slack
from tests.support.fake_slack import Message as SlackMessage
from tests.support.slack_fixture import CUT, GREEN, INCIDENT, NEVER, RED, TITLE, WEB, about, posted, tell, unsure


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


async def test_broke_is_posted_once_and_says_where_it_is(slack: FakeSlack) -> None:
    receipt = await tell(slack, about(NEVER))

    [message] = slack.messages
    assert receipt == "web (#web) accepted the message"
    assert isinstance(receipt, LivingReceipt)
    assert (receipt.living.slack_channel, receipt.living.ts) == (CHANNEL, message.ts)
    assert (receipt.living.color, receipt.living.unsure_since) == (Color.RED, None)
    assert (message.text, message.color) == (TITLE, RED)
    assert message.metadata["event_payload"]["incident"] == str(INCIDENT)


async def test_further_red_edits_the_message_and_replies_in_its_thread(slack: FakeSlack) -> None:
    living = await posted(slack)

    receipt = await tell(slack, about(living, update=Update.REPLY))

    [message], [reply] = slack.messages, slack.replies
    assert slack.methods == ["chat.update", "chat.postMessage"]
    assert (reply.thread_ts, reply.is_broadcast) == (message.ts, False)
    assert receipt == "web (#web) accepted the message; its message was edited, and a reply posted"


async def test_fixed_turns_the_message_green_and_replies_once(slack: FakeSlack) -> None:
    living = await posted(slack)

    receipt = await tell(slack, about(living, update=Update.REPLY, color=Color.GREEN))

    assert [one.color for one in slack.messages] == [GREEN]
    assert [one.color for one in slack.replies] == [GREEN]
    assert isinstance(receipt, LivingReceipt)
    assert receipt.living.color is Color.GREEN


async def test_reminder_is_a_reply_that_the_channel_sees(slack: FakeSlack) -> None:
    living = await posted(slack)

    await tell(slack, about(living, update=Update.REMIND))

    assert [one.is_broadcast for one in slack.replies] == [True]


async def test_message_without_an_incident_is_posted_by_itself(slack: FakeSlack) -> None:
    receipt = await tell(slack, about(None))

    assert len(slack.messages) == 1
    assert not isinstance(receipt, LivingReceipt)


async def test_interrupted_post_is_found_and_not_posted_again(slack: FakeSlack) -> None:
    first = await posted(slack)
    for n in range(450):  # people talked meanwhile
        ts = f"{str(first.ts)[:-3]}{n + 100}"
        slack.channels[CHANNEL].messages.append(SlackMessage(ts=ts, text="hi", attachments=[]))
    slack.page_size = 100

    receipt = await tell(slack, about(unsure(NEVER)))

    assert isinstance(receipt, LivingReceipt)
    assert (receipt.living.ts, receipt.living.unsure_since) == (first.ts, None)
    assert slack.methods == ["conversations.history"] * 5 + ["chat.update"]
    assert receipt == "web (#web) accepted the message; an earlier attempt had posted it; its message was edited"


async def test_nothing_is_found_and_the_message_is_posted(slack: FakeSlack) -> None:
    receipt = await tell(slack, about(unsure(NEVER)))

    assert (slack.methods, len(slack.messages)) == (["conversations.history", "chat.postMessage"], 1)
    assert receipt == "web (#web) accepted the message"


async def test_messages_of_others_and_of_other_incidents_are_not_taken_for_ours(slack: FakeSlack) -> None:
    await tell(slack, about(replace(NEVER, incident_id=UUID(int=8))))
    odd = [{"event_type": "roundsman_message", "event_payload": "text"}, {"event_type": "x", "event_payload": {}}]
    for n, metadata in enumerate(odd):
        slack.channels[CHANNEL].messages.append(
            SlackMessage(ts=f"{9_999_999_999 + n}.0", text="hi", attachments=[], metadata=metadata)
        )

    await tell(slack, about(unsure(NEVER)))

    assert len(slack.messages) == 4


@pytest.mark.parametrize("scopes", [{"chat:write"}, {"chat:write", "groups:history"}])
async def test_without_the_right_to_read_a_second_message_is_possible_and_said(
    slack: FakeSlack, scopes: set[str]
) -> None:
    await posted(slack)
    slack.tokens[TOKEN] = frozenset(scopes)

    receipt = await tell(slack, about(unsure(NEVER)))

    assert len(slack.messages) == 2
    assert receipt == (
        "web (#web) accepted the message; an earlier attempt may have posted it too, "
        "and the token may not read the channel to see (missing_scope)"
    )


@pytest.mark.parametrize(
    "fault", [Fault(error="internal_error"), Fault(status=503), CUT, Fault(error="ratelimited", status=429)]
)
async def test_search_that_fails_is_tried_again_and_nothing_is_posted(slack: FakeSlack, fault: Fault) -> None:
    await posted(slack)
    slack.plan["conversations.history"] = [fault]

    with pytest.raises(Temporary):
        await tell(slack, about(unsure(NEVER)))

    assert len(slack.messages) == 1


async def test_channel_with_too_many_messages_to_search_is_tried_again_later(slack: FakeSlack) -> None:
    slack.page_size = 1
    slack.channels[CHANNEL].messages += [
        SlackMessage(ts=f"9999999999.{n:06}", text="hi", attachments=[]) for n in range(30)
    ]

    with pytest.raises(Temporary, match="more than 5000 messages came since"):
        await tell(slack, about(unsure(NEVER)))

    assert "chat.postMessage" not in slack.methods


async def test_interrupted_reply_is_found_and_not_posted_again(slack: FakeSlack) -> None:
    living, notification = await posted(slack), uuid4()
    await tell(slack, about(living, update=Update.REPLY), notification)

    receipt = await tell(slack, about(unsure(living), update=Update.REPLY), notification)

    assert len(slack.replies) == 1
    assert receipt == (
        "web (#web) accepted the message; its message was edited; an earlier attempt had posted the reply"
    )


async def test_reply_of_another_notification_is_no_reason_to_stay_quiet(slack: FakeSlack) -> None:
    living = await posted(slack)
    await tell(slack, about(living, update=Update.REPLY))

    await tell(slack, about(unsure(living), update=Update.REPLY))

    assert len(slack.replies) == 2


async def test_reply_without_the_right_to_read_says_that_there_may_be_two(slack: FakeSlack) -> None:
    living = await posted(slack)
    slack.tokens[TOKEN] = frozenset({"chat:write"})

    receipt = await tell(slack, about(unsure(living), update=Update.REPLY))

    assert "an earlier attempt may have posted it too" in receipt


@pytest.mark.parametrize("update", [Update.POST, Update.REPLY, Update.REMIND])
async def test_deleted_message_is_posted_anew_without_a_reply(slack: FakeSlack, update: Update) -> None:
    living = await posted(slack)
    slack.channels[CHANNEL].messages.clear()

    receipt = await tell(slack, about(living, update=update))

    [message] = slack.messages
    assert isinstance(receipt, LivingReceipt)
    assert (receipt.living.ts, slack.replies) == (message.ts, [])
    assert "the earlier one is gone, or another app's, so that it was posted anew" in receipt


async def test_deleted_message_that_was_posted_anew_is_found(slack: FakeSlack) -> None:
    living = await posted(slack)
    slack.channels[CHANNEL].messages.clear()
    slack.plan["chat.postMessage"] = [CUT]
    with pytest.raises(Temporary):
        await tell(slack, about(living, update=Update.REPLY))

    await tell(slack, about(unsure(living), update=Update.REPLY))

    assert len(slack.messages) == 1


async def test_edit_alone_of_a_deleted_message_posts_nothing(slack: FakeSlack) -> None:
    living = await posted(slack)
    slack.channels[CHANNEL].messages.clear()

    await tell(slack, about(living, update=Update.EDIT, color=Color.GREY))

    assert slack.messages == []


async def test_message_of_another_app_is_left_and_a_new_one_posted(slack: FakeSlack) -> None:
    living = await posted(slack)
    slack.tokens["xoxb-newer"] = slack.tokens[TOKEN]

    await tell(slack, about(living, update=Update.REPLY), url=f"slack-bot://xoxb-newer/{CHANNEL}")

    assert len(slack.messages) == 2


async def test_message_that_may_not_be_edited_gets_a_reply_that_the_channel_sees(slack: FakeSlack) -> None:
    living = await posted(slack)
    slack.plan["chat.update"] = [Fault(error="edit_window_closed")]

    receipt = await tell(slack, about(living, update=Update.REPLY, color=Color.GREEN))

    assert [one.is_broadcast for one in slack.replies] == [True]
    assert "the message above cannot be edited (edit_window_closed)" in receipt


async def test_channel_that_roundsman_yaml_no_longer_names_is_left(slack: FakeSlack) -> None:
    living = await posted(slack)
    slack.channels["C0999"] = SlackChannel()

    await tell(slack, about(living, update=Update.REPLY), url=f"slack-bot://{TOKEN}/C0999")

    assert len(slack.channels["C0999"].messages) == 1


async def test_slow_answer_is_waited_for(slack: FakeSlack) -> None:
    may_answer = Event()
    slack.plan["chat.postMessage"] = [Fault(wait_for=may_answer)]
    channels = AppriseChannels(deadline_s=0.01, slack_url=slack.url)

    with pytest.raises(StillSending) as late:
        await channels.send(WEB, about(NEVER), notification_id=UUID(int=1))
    may_answer.set()
    receipt = await late.value.outcome()

    assert isinstance(receipt, LivingReceipt)
    assert len(slack.messages) == 1


async def test_outside_words_stay_literal(slack: FakeSlack) -> None:
    hostile = "<!channel> *x* <https://evil.example|here> @here & `y`"

    await tell(slack, replace(about(NEVER), title=hostile, text=hostile, story=()))

    [call] = slack.calls
    [attachment] = call.arguments["attachments"]
    escaped = "&lt;!channel&gt; *x* &lt;https://evil.example|here&gt; @here &amp; `y`"
    words = attachment["blocks"][0]["elements"][0]["elements"][0]
    assert (call.arguments["text"], words) == (escaped, {"type": "text", "text": hostile})
    assert slack_problems(call.arguments) == []
    assert (call.arguments["mrkdwn"], call.arguments["parse"], call.arguments["link_names"]) == (False, "none", False)


def test_process_that_stood_still_posts_nothing(slack: FakeSlack) -> None:
    budget = Budget()
    budget._began_at -= 60
    to = sender.recipient(WEB, frozenset())

    with pytest.raises(Temporary, match="was not asked: this process stood still for 60 s") as refused:
        sender.send(to, about(NEVER), budget, notification_id=uuid4(), base_url=slack.url)

    assert (slack.calls, refused.value.was_not_taken) == ([], True)
