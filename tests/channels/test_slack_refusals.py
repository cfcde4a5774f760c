"""What becomes of a message that Slack refuses; tokens and URLs that cannot be used."""

from collections.abc import Iterator

import pytest

from service.channels import AppriseChannels
from service.errors import AccessRefused, Permanent, Temporary
from service.model import Update
from tests.support.fake_slack import TOKEN, FakeSlack, Fault, fake_slack
from tests.support.slack_fixture import CUT, NEVER, TITLE, WEB, about, posted, tell


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize("code", ["msg_too_long", "msg_blocks_too_long", "invalid_attachments", "invalid_blocks"])
async def test_message_that_is_too_long_is_sent_in_its_short_form(slack: FakeSlack, method: str, code: str) -> None:
    living = NEVER if method == "chat.postMessage" else await posted(slack)
    slack.plan[method] = [Fault(error=code)]

    await tell(slack, about(living))

    [message] = slack.messages
    assert (message.text, message.attachments) == (TITLE, [])


REFUSALS = {
    "invalid_auth": "its token is not accepted; put the app's bot token (xoxb-...) into the channel's URL",
    "token_revoked": "its token is not accepted; put the app's bot token (xoxb-...) into the channel's URL",
    "account_inactive": "its token is not accepted; put the app's bot token (xoxb-...) into the channel's URL",
    "not_in_channel": "the app is not in the channel; type /invite and the app's name there",
    "channel_not_found": "correct the id, or invite the app",
    "is_archived": "the channel is archived; unarchive it, or name another",
    "missing_scope": "the app lacks a scope; add it to the app and install the app anew",
    "restricted_action": "a rule of the workspace forbids it; ask one of its administrators",
    "something_new": "docs.slack.dev/reference/methods/chat.postMessage says what that means",
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_refusal_is_a_dead_letter_with_a_next_step(slack: FakeSlack, code: str) -> None:
    slack.plan["chat.postMessage"] = [Fault(error=code)]

    with pytest.raises(Permanent) as refused:
        await tell(slack, about(NEVER))

    sentence = str(refused.value)
    assert sentence.startswith(f"web (#web) answered 200, but did not take the message: {code} (")
    assert REFUSALS[code] in sentence
    assert isinstance(refused.value, AccessRefused) == (code not in {"restricted_action", "something_new"})
    assert refused.value.was_not_taken


async def test_short_form_that_is_too_long_as_well_is_a_dead_letter(slack: FakeSlack) -> None:
    slack.plan["chat.postMessage"] = [Fault(error="msg_too_long")] * 2

    with pytest.raises(Permanent, match=r"msg_too_long \(it is too long even in its short form"):
        await tell(slack, about(NEVER))


async def test_scope_that_is_missing_is_named(slack: FakeSlack) -> None:
    slack.tokens[TOKEN] = frozenset()

    with pytest.raises(Permanent, match="the app lacks the scope chat:write; add it to the app"):
        await tell(slack, about(NEVER))


@pytest.mark.parametrize("step", ["post", "edit", "reply"])
async def test_rate_limit_is_waited_for_as_long_as_slack_asks(slack: FakeSlack, step: str) -> None:
    living = NEVER if step == "post" else await posted(slack)
    method = "chat.update" if step == "edit" else "chat.postMessage"
    slack.plan[method] = [Fault(error="ratelimited", status=429, headers={"Retry-After": "17"})]

    with pytest.raises(Temporary) as limited:
        await tell(slack, about(living, update=Update.REPLY))

    assert (limited.value.retry_after_s, limited.value.was_not_taken) == (17, True)
    assert str(limited.value) == "web (#web) answered 429: ratelimited (it gets too many messages)"


@pytest.mark.parametrize(
    ("fault", "is_sure"),
    [
        (Fault(error="ratelimited"), True),
        (Fault(status=429, body=b"slow down"), True),
        (Fault(error="internal_error"), False),
        (Fault(error="fatal_error", status=500), False),
        (Fault(status=502, body=b"<html>Bad gateway</html>"), False),
        (Fault(body=b"<html>Please sign in</html>"), False),
        (Fault(body=b""), False),
        (Fault(body=b"[1]"), False),
        (Fault(body=b"{}"), False),
        (Fault(body=b'{"ok": true}'), False),
        (Fault(body=b"[" * 100_000), False),
        (Fault(body=b'{"ok": true, "ts": "' + b"x" * 300_000), False),
        (CUT, False),
    ],
)
async def test_trouble_that_may_pass_is_tried_again(slack: FakeSlack, fault: Fault, *, is_sure: bool) -> None:
    slack.plan["chat.postMessage"] = [fault]

    with pytest.raises(Temporary) as trouble:
        await tell(slack, about(NEVER))

    assert trouble.value.was_not_taken == is_sure
    assert slack.methods == ["chat.postMessage"]  # it is not sent again on the spot


async def test_slack_that_cannot_be_reached_has_surely_taken_nothing(slack: FakeSlack) -> None:
    slack.url = "http://127.0.0.1:1/api/"

    with pytest.raises(Temporary, match=r"web \(#web\) refused the connection") as trouble:
        await tell(slack, about(NEVER))

    assert trouble.value.was_not_taken


async def test_token_is_shown_nowhere(slack: FakeSlack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    words = [Fault(error=f"no {TOKEN} here"), Fault(body=f"what is {TOKEN}?".encode()), CUT]
    slack.plan["chat.postMessage"] = list(words)
    sentences = []
    for _ in words:
        with pytest.raises((Permanent, Temporary)) as refused:
            await tell(slack, about(NEVER))
        sentences.append(f"{refused.value} {refused.value!r}")

    assert TOKEN not in "".join(sentences) + caplog.text + repr(WEB)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("slack-bot://xoxb-1", "is not complete"),
        ("slack-bot://xoxb-1/", "is not complete"),
        ("slack-bot://xoxb-1/C1/C2", "is not complete"),
        ("slack-bot://xoxb-1/C1?x=y", "is not complete"),
        ("slack-bot://x'1/C123", "the token holds a character"),
        ("slack-bot://xoxb-1/general", "is not given by its id"),
        ("slack-bot://xoxb-1/U0123", "it names a person"),
    ],
)
async def test_url_that_cannot_be_used_says_what_to_write(slack: FakeSlack, url: str, words: str) -> None:
    problem = AppriseChannels().check(url)

    assert problem is not None
    assert words in problem
    assert "xoxb-1" not in problem
    with pytest.raises(Permanent, match=words):
        await tell(slack, about(NEVER), url=url)


@pytest.mark.parametrize("channel", ["C0123456", "G012", "D0Q"])
def test_url_of_a_channel_is_understood(channel: str) -> None:
    assert AppriseChannels().check(f"slack-bot://xoxb-1-a/{channel}") is None


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ({"chat:write", "channels:history"}, None),
        ({"chat:write"}, "; without the scope channels:history a message may be posted twice"),
        ({"channels:history"}, ", but it lacks the scope chat:write"),
    ],
)
async def test_token_is_examined_without_a_message(slack: FakeSlack, scopes: set[str], words: str | None) -> None:
    slack.tokens[TOKEN] = frozenset(scopes)

    found = await AppriseChannels(slack_url=slack.url).examine(WEB)

    assert found is not None
    assert found.sentence.startswith("Slack accepts the token; it is roundsman's of Acme" + (words or ""))
    assert (found.is_wrong, found.is_less) == ("chat:write" not in scopes, words is not None and "twice" in words)
    assert slack.methods == ["auth.test"]


async def test_token_that_is_not_accepted_is_found(slack: FakeSlack) -> None:
    slack.tokens.clear()

    found = await AppriseChannels(slack_url=slack.url).examine(WEB)

    assert found is not None
    assert found.is_wrong
    assert "invalid_auth" in found.sentence
