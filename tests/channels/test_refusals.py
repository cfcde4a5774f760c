"""Refusals told in a body: what the other side says counts, whatever its transport says, and people read its words."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.channels import AppriseChannels
from service.channels.secrets import MASK, redact
from service.errors import Permanent, Temporary
from service.pipeline.steps import Pipeline
from tests.channels.test_channels import DISCORD, SLACK, SLACK_BOT, json_url, sent
from tests.support.app_fixture import RED, an_instance
from tests.support.fake_servers import Answer, HttpEnd, http_end, internet
from tests.support.long_cases import few_and_long

FEISHU = "feishu://fake-feishu-token-0123456789/"
LARK = "lark://fakelarktoken0123456789"
DINGTALK = "dingtalk://fakedingtalktoken0123456789"
WECOM_BOT = "wecombot://fakewecombotkey0123456789"
TEAMS = "workflows://prod-12.westeurope.logic.azure.com:443/643e69f8c0f5/FakeTeamsSignature_0123456789/"
TELEGRAM = "tgram://123456789:FakeTelegramToken_0123456789abcdefgh/12345"
TEAMS_TIRED = (
    b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x"
)


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        yield end


@pytest.fixture
def web() -> Iterator[HttpEnd]:
    with http_end() as end:
        yield end


REFUSED_BY_ALL = [
    b'{"ok": false}',
    b'{"success": false, "message": "no"}',
    b'{"success": "false"}',
    b'{"result": "error", "msg": "no"}',
    b'{"status": "error", "message": "no"}',
    b'{"status": 403, "message": "no"}',
    b'{"code": 401, "message": "no"}',
    b'{"StatusCode": 404}',
    b'{"errcode": 40001, "errmsg": "no"}',
    b'{"error": {"code": 7, "message": "no"}}',
    b'{"error": "not_in_channel"}',
    b'{"errors": ["no such user"]}',
    b'\xef\xbb\xbf{"ok":false}',
    b'  {"ok" : false , "pad": "' + b"x" * 3_000 + b'"}',
    b'{"ok": false, "cut": [',
    b"Webhook message delivery failed: no",
    b"ERROR: no such user",
    b'{"Success": false, "Message": "no"}',
    b'[{"success": false, "message": "no"}]',
    b'{"data": {"errcode": 7}}',
    b'{"result": {"status": "failed"}}',
    b'{"status": "ERROR"}',
    b'{"Status": "Rejected"}',
    b'{"status": "NOK"}',
    b'{"success": "no"}',
    b'{"isSuccess": false}',
    b'{"succeeded": false}',
    b'{"accepted": false}',
    b'{"hasError": true}',
    b'{"errorCode": 7}',
    b'{"code": -1}',
    b'{"err": "no such user"}',
    b'{"fault": {"faultstring": "no"}}',
    b'{"results": [{"success": true}, {"error": "no such user"}]}',
    b'{"messages": [{"status": "failed"}]}',
    b"ERROR = 3 (no such user)",
    b"NOT OK",
    b"Unauthorized",
    b"false",
    b'<?xml version="1.0"?><error>no such user</error>',
    b"<Response><Status>Error</Status><Message>no</Message></Response>",
]


@pytest.mark.parametrize("url", ["json", DISCORD, LARK])
@pytest.mark.parametrize("body", few_and_long(REFUSED_BY_ALL))
async def test_no_in_the_body_of_a_200_is_no_success(url: str, body: bytes) -> None:
    with http_end() if url == "json" else internet() as end:
        end.behave(Answer(body=body))

        with pytest.raises((Permanent, Temporary), match="answered 200, but did not take the message"):
            await sent(json_url(end) if url == "json" else url)


@pytest.mark.parametrize(
    ("url", "body", "kind", "words"),
    [
        (FEISHU, b'{"code": 19024, "msg": "Key Words Not Found"}', Permanent, "19024 Key Words Not Found"),
        (FEISHU, b'{"code": 11232, "msg": "frequency limited"}', Temporary, "11232 frequency limited"),
        (FEISHU, b'{"StatusCode": 9, "StatusMessage": "no"}', Permanent, "9 no"),
        (LARK, b'{"code": 19001, "msg": "param invalid"}', Permanent, "19001 param invalid"),
        (LARK, b'{"code": 11232, "msg": "frequency limited"}', Temporary, "11232 frequency limited"),
        (DINGTALK, b'{"errcode": 310000, "errmsg": "keywords not in content"}', Permanent, "310000 keywords not"),
        (DINGTALK, b'{"errcode": 130101, "errmsg": "send too fast"}', Temporary, "130101 send too fast"),
        (DINGTALK, b'{"errcode": -1, "errmsg": "system busy"}', Temporary, "-1 system busy"),
        (WECOM_BOT, b'{"errcode": 93000, "errmsg": "invalid webhook url"}', Permanent, "93000 invalid webhook url"),
        (WECOM_BOT, b'{"errcode": "45009", "errmsg": "api freq out of limit"}', Temporary, "45009 api freq"),
        (TEAMS, TEAMS_TIRED, Temporary, "Webhook message delivery failed with error"),
        (TEAMS, b"Webhook message delivery failed with error: no hook", Permanent, ".*: no hook"),
        (SLACK, b"no_service", Permanent, "no_service"),
        (DISCORD, b'{"error": {"code": 429, "message": "quota"}}', Temporary, "429 quota"),
        (DISCORD, b'{"error": {"code": 503, "message": "busy"}}', Temporary, "503 busy"),
        (DISCORD, b'{"code": 12345, "errcode": 77, "errmsg": "Too many requests"}', Temporary, "77 Too many requests"),
        (DISCORD, b'{"ok": false, "error": "rate_limit_exceeded"}', Temporary, "rate_limit_exceeded"),
        (SLACK_BOT, b'{"ok": false, "error": "ratelimited"}', Temporary, "ratelimited"),
    ],
)
async def test_a_services_own_code_says_whether_another_attempt_makes_sense(
    net: HttpEnd, url: str, body: bytes, kind: type[Exception], words: str
) -> None:
    net.behave(Answer(body=body))

    with pytest.raises(kind, match=f"answered 200, but did not take the message: {words}"):
        await sent(url)

    assert len(net.got) == 1


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (FEISHU, b'{"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}'),
        (LARK, b'{"code": 0, "msg": "success"}'),
        (DINGTALK, b'{"errcode": 0, "errmsg": "ok"}'),
        (WECOM_BOT, b'{"errcode": 0, "errmsg": "ok"}'),
        (TEAMS, b""),
        (SLACK, b"ok"),
        (DISCORD, b'{"id": "1", "type": 0, "content": "error", "flags": 0, "embeds": []}'),
        ("json", b'{"error": null, "errors": [], "ok": true, "code": 201, "status": "queued", "success": 1}'),
        ("json", b'{"code": 0, "err": null, "errorCode": 0, "hasError": false, "results": [{"status": "Accepted"}]}'),
        ("json", b'{"type": "failure", "title": "web failed", "message": "it failed"}'),
        ("json", b"<Response><Status>success</Status></Response>"),
        ("json", b"no news is good news"),
        ("json", b"<html>stored</html>"),
        ("json", b"<<<"),
        ("json", b"[1, 2"),
    ],
)
async def test_a_yes_is_taken_for_a_yes(url: str, body: bytes) -> None:
    with http_end() if url == "json" else internet() as end:
        end.behave(Answer(body=body))

        assert "accepted the message, it answered 200" in await sent(json_url(end) if url == "json" else url)


@pytest.mark.parametrize(
    ("url", "answer", "seconds"),
    [
        (DISCORD, Answer(status=429, body=b'{"message": "You are being rate limited.", "retry_after": 64.57}'), 64.57),
        (TELEGRAM, Answer(status=429, body=b'{"ok": false, "parameters": {"retry_after": 35}}'), 35),
        (TELEGRAM, Answer(status=429, body=b'{"ok": false, "parameters": {"retry_after": "never"}}'), 30),
        (TELEGRAM, Answer(status=429, body=b'{"ok": false, "parameters": {"retry_after": 1e99}}'), 30),
        (SLACK, Answer(status=429, headers=(("Retry-After", "7"),), body=b'{"retry_after": 9}'), 7),
        (DINGTALK, Answer(body=b'{"errcode": 130101, "errmsg": "send too fast"}'), 600),
        (DINGTALK, Answer(body=b'{"errcode": 1, "errmsg": "exceed the rate limit"}'), 600),
        (DINGTALK, Answer(body=b'{"status": 1111, "wait": 5, "punish": "deny", "errcode": 130101}'), 600),
        (DINGTALK, Answer(status=429, body=b""), 600),
        (DINGTALK, Answer(status=429, headers=(("Retry-After", "7"),), body=b""), 7),
        (WECOM_BOT, Answer(body=b'{"errcode": 45009, "errmsg": "api freq out of limit"}'), 30),
        ("json", Answer(status=503, body=b'{"retry_after_ms": 2000}'), 2),
        ("json", Answer(status=503, body=b'{"retry_after": 999999999}'), 86_400),
    ],
)
async def test_the_wait_that_a_body_asks_for_is_kept(url: str, answer: Answer, seconds: float) -> None:
    with http_end() if url == "json" else internet() as end:
        end.behave(answer)

        with pytest.raises(Temporary) as caught:
            await sent(json_url(end) if url == "json" else url)

    assert caught.value.retry_after_s == seconds


SUPERGROUP = (
    b'{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat",'
    b'"parameters":{"migrate_to_chat_id":-100123}}'
)
FIREWALL = b"<html><head><title>Access denied</title><style>x{}</style></head><body>Your IP is blocked</body></html>"


@pytest.mark.parametrize(
    ("url", "answer", "sentence"),
    [
        (SLACK, Answer(status=400, body=b"invalid_blocks"), "web-team (slack) answered 400: invalid_blocks"),
        (
            TELEGRAM,
            Answer(status=400, body=SUPERGROUP),
            "web-team (tgram) answered 400: Bad Request: group chat was upgraded to a supergroup chat",
        ),
        (
            SLACK,
            Answer(status=403, body=FIREWALL),
            (
                "web-team (slack) answered 403: Access denied Your IP is blocked "
                "(we may not post there; correct the channel's URL or its permissions)"
            ),
        ),
        (
            SLACK,
            Answer(body=FIREWALL),
            (
                "web-team (slack) answered 200 with a web page, but did not take the message: "
                "Access denied Your IP is blocked"
            ),
        ),
        (
            DISCORD,
            Answer(body=FIREWALL),
            (
                "web-team (discord) answered 200 with a web page: Access denied Your IP is blocked; see whether "
                "a proxy stands between, and send the message again"
            ),
        ),
        (DISCORD, Answer(status=500, body=b"x" * 500), f"web-team (discord) answered 500: {'x' * 117}..."),
        (
            DISCORD,
            Answer(status=500, body=b"two\r\n  lines\x1b[31m\x00"),
            "web-team (discord) answered 500: two lines\ufffd",
        ),
        (DISCORD, Answer(status=500, body=b""), "web-team (discord) answered 500"),
        (DISCORD, Answer(status=500, body=b"\xff\xfe"), "web-team (discord) answered 500: \ufffd\ufffd"),
    ],
)
async def test_the_other_sides_own_words_are_the_reason(net: HttpEnd, url: str, answer: Answer, sentence: str) -> None:
    net.behave(answer)

    with pytest.raises((Permanent, Temporary)) as caught:
        await sent(url)

    assert str(caught.value) == sentence


async def test_an_answer_that_is_no_yes_is_the_receipts_too(web: HttpEnd) -> None:
    web.behave(Answer(body=b"Congratulations!  You fired it"))

    receipt = await sent(json_url(web))

    assert receipt == "web-team (json) accepted the message, it answered 200: Congratulations! You fired it"


SECRET = "fake-json-password"


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        SECRET.upper(),
        f"Basic {base64.b64encode(f'ci:{SECRET}'.encode()).decode()}",
        base64.urlsafe_b64encode(f"\0ci\0{SECRET}".encode()).decode().rstrip("="),
        " " * 3_000 + "x" * 110 + SECRET,
        f'{{"message": "wrong password {SECRET}"}}',
        f"<p>{SECRET}</p>",
    ],
)
@pytest.mark.parametrize("status", [200, 403, 500])
async def test_a_secret_that_is_sent_back_is_hidden(web: HttpEnd, said: str, status: int) -> None:
    web.behave(Answer(status=status, body=said.encode()))

    try:
        told = await sent(json_url(web))
    except (Permanent, Temporary) as error:
        told = str(error)

    assert not any(part in told.lower() for part in ("fake", "json-", base64.b64encode(SECRET.encode())[4:12].decode()))


def test_words_of_every_sentence_are_not_hidden() -> None:
    assert redact("slack says no to FAKESLACKTOKEN0123456789", SLACK) == "slack says no to ***"
    assert redact("p%40ss and p@ss", "json://me:p%40ss@host.example") == "*** and ***"
    assert redact("channel_not_found", SLACK, frozenset({"slack://xoxb-1/#channel"})) == "channel_not_found"
    assert redact("T1 fakeslacktoken0123456789", "json://host", frozenset({SLACK})) == "T1 ***"


def test_the_beginning_of_a_secret_that_a_limit_cuts_is_not_shown() -> None:
    said = f"{SECRET} " * 1_000

    assert set(redact(said, f"json://ci:{SECRET}@host.example").split()) <= {MASK, MASK[:1], MASK[:2]}


async def test_one_recipient_that_is_refused_in_the_body_is_not_told_again_to_the_others(net: HttpEnd) -> None:
    net.behave(Answer(body=b'{"status": "created"}'), Answer(body=b'{"status": "failed", "message": "no"}'))

    with pytest.raises(Permanent, match=r"Only some .* of web-team \(46elks\) got the message\. .* failed no"):
        await sent("46elks://fakeuser:fakepassword@15551230000/15551231111/15551232222")

    assert len(net.got) == 2


@pytest.mark.parametrize("name", ["user", "password"])
async def test_a_character_that_no_mail_server_can_be_given_is_named(name: str) -> None:
    login = {"user": "ci", "password": "fake"} | {name: "p%C3%A4ss"}
    url = f"mailtos://{login['user']}:{login['password']}@mail.example.com?from=ci@example.com&to=web@example.com"

    with pytest.raises(Permanent, match=f"the {name} holds a character that mail servers cannot be given"):
        await sent(url)

    assert f"the {name} holds a character" in (AppriseChannels().check(url) or "")


JSON_ROUTES = """\
receivers:
  web:
    channels: ["json://ci:fake-json-password@127.0.0.1:{port}/hook"]
routes:
  - match: {{status: failed}}
    receiver: web
"""


async def test_the_other_sides_words_reach_the_history_and_the_dead_letter(folder: Path, web: HttpEnd) -> None:
    web.behave(Answer(body=b'{"errcode": 310000, "errmsg": "keywords not in content, fake-json-password"}'))
    async with an_instance(folder, JSON_ROUTES.format(port=web.port)) as plain:
        context = replace(plain.service.context, notifier=AppriseChannels())
        instance = replace(plain, service=replace(plain.service, context=context, pipeline=Pipeline(context)))
        await instance.finish(RED)
        await instance.drain()
        (letter,) = (await instance.dead_letters())["notifications"]
        (attempt,) = instance.rows("SELECT outcome, reason FROM attempts")

    reason = "web (json) answered 200, but did not take the message: 310000 keywords not in content, ***"
    assert (attempt, letter["reason"]) == (("dead", reason), reason)
