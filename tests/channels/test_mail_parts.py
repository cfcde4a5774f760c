"""A mail as a mail program gets it: its parts, its headers, and how it looks on a phone."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from email.message import EmailMessage
from itertools import product
from typing import Literal
from uuid import UUID, uuid4

import pytest

from service.channels import AppriseChannels
from service.channels.mail import compose_mail
from service.errors import Temporary
from service.message import compose, compose_test, mail_html, mail_text
from service.model import Commit, Details, Message, News
from tests.channels.test_channels import a_channel, a_message, sent
from tests.channels.test_mail import mail_url
from tests.message.test_message import PAGE, RED, STORIES, a_job, a_workflow
from tests.support.apprise_urls import URLS
from tests.support.chromium import chromium
from tests.support.fake_servers import Answer, MailEnd, internet, mail_end

LINKS = re.compile(r"https?://[^\s\"<>]+")


@pytest.fixture
def mail() -> Iterator[MailEnd]:
    with mail_end() as end:
        yield end


async def got(mail: MailEnd, message: Message, more: str = "") -> EmailMessage:
    await sent(mail_url(mail) + more, message)
    return mail.got[-1]


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body(preferencelist=(kind,))
    assert found is not None
    return str(found.get_content())


@pytest.mark.parametrize("case", ["failed-with-tests", "job", "tag", "hostile", "very-long-names", "200-failures"])
async def test_both_parts_have_the_same_links_and_name_the_project(mail: MailEnd, case: str) -> None:
    event, details = STORIES[case]
    letter = await got(mail, compose(event, details, event_url=PAGE))

    text, html = part(letter, "plain"), part(letter, "html")
    assert event.project_name is not None
    assert text.splitlines()[0].startswith(event.project_name[:60])
    links = set(LINKS.findall(text)) - {"https://evil.example)"}
    assert PAGE in links
    assert links <= set(LINKS.findall(html))


async def test_plain_part_keeps_every_link_that_a_chat_message_has_no_room_for(mail: MailEnd) -> None:
    jobs = tuple(a_job(f"job-{n}", url=f"https://app.circleci.com/{n}/{'u' * 380}") for n in range(10))
    message = compose(a_workflow(), Details(jobs=jobs), event_url=PAGE)
    letter = await got(mail, message)

    assert message.text.count("https://app.circleci.com/") < 10
    assert (
        part(letter, "plain").count("https://app.circleci.com/")
        == part(letter, "html").count('"https://app.circle')
        == 11
    )


async def test_headers_say_that_a_machine_wrote_it_and_which_list_it_belongs_to(mail: MailEnd) -> None:
    letter = await got(mail, a_message())

    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Id"] == '"acme/web" <acme-web.roundsman.example.com>'
    assert re.fullmatch(r"<[0-9a-f]{32}\.roundsman@example\.com>", letter["Message-ID"])
    assert letter["From"] == "Roundsman <ci@example.com>"
    assert letter["X-Application"] == "Roundsman"
    assert letter["Date"]
    assert [len(letter.get_all(name, [])) for name in ("Message-ID", "From", "To", "Subject", "Date", "List-Id")] == [
        1
    ] * 6


async def test_mails_of_one_workflow_and_branch_are_one_thread_and_others_are_not(mail: MailEnd) -> None:
    for event in (a_workflow(), a_workflow("success"), a_workflow(branch="other")):
        await got(mail, compose(event, None))

    red, green, other = mail.got
    assert red["References"] == red["In-Reply-To"] == green["References"] != other["References"]
    assert len({letter["Message-ID"] for letter in mail.got}) == 3


async def test_mails_of_an_incident_are_one_thread_that_its_first_mail_opens(mail: MailEnd) -> None:
    incident, another = UUID(int=1), UUID(int=2)
    for about, news in ((incident, News.BROKE), (incident, News.FIXED), (another, News.BROKE), (incident, News.BROKE)):
        await got(mail, replace(a_message(), incident=about, news=news), ",ops@example.com")

    web = [letter for letter in mail.got if letter["To"] == "web@example.com"]
    broke, fixed, other, again = web
    assert (broke["References"], broke["In-Reply-To"]) == (None, None)
    assert fixed["References"] == fixed["In-Reply-To"] == broke["Message-ID"] == again["Message-ID"]
    assert other["Message-ID"] != broke["Message-ID"] != fixed["Message-ID"]
    assert len({letter["Message-ID"] for letter in mail.got}) == 6  # each recipient has a thread of its own
    assert all(letter["Auto-Submitted"] == "auto-generated" and letter["List-Id"] for letter in mail.got)


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        ("&name=Build%20Bot", "From", "Build Bot <ci@example.com>"),
        ("&+List-Id=ours", "List-Id", "ours"),
        ("&+X-Team=web", "X-Team", "web"),
        ("&+X-Team=web%0d%0aBcc:%20x@example.com", "X-Team", "web Bcc: x@example.com"),
        ("&+Subject=mine", "Subject", "acme/web main: build failed"),
        ("&+Content-Type=text/x", "Content-Type", None),
        ("&reply=web@example.org", "Reply-To", "web@example.org"),
        ("&cc=Ada%20<ada@example.com>", "Cc", "Ada <ada@example.com>"),
        ("&bcc=ada@example.com", "Bcc", None),
    ],
)
async def test_headers_and_recipients_of_the_url_are_in_the_mail(
    mail: MailEnd, more: str, name: str, value: str | None
) -> None:
    letter = await got(mail, a_message(), more)

    if value is not None:
        assert letter.get_all(name) == [value]
    assert letter.get_content_type() == "multipart/alternative"
    assert letter["Bcc"] is None


async def test_mail_is_plain_if_the_url_says_format_text(mail: MailEnd) -> None:
    letter = await got(mail, a_message(), "&format=text")

    assert letter.get_content_type() == "text/plain"
    assert "https://app.circleci.com/w/1" in letter.get_content()


async def test_each_recipient_gets_a_mail_and_copies_go_with_it(mail: MailEnd) -> None:
    await got(mail, a_message(), ",ops@example.com&cc=ada@example.com")

    assert [letter["To"] for letter in mail.got] == ["web@example.com", "ops@example.com"]
    assert [letter["Cc"] for letter in mail.got] == ["ada@example.com"] * 2


def test_long_ids_in_headers_are_not_encoded() -> None:
    domain = f"{'a' * 60}.{'b' * 60}.example.com"

    message = a_message(project="acme/" + "p" * 90)
    raw = compose_mail(message, sender=("Roundsman", f"ci@{domain}"), unique="1" * 53).as_string()

    ids = [line for line in raw.splitlines() if line.startswith(("References", "In-Reply-To", "List-Id", "Message-ID"))]
    assert [line.endswith((f".roundsman.{domain}>", f".roundsman@{domain}>")) for line in ids] == [True] * 4


async def send_as(mail: MailEnd, notification_id: UUID, more: str = "") -> list[str]:
    """Return the Message-IDs of the letters that a notification is sent as."""
    before = len(mail.got)
    channel = a_channel(mail_url(mail) + more)
    await AppriseChannels().send(channel, a_message(), notification_id=notification_id)
    return [letter["Message-ID"] for letter in mail.got[before:]]


async def test_mail_that_is_sent_again_has_the_same_id_and_another_notification_another(mail: MailEnd) -> None:
    notification, other = uuid4(), uuid4()

    first, again = await send_as(mail, notification), await send_as(mail, notification)

    assert first == again == [f"<{notification.hex}.roundsman@example.com>"]
    assert await send_as(mail, other) == [f"<{other.hex}.roundsman@example.com>"]


async def test_letters_of_one_notification_to_several_recipients_have_ids_of_their_own(mail: MailEnd) -> None:
    notification = uuid4()

    first = await send_as(mail, notification, ",ops@example.com")
    again = await send_as(mail, notification, ",ops@example.com")

    assert len(set(first)) == 2
    assert first == again


async def test_names_and_words_of_any_script_arrive_as_they_are(mail: MailEnd) -> None:
    subject = "Größe \N{SNOWMAN} " + "long " * 60
    letter = await got(mail, a_message(subject, project="ac/Größe"), "&name=B%C3%A4r")

    assert letter["Subject"] == "ac/Größe main: build failed"
    assert letter["From"].addresses[0].display_name == "Bär"
    assert letter["List-Id"] == '"ac/Gr-e" <ac-gr-e.roundsman.example.com>'
    assert "Größe \N{SNOWMAN} long" in part(letter, "plain")


async def test_message_about_no_build_is_a_mail_too(mail: MailEnd) -> None:
    letter = await got(mail, compose_test("web", "web (mailto)"))

    assert letter["List-Id"] == "<roundsman.example.com>"
    assert letter["References"] is None
    assert "Test message from Roundsman" in part(letter, "plain")


async def test_no_line_of_a_mail_is_longer_than_the_protocol_allows(mail: MailEnd) -> None:
    letter = await got(mail, compose(*STORIES["very-long-names"], event_url=PAGE))

    assert max(map(len, letter.as_bytes().splitlines())) <= 998


@pytest.mark.parametrize(
    ("url", "status", "text", "html"),
    [
        ("brevo://fakekey-0123456789:ci@example.com/web@example.com", 201, "textContent", "htmlContent"),
        ("mailersend://mlsn.0123456789abcdef:ci@example.com/web@example.com", 202, "text", "html"),
    ],
)
async def test_services_that_send_mail_get_the_same_two_parts(url: str, status: int, text: str, html: str) -> None:
    message = compose(a_workflow(), RED, event_url=PAGE)
    with internet() as end:
        end.behave(Answer(status=status, body=b'{"messageId": "1"}'))
        await sent(url, message)

    told = json.loads(end.got[-1].body)
    assert (told[text], told[html].rstrip()) == (mail_text(message), mail_html(message).rstrip())


async def test_plain_fallback_of_a_service_that_shows_html_has_the_links_and_is_guarded() -> None:
    with internet() as end:
        end.behave(Answer(body=b'{"room_id": "!room:ci.example.com", "user_id": "@ci:ci.example.com"}'))
        with suppress(Temporary):  # it would wait between two requests
            await sent(
                URLS["Matrix"] + "&format=html",
                compose(a_workflow(commit=Commit(subject="@room <b>")), RED, event_url=PAGE),
            )

    [told] = [json.loads(got.body) for got in end.got if b"formatted_body" in got.body]
    assert PAGE in told["body"]
    assert "/workflows/5034460f/jobs/7" in told["body"]
    assert "@room" not in told["body"]


INK: dict[Literal["light", "dark"], str] = {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}


@pytest.mark.long
def test_nothing_in_a_mail_is_wider_than_a_phone_nor_hidden_in_the_dark(is_long: bool) -> None:
    cases = list(STORIES) if is_long else ["very-long-names", "200-failures"]
    with chromium() as browser:
        for (scheme, ink), case in product(INK.items(), cases):
            page = browser.new_page(color_scheme=scheme)
            page.set_content(mail_html(compose(*STORIES[case], event_url=PAGE)))
            for width in (320, 380, 600):
                page.set_viewport_size({"width": width, "height": 700})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, case
            assert page.evaluate("getComputedStyle(document.body).color") == ink
            page.close()
