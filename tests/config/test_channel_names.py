"""Channels with a name of their own: ``{url: ..., name: ...}``."""

from pathlib import Path

import pytest

from tests.support.roundsman_yaml import File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_channel_may_have_a_name(file: File) -> None:
    receivers = file.load(
        """\
        receivers:
          web:
            channels:
              - {url: "slack-bot://${TOKEN}/C0123456", name: "#web"}
              - {url: "slack-bot://${TOKEN}/C0999", name: "#web"}
              - {url: json://a.example.com}
          other:
            channels: ["slack-bot://${TOKEN}/C0123456"]
        routes: []
        """,
        {"TOKEN": "xoxb-1"},
    ).receivers

    first, second, third = receivers["web"].channels
    [other] = receivers["other"].channels
    assert [one.label for one in (first, second, third)] == ["web (#web)", "web (#web 2)", "web (json)"]
    assert (first.kind, first.url, other.label) == ("slack-bot", "slack-bot://xoxb-1/C0123456", "other (slack-bot)")
    assert first.key == other.key


@pytest.mark.parametrize(
    ("channel", "claim"),
    [
        ("{name: web}", "has no url; write {url: ..., name: ...}, or the URL alone"),
        ("{url: json://a, nam: web}", "has a key that is not known here; there are url and name"),
        ("{url: json://a, name: ''}", "has an empty name; give it one in quotes, as in name: '#web', or leave it out"),
        ("{url: json://a, name: [web]}", "has an empty name; give it one in quotes"),
        ("{url: {url: json://a}}", "must be one address"),
        ("{url: json}", "is not an address"),
        ('{url: json://a, name: "a\\nb"}', "has a name that is not one line of at most 60 characters; shorten it"),
        (f"{{url: json://a, name: {61 * 'x'}}}", "has a name that is not one line of at most 60 characters"),
    ],
)
def test_channel_with_a_wrong_name_is_refused(file: File, channel: str, claim: str) -> None:
    text = f"receivers:\n  web:\n    channels:\n      - {channel}\nroutes: []\n"

    assert file.complaint(text).startswith(f"roundsman.yaml:4: receivers.web.channels 1 {claim}")
