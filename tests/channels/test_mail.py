"""Mail, at the wire: what a mail server receives, and what we make of its codes."""

from collections.abc import Iterator
from contextlib import nullcontext
from uuid import uuid4

import pytest

from service.channels import AppriseChannels, StillSending
from service.errors import Permanent, Temporary
from tests.channels.test_channels import HOSTILE, a_channel, a_message, sent
from tests.support.fake_servers import MailEnd, mail_end
from tests.support.ports import free_port


@pytest.fixture
def mail() -> Iterator[MailEnd]:
    with mail_end() as end:
        yield end


def mail_url(mail: MailEnd) -> str:
    return f"mailtos://{mail.user}:{mail.password}@localhost:{mail.port}?from=ci@example.com&to=web@example.com"


async def test_mail_goes_out_over_tls_with_a_login_and_says_the_same_in_both_parts(mail: MailEnd) -> None:
    receipt = await sent(mail_url(mail), a_message(HOSTILE))

    (got,) = mail.got
    html, text = (got.get_body(preferencelist=(kind,)) for kind in ("html", "plain"))
    assert receipt == "web-team (mailtos) accepted the message"
    assert (got["subject"], got["to"]) == ("acme/web main: build failed", "web@example.com")
    assert html is not None
    assert a_message(HOSTILE).html in html.get_content().replace("\r\n", "\n")
    assert text is not None
    assert text.get_content().splitlines() == [
        "acme/web, branch main",
        "\N{MULTIPLICATION X} build failed",
        "",
        "The workflow. https://app.circleci.com/w/1",
        f"Commit {HOSTILE}",
    ]


@pytest.mark.parametrize(
    ("rcpt", "data", "kind", "words"),
    [
        ("250 OK", "451 4.3.0 fake-mail-password, later", Temporary, r"451: 4\.3\.0 \*\*\*, later"),
        ("250 OK", "554 5.7.1 spam", Permanent, r"554: 5\.7\.1 spam"),
        ("450 4.2.0 greylisted", "250 OK", Temporary, r"450: 4\.2\.0 greylisted"),
        ("550 5.1.1 nobody", "250 OK", Permanent, r"550: 5\.1\.1 nobody"),
    ],
)
async def test_a_mail_servers_code_says_whether_another_attempt_makes_sense(
    mail: MailEnd, rcpt: str, data: str, kind: type[Exception], words: str
) -> None:
    mail.rcpt, mail.data = {"web@example.com": rcpt}, data

    with pytest.raises(kind, match=words):
        await sent(mail_url(mail))


async def test_a_mail_server_that_thinks_for_longer_than_the_deadline_gets_the_mail_once(mail: MailEnd) -> None:
    mail.may_answer.clear()
    channels, notification_id = AppriseChannels(deadline_s=0.3), uuid4()

    with pytest.raises(StillSending, match=r"did not answer within 0\.3 s") as late:
        await channels.send(a_channel(mail_url(mail)), a_message(), notification_id=notification_id)
    with pytest.raises(Temporary, match="still holds this message") as again:
        await channels.send(a_channel(mail_url(mail)), a_message(), notification_id=notification_id)

    mail.may_answer.set()
    assert again.value.retry_after_s == 60
    assert await late.value.outcome() == "web-team (mailtos) accepted the message"
    assert len(mail.got) == 1


@pytest.mark.long
@pytest.mark.parametrize(("data", "kind"), [("250 OK", None), ("451 later", Temporary), ("554 spam", Permanent)])
async def test_next_attempt_gets_the_result_of_a_late_mail(
    mail: MailEnd, data: str, kind: type[Exception] | None
) -> None:
    mail.data = data
    mail.may_answer.clear()
    channels, notification_id = AppriseChannels(deadline_s=0.3), uuid4()
    with pytest.raises(StillSending):
        await channels.send(a_channel(mail_url(mail)), a_message(), notification_id=notification_id)
    mail.may_answer.set()
    await channels.close(grace_s=120)
    mail.data = "250 OK"

    with pytest.raises(kind) if kind else nullcontext():
        await channels.send(a_channel(mail_url(mail)), a_message(), notification_id=notification_id)

    assert len(mail.got) == (0 if kind else 1)


async def test_a_wrong_mail_password_needs_a_person_and_is_not_shown(mail: MailEnd) -> None:
    with pytest.raises(Permanent, match="answered 535") as caught:
        await sent(mail_url(mail).replace(mail.password, "wrong-password"))

    assert "wrong-password" not in str(caught.value)


async def test_a_login_that_is_out_of_order_for_now_is_tried_again(mail: MailEnd) -> None:
    mail.refusal = "454 4.7.0 Temporary authentication failure"

    with pytest.raises(Temporary, match="answered 454"):
        await sent(mail_url(mail))


@pytest.mark.parametrize("copy", ["&cc=nobody@example.com", ",nobody@example.com"])
async def test_a_mail_that_reached_some_is_not_sent_again(mail: MailEnd, copy: str) -> None:
    mail.rcpt = {"nobody@example.com": "550 5.1.1 nobody"}

    with pytest.raises(Permanent, match="Only some recipients"):
        await sent(mail_url(mail) + copy)

    assert len(mail.got) == 1


async def test_a_mail_server_that_is_not_there_may_be_back_later() -> None:
    with pytest.raises(Temporary, match="refused the connection"):
        await sent(f"mailto://ci:fake-mail-password@localhost:{free_port()}?from=ci@example.com&to=web@example.com")
