"""Channels are tried as far as that goes without a message: mail servers by a login, others by their server."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest

from service.channels import AppriseChannels
from service.channels.endpoint import Endpoint
from service.health.channel_trials import try_channels
from service.model import Channel, Receiver
from service.operations.checks.checks import Finding, Grade
from tests.support.fake_servers import MailEnd, environment, http_end, mail_end, raw_end
from tests.support.long_cases import first_and_long
from tests.support.ports import free_port

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def channel_of(url: str) -> Channel:
    return Channel(key=url, label="web", kind=url.partition("://")[0], url=url)


@pytest.fixture
def mail() -> Iterator[MailEnd]:
    with mail_end() as end:
        yield end


def keep_silent(_: socket.socket, closing: Event) -> None:
    closing.wait()


async def tried(*urls: str, deadline_s: float = 10) -> list[Finding]:
    channels = tuple(channel_of(url) for url in urls)
    found, _ = await try_channels(
        {"web": Receiver(name="web", channels=channels)}, AppriseChannels(deadline_s=deadline_s), NOW
    )
    return found


@pytest.mark.long
async def test_a_login_at_a_mail_server_sends_nothing(mail: MailEnd) -> None:
    url = f"mailtos://{mail.user}:{mail.password}@localhost:{mail.port}?from=ci@example.com&to=web@example.com"

    [found] = await tried(url)

    assert (found.grade, found.sentence) == (Grade.OK, "the mail server takes user and password; no mail was sent")
    assert mail.got == []


@pytest.mark.long
async def test_a_wrong_password_is_said_and_not_shown(mail: MailEnd) -> None:
    [found] = await tried(f"mailtos://ci:hunter2hunter2@localhost:{mail.port}?from=ci@example.com&to=web@example.com")

    assert found.grade is Grade.WRONG
    assert found.sentence.startswith("the mail server refuses user and password (535)")
    assert "hunter2" not in found.sentence


@pytest.mark.parametrize("mode", first_and_long(["insecure", "starttls", "ssl"]))
async def test_a_mail_server_that_is_not_there_is_said(mode: str) -> None:
    address = f"localhost:{free_port()}?from=ci@example.com&to=web@example.com&mode={mode}"

    [found] = await tried(f"mailto://ci:fake-mail-password@{address}")

    assert (found.grade, "the mail server refused the connection" in found.sentence) == (Grade.WRONG, True)


@pytest.mark.long
async def test_a_mail_server_that_says_nothing_ends_in_time() -> None:
    with raw_end(keep_silent) as end:
        url = (
            f"mailto://ci:fake-mail-password@localhost:{end.port}?from=ci@example.com&to=web@example.com&mode=insecure"
        )

        [found] = await tried(url, deadline_s=0.3)

    assert found.grade is Grade.WRONG
    assert "answer" in found.sentence


async def test_of_others_the_server_is_tried_once_and_that_no_message_was_is_said() -> None:
    with http_end() as end:
        found = await tried(*(f"json://127.0.0.1:{end.port}/{number}" for number in range(3)))

        assert end.got == []
    assert [(one.what, one.grade) for one in found] == [("server 127.0.0.1", Grade.OK), ("messages", Grade.OK)]
    assert "and 1 more: their services tell only by a message that people see" in found[1].sentence
    assert "`roundsman doctor --send` sends one" in found[1].sentence


async def test_a_server_that_is_away_is_wrong() -> None:
    found = await tried(f"json://127.0.0.1:{free_port()}/hook")

    assert [one.grade for one in found] == [Grade.WRONG, Grade.OK]


async def test_behind_a_proxy_nothing_is_tried_directly() -> None:
    with environment(http_proxy="http://ci:hunter2@proxy.example.com:3128", no_proxy=""):
        found = await tried("json://web.example.com/hook")

    assert found[0] == Finding(
        what="server web.example.com",
        grade=Grade.NOTE,
        sentence="not tried directly: HTTP_PROXY names a proxy, so its certificate is not seen",
    )


PUBLIC = {
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general": "hooks.slack.com",
    "discord://1234567890123456/abcdefghijklmnop": "discord.com",
    "tgram://123456789:abcdefg_hijklmnop/12315544": "api.telegram.org",
}


@pytest.mark.parametrize("url", PUBLIC)
async def test_the_server_of_a_public_service_is_known(url: str) -> None:
    found = await AppriseChannels().endpoint(channel_of(url))

    assert found == Endpoint(host=PUBLIC[url], port=443, is_tls=True, is_public=True)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("jsons://user:pass@web.example.com/hook?x=1", "https://web.example.com:443"),
        ("json://ops.example.com:8080", "http://ops.example.com:8080"),
        ("ntfys://ntfy.example.com/topic", "https://ntfy.example.com:443"),
        ("json://[::1]:8080/hook", "http://[::1]:8080"),
        ("mailto://ci:secret@example.org?to=b@example.com", None),
        ("slack-bot://xoxb-1-2-abc/C0123456789", None),
        ("nonsense://x", None),
    ],
)
async def test_the_server_of_an_address_is_read_from_it(url: str, address: str | None) -> None:
    found = await AppriseChannels().endpoint(channel_of(url))

    assert (found.url if found else None) == address
