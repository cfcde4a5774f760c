"""Channels, at the wire: what other ends receive, and what we make of their answers."""

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID, uuid4

import pytest
import requests

from service.channels import AppriseChannels
from service.channels.apprise_capture import SendTrace
from service.channels.failures import Recipient, classify_failure
from service.channels.registry import find_service
from service.errors import Permanent, Temporary
from service.message import compose, slack_problems
from service.model import Channel, Commit, Event, EventKind, Message, Project, Workflow
from tests.support.fake_servers import Answer, Behaviour, HangUp, HttpEnd, Silence, http_end, internet
from tests.support.ports import free_port

HOSTILE = "<!channel> *x* `y` <script>alert(1)</script> @everyone"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/FakeSlackToken0123456789"
SLACK_BOT = "slack://xoxb-1234-1234-fakefakefakefake/#ci"
DISCORD = "discord://1234567890/FakeDiscordToken"


def a_message(subject: str = "Fix the cart", **facts: str) -> Message:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    event = Event(
        id=UUID(int=1),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="e1",
        happened_at=noon,
        received_at=noon,
        project=Project(name=facts.get("project", "acme/web")),
        workflow=Workflow(name="build", url="https://app.circleci.com/w/1"),
        status="failed",
        branch="main",
        commit=Commit(subject=subject),
    )
    return compose(event, None)


def a_channel(url: str) -> Channel:
    return Channel(key=url[:9], label=f"web-team ({url.partition(':')[0]})", kind=url.partition(":")[0], url=url)


async def sent(url: str, message: Message | None = None, *, deadline_s: float = 120) -> str:
    channels = AppriseChannels(deadline_s=deadline_s)
    try:
        return await channels.send(a_channel(url), message or a_message(), notification_id=uuid4())
    finally:
        await channels.close(grace_s=0)


@pytest.fixture(autouse=True, scope="module")
def _apprise_is_imported() -> None:
    """Importing it takes longer than the shortest deadlines here."""
    AppriseChannels().check(SLACK)


@pytest.fixture
def web() -> Iterator[HttpEnd]:
    with http_end() as end:
        yield end


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        yield end


def json_url(web: HttpEnd) -> str:
    return f"json://ci:fake-json-password@127.0.0.1:{web.port}/hook"


async def test_slack_gets_outside_words_literally_with_formatting_off(net: HttpEnd) -> None:
    receipt = await sent(SLACK, a_message(HOSTILE, project=HOSTILE))

    escaped = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
    assert receipt == "web-team (slack) accepted the message, it answered 200"
    assert [got.url for got in net.got] == [
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/FakeSlackToken0123456789"
    ]
    payload = net.got[0].json
    assert (payload["text"], payload["mrkdwn"], payload["parse"]) == (f"{escaped} main: build failed", False, "none")
    [attachment] = payload["attachments"]
    assert attachment["color"] == "#c9302c"
    assert attachment["blocks"][0]["elements"][0]["elements"] == [
        {"type": "link", "url": "https://app.circleci.com/w/1", "text": "The workflow"},
        {"type": "text", "text": f".\nCommit {HOSTILE}"},
    ]
    assert slack_problems(payload) == []


async def test_slack_bot_of_apprise_gets_rich_text_in_each_of_its_channels(net: HttpEnd) -> None:
    net.behave(Answer(body=b'{"ok": true, "channel": "C1"}'))

    await sent("slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/C0123456/general/?mode=bot", a_message("x"))

    assert [got.json["channel"] for got in net.got] == ["#C0123456", "#general"]
    assert all(slack_problems(got.json) == [] for got in net.got)
    assert all(got.json["blocks"] for got in net.got)


async def test_discord_gets_untrusted_text_in_code_spans_without_mentions(net: HttpEnd) -> None:
    net.behave(Answer(status=204, body=b""))

    await sent(DISCORD, a_message(HOSTILE, project=HOSTILE))

    (embed,) = net.got[0].json["embeds"]
    assert embed["description"] == (f"[The workflow](https://app.circleci.com/w/1).\n\nCommit ``{HOSTILE}``")
    assert "@everyone" not in embed["title"]


async def test_discord_gets_no_more_than_it_takes(net: HttpEnd) -> None:
    net.behave(Answer(status=204, body=b""))
    long = Message(title="t", text="", markdown="\n".join(["x" * 99] * 40), html="", severity="info")

    await sent(DISCORD, long)

    assert 1800 < len(net.got[0].json["content"]) <= 2000


async def test_mattermost_renders_text_as_markdown_so_it_gets_markdown(web: HttpEnd) -> None:
    await sent(f"mmost://127.0.0.1:{web.port}/3ccdd113474722377935511fc85d3dd4", a_message(HOSTILE))

    text = web.got[0].json["text"]
    assert text.startswith("**acme/web main: build failed**\n\n[The workflow](https://app.circleci.com/w/1).")
    assert not any(mark in text for mark in ("<!channel>", "*x*", "`y`", "<script>", "@everyone"))


async def test_telegram_gets_html_with_the_title_on_top(net: HttpEnd) -> None:
    net.behave(Answer(body=b'{"ok": true, "result": {"message_id": 1}}'))

    await sent("tgram://123456789:FakeTelegramToken_0123456789abcdefgh/12345", a_message("<b>x</b>"))

    assert net.got[0].json["text"] == (
        "<b>acme/web main: build failed</b>\r\n"
        '<a href="https://app.circleci.com/w/1">The workflow</a>.\r\n'
        "Commit &lt;b&gt;x&lt;/b&gt;"
    )


async def test_json_gets_plain_text_and_the_severity(web: HttpEnd) -> None:
    message = a_message(HOSTILE)

    await sent(json_url(web), message)

    assert web.got[0].json == {
        "version": "1.0",
        "title": message.title,
        "message": message.text,
        "attachments": [],
        "type": "failure",
    }


ANSWERS: list[tuple[Behaviour, type[Exception], str]] = [
    (Answer(status=302, headers=(("Location", "http://127.0.0.1:9/"),)), Permanent, "302"),
    (Answer(status=400), Permanent, "400"),
    (Answer(status=401), Permanent, "401"),
    (Answer(status=403), Permanent, "403"),
    (Answer(status=404), Permanent, "404"),
    (Answer(status=408), Temporary, "408"),
    (Answer(status=410), Permanent, "410"),
    (Answer(status=418), Permanent, "418"),
    (Answer(status=429), Temporary, "429"),
    (Answer(status=500), Temporary, "500"),
    (Answer(status=503), Temporary, "503"),
    (HangUp(), Temporary, "hung up"),
]


@pytest.mark.parametrize("url", ["json", SLACK, SLACK_BOT, DISCORD])
@pytest.mark.parametrize(("behaviour", "kind", "words"), ANSWERS, ids=[words for *_, words in ANSWERS])
async def test_each_answer_says_whether_another_attempt_makes_sense(
    url: str, behaviour: Behaviour, kind: type[Exception], words: str
) -> None:
    with http_end() if url == "json" else internet() as end:
        end.behave(behaviour)

        with pytest.raises(kind, match=words) as caught:
            await sent(json_url(end) if url == "json" else url)

    assert len(end.got) == 1
    assert not re.search("fake|T1JJ3T3L2|1234", str(caught.value), re.IGNORECASE)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 -0000", 86_400.0),
        ("9" * 400, 86_400.0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 30.0),
        ("\xb2", 30.0),
        ("soon", 30.0),
        ("-5", 30.0),
        ("inf", 30.0),
        ("", 30.0),
    ],
)
async def test_rate_limited_channel_is_paused_for_its_retry_after_or_half_a_minute(
    web: HttpEnd, header: str, seconds: float
) -> None:
    web.behave(Answer(status=429, headers=(("Retry-After", header),)))

    with pytest.raises(Temporary) as caught:
        await sent(json_url(web))

    assert caught.value.retry_after_s == seconds


async def test_other_transient_error_without_retry_after_has_no_pause(web: HttpEnd) -> None:
    web.behave(Answer(status=503, headers=(("Retry-After", "soon"),)))

    with pytest.raises(Temporary) as caught:
        await sent(json_url(web))

    assert caught.value.retry_after_s is None


@pytest.mark.parametrize("error", [requests.ConnectTimeout(), requests.ReadTimeout(), TimeoutError()])
def test_channel_that_timed_out_is_paused_for_a_minute(error: Exception) -> None:
    """Here without the wire: the plugins wait for twenty seconds."""
    found = classify_failure(
        Recipient(label="web", service=find_service("JSON"), url="json://web"), SendTrace(errors=[error])
    )

    assert isinstance(found, Temporary)
    assert (str(found), found.retry_after_s) == ("web did not answer in time", 60)


async def test_a_date_to_wait_for_becomes_seconds_from_now(web: HttpEnd) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    web.behave(Answer(status=503, headers=(("Retry-After", format_datetime(until, usegmt=True)),)))

    asked_at = datetime.now(UTC)
    with pytest.raises(Temporary) as caught:
        await sent(json_url(web))
    told_at = datetime.now(UTC)

    waits_until = timedelta(seconds=caught.value.retry_after_s or 0)
    assert until - told_at <= waits_until <= until - asked_at


async def test_refused_connection_is_temporary() -> None:
    with pytest.raises(Temporary, match="refused the connection"):
        await sent(f"json://127.0.0.1:{free_port()}/hook")


async def test_untrusted_certificate_is_named_in_the_error(net: HttpEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with pytest.raises(Temporary, match="its TLS certificate"):
        await sent(SLACK)

    assert net.got == []


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"ok": false, "error": "channel_not_found"}', Permanent, "channel_not_found"),
        (b'{"ok":false,"error":"ratelimited"}', Temporary, "ratelimited"),
        (b'{"ok":false,"error":"internal_error"}', Temporary, "internal_error"),
        (b"maintenance now", Temporary, "did not take the message: maintenance now"),
        (b"", Temporary, "Apprise did not say why"),
    ],
)
async def test_a_200_that_took_nothing_is_no_success(
    net: HttpEnd, body: bytes, kind: type[Exception], words: str
) -> None:
    net.behave(Answer(body=body))

    with pytest.raises(kind, match=words) as caught:
        await sent(SLACK_BOT)

    assert getattr(caught.value, "retry_after_s", None) == (30 if words == "ratelimited" else None)


async def test_partly_accepted_message_is_not_sent_again(net: HttpEnd) -> None:
    net.behave(Answer(body=b'{"ok": true, "channel": "C1"}'), Answer(status=503))

    with pytest.raises(Permanent, match=r"Only some .* of web-team \(slack\) got the message\. .* answered 503"):
        await sent(f"{SLACK_BOT}/#web")


@pytest.mark.long
async def test_channel_that_never_answers_delays_no_other(net: HttpEnd, web: HttpEnd) -> None:
    net.behave(Silence())
    channels = AppriseChannels(deadline_s=0.5, max_concurrent=1)

    with pytest.raises(Temporary, match=r"web-team \(slack\) did not answer within 0\.5 s") as caught:
        await channels.send(a_channel(SLACK), a_message(), notification_id=uuid4())

    assert caught.value.retry_after_s == 60
    assert "accepted" in await channels.send(a_channel(json_url(web)), a_message(), notification_id=uuid4())


@pytest.mark.long
async def test_a_channel_that_holds_two_messages_gets_no_third_until_it_lets_go(net: HttpEnd) -> None:
    net.behave(Silence(), Silence(), Answer())
    channels = AppriseChannels(deadline_s=0.5)
    for _ in range(2):
        with pytest.raises(Temporary, match="did not answer"):
            await channels.send(a_channel(SLACK), a_message(), notification_id=uuid4())

    with pytest.raises(Temporary, match="still holds 2 messages without an answer") as caught:
        await channels.send(a_channel(SLACK), a_message(), notification_id=uuid4())
    assert caught.value.retry_after_s == 60
    net.closing.set()
    for thread in threading.enumerate():
        if thread.name.startswith("send "):
            thread.join()

    assert "accepted" in await channels.send(a_channel(SLACK), a_message(), notification_id=uuid4())


async def test_close_waits_for_a_late_send_for_a_limited_time(net: HttpEnd) -> None:
    net.behave(Silence())
    channels = AppriseChannels()
    sending = asyncio.create_task(channels.send(a_channel(SLACK), a_message(), notification_id=uuid4()))
    await asyncio.to_thread(net.arrived.wait)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    await channels.close(grace_s=0.01)

    assert len(net.got) == 1


async def test_url_cannot_override_retries_and_redirects(web: HttpEnd) -> None:
    web.behave(Answer(status=503))

    with pytest.raises(Temporary, match="503"):
        await sent(f"{json_url(web)}?optional=yes&retry=3&wait=9&redirect=yes")

    assert len(web.got) == 1


async def test_a_plugin_that_breaks_is_reported_and_tried_again(web: HttpEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")  # requests raises OSError for it, and no plugin expects that
    with pytest.raises(Temporary, match="could not be reached"):
        await sent(f"jsons://localhost:{web.port}/hook")


async def test_exception_of_a_send_is_raised_to_its_caller() -> None:
    odd = Message(title="t", text="t", markdown="t", html="t", severity="odd")

    with pytest.raises(ValueError, match="odd"):
        await sent(f"json://127.0.0.1:{free_port()}", odd)


async def test_no_secret_is_written_to_any_log(net: HttpEnd, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("apprise").removeHandler(caplog.handler)  # pytest takes even what goes nowhere else
    net.behave(Answer(status=404))
    with caplog.at_level(logging.DEBUG), pytest.raises(Permanent):
        await sent(SLACK)

    assert "FakeSlackToken" not in caplog.text


async def test_a_url_that_apprise_does_not_understand_needs_a_person() -> None:
    with pytest.raises(
        Permanent, match=r"slak.*: no service has URLs that begin with slak://; did you mean slack://\?"
    ):
        await sent("slak://T1/FakeSlackToken")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (SLACK, None),
        (DISCORD, None),
        ("mailto://ci:fake@example.com", None),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/FakeSlackToken0123456789", None),
        ("slack://fake!", "Apprise does not understand this slack:// URL: compare it with appriseit.com/services"),
        ("json://[fake", "Apprise does not understand this json:// URL: compare it with appriseit.com/services"),
        ("gnome://[fake", "Apprise does not understand this gnome:// URL: compare it with appriseit.com/services"),
        ("slak://fake/fake/fake", "no service has URLs that begin with slak://; did you mean slack://?"),
        ("https://fake.example.com", "no service has URLs that begin with https://; did you mean jsons://?"),
        ("qqqqq://fake", "no service has URLs that begin with qqqqq://; appriseit.com/services lists them all"),
        ("fake-token-alone", "this is not an Apprise URL: it has no scheme like slack:// in front"),
        ("", "this is not an Apprise URL: it has no scheme like slack:// in front"),
    ],
)
def test_check_names_the_problem_without_the_secret(url: str, sentence: str | None) -> None:
    assert AppriseChannels().check(url) == sentence
