"""The parts of a mail about no project."""

import pytest

from service.message.mail import mail_html, mail_text
from service.model import Message


@pytest.mark.parametrize(
    ("severity", "mark"),
    [("success", "\N{CHECK MARK}"), ("failure", "\N{MULTIPLICATION X}"), ("warning", "\N{BULLET}")],
)
def test_mail_about_no_project_begins_with_its_mark_and_title(severity: str, mark: str) -> None:
    message = Message(title="A test message", text="It works.", markdown="", html="<p>It works.</p>", severity=severity)

    assert mail_text(message).splitlines()[:2] == [f"{mark} A test message", ""]
    assert "<br>" not in mail_html(message).partition("</p>")[0]
