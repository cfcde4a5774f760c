"""The receivers command: what each channel says to a test message."""

from collections.abc import Iterator

import pytest

from tests.support.cli_runner import Terminal
from tests.support.fake_servers import Answer, HttpEnd, http_end
from tests.support.fake_slack import TOKEN, FakeSlack, fake_slack

ROUTES = """\
receivers:
  web:
    channels: ["json://ci:fake-json-password@127.0.0.1:{port}/one", "form://127.0.0.1:{port}/two"]
  crew: {{channels: ["json://127.0.0.1:1/nowhere"]}}
routes:
  - {{receiver: web}}
"""


@pytest.fixture
def web() -> Iterator[HttpEnd]:
    with http_end() as end:
        yield end


@pytest.fixture
def operator(terminal: Terminal, web: HttpEnd) -> Terminal:
    (terminal.folder / "roundsman.yaml").write_text(ROUTES.format(port=web.port))
    return terminal


def test_each_channel_gets_one_marked_message(operator: Terminal, web: HttpEnd) -> None:
    said = operator.run("receivers", "test", "web")

    assert (said.code, sorted(said.lines)) == (
        0,
        [
            "ok       web (form) accepted the message, it answered 200",
            "ok       web (json) accepted the message, it answered 200",
        ],
    )
    (sent,) = [got.json for got in web.got if got.url.endswith("/one")]
    assert (sent["title"], sent["type"]) == ("Test message from Roundsman", "info")
    assert sent["message"] == (
        "This is a test of the channel web (json): no build has failed, and nothing is to be done.\n"
        "It was sent by roundsman receivers test web."
    )
    assert len(web.got) == 2


def test_the_true_answer_is_shown_and_a_refusal_is_exit_code_1(operator: Terminal, web: HttpEnd) -> None:
    web.behave(Answer(body=b'{"errcode": 310000, "errmsg": "keywords not in content"}'))

    said = operator.run("receivers", "test", "web")

    refused = "answered 200, but did not take the message: 310000 keywords not in content"
    assert (said.code, sorted(said.lines)) == (
        1,
        [f"refused  web (form) {refused}", f"refused  web (json) {refused}"],
    )


def test_in_json_each_channel_has_its_answer(operator: Terminal) -> None:
    said = operator.run("receivers", "test", "crew", "--json")

    assert (said.code, said.json) == (
        1,
        {
            "receiver": "crew",
            "channels": [
                {
                    "channel": "crew (json)",
                    "kind": "json",
                    "accepted": False,
                    "answer": "crew (json) refused the connection",
                }
            ],
        },
    )


def test_an_unknown_receiver_is_wrong_use_and_nothing_is_sent(operator: Terminal, web: HttpEnd) -> None:
    said = operator.run("receivers", "test", "wbe")

    assert (said.code, said.problems) == (2, ["roundsman.yaml has no receiver 'wbe'; it has web, crew"])
    assert web.got == []


SLACK_ROUTES = """\
receivers:
  web:
    channels: [{{url: "slack-bot://{token}/C0123456", name: "#web"}}]
routes:
  - {{receiver: web}}
"""


@pytest.fixture
def slack(terminal: Terminal) -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        routes = SLACK_ROUTES.format(token=TOKEN)
        terminal.configure(routes, ROUNDSMAN_SLACK_URL=slack.url.removesuffix("/api/"), ROUNDSMAN_PORT="0")
        terminal.unset("ROUNDSMAN_CIRCLECI_TOKEN")
        yield slack


def test_channel_of_a_slack_app_is_tried_out(terminal: Terminal, slack: FakeSlack) -> None:
    said = terminal.run("receivers", "test", "web")

    assert (said.code, said.lines) == (0, ["ok       web (#web) accepted the message"])
    assert [one.text for one in slack.messages] == ["Test message from Roundsman"]


def test_refusal_of_slack_is_shown_without_the_token(terminal: Terminal, slack: FakeSlack) -> None:
    slack.channels["C0123456"].has_app = False

    said = terminal.run("receivers", "test", "web")

    assert said.code == 1
    assert "not_in_channel (the app is not in the channel; type /invite" in said.out
    assert TOKEN not in said.out


def test_check_asks_slack_whose_token_it_is(terminal: Terminal, slack: FakeSlack) -> None:
    said = terminal.run("check")

    assert "ok       channel web (#web): Slack accepts the token; it is roundsman's of Acme" in said.lines
    assert slack.methods == ["auth.test"]


def test_check_finds_a_token_that_slack_refuses(terminal: Terminal, slack: FakeSlack) -> None:
    slack.tokens.clear()

    said = terminal.run("check")

    assert said.code == 1
    assert "wrong    channel web (#web): " in said.out
    assert "web (#web) answered 200, but did not take the message: invalid_auth" in said.out
