"""The links that act, in the forms of a message."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from service.message import Form, Story, apply_templates, compose, slack_message, slack_problems
from service.message.act_links import CODES, ActLink, ActLinks, ActLinkSigner
from service.message.truncate import RenderOptions, render_body
from service.model import Event, EventKind, Job, Message, Receiver, Untrusted
from service.model.build_acts import ActVerb
from tests.message.moments import MOMENTS, PAGE

LINKS = ActLinks(signer=ActLinkSigner("an-invented-admin-token"), url="https://ci.example.com")
UNTIL = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORKFLOW = "5034460f-c7c4-4c43-9457-de07e2029e7b"


def event(**changed: object) -> Event:
    found, _, _ = MOMENTS["broke"]
    return replace(found, workflow=replace(found.workflow, id=WORKFLOW), **changed)  # type: ignore[arg-type]


def linked(about: Event, message: Message | None = None) -> Message:
    _, details, facts = MOMENTS["broke"]
    message = message or compose(about, details, event_url=PAGE, facts=facts)
    return LINKS.add(message, UUID(int=7), about, until=UNTIL)


def test_message_of_a_failure_has_the_link_above_the_one_to_our_page() -> None:
    message = linked(event())

    [link] = [line for line in message.text.splitlines() if "/link/" in line]
    assert link.startswith(f"Rerun from failed (asks first) https://ci.example.com/builds/{WORKFLOW}/link/")
    assert message.text.index("/link/") < message.text.index("Why did I get this?")
    assert "](https://ci.example.com/builds/" in message.markdown
    assert message.html.count("/link/") == 1


def test_slack_has_it_as_a_button() -> None:
    shown = slack_message(linked(event()))

    [attachment] = shown["attachments"]
    [buttons] = [block for block in attachment["blocks"] if block["type"] == "actions"]
    assert [one["text"]["text"] for one in buttons["elements"]][-1] == "Rerun from failed"
    assert str(shown).count("/link/") == 1
    assert slack_problems(shown) == []


def test_own_body_of_a_receiver_keeps_it() -> None:
    _, details, facts = MOMENTS["broke"]
    about = event()
    plain = compose(about, details, event_url=PAGE, facts=facts)
    receiver = Receiver(name="web", channels=(), body="It broke.")

    message = linked(about, apply_templates(receiver, Story(event=about, details=details, facts=facts, message=plain)))

    assert message.text.splitlines()[0] == "It broke."
    assert "Rerun from failed (asks first) https://" in message.text


def test_short_message_leaves_it_out_whole() -> None:
    body = render_body(linked(event()), Form.TEXT, RenderOptions(max_length=320))

    assert "/link/" not in body
    assert "Rerun" not in body


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (event(status="success"), []),
        (event(kind=EventKind.PING), []),
        (event(kind=EventKind.WORKFLOW_HELD, status="on_hold"), ["Approve", "Cancel the workflow"]),
        (event(kind=EventKind.JOB_COMPLETED, status="failed"), ["Cancel the workflow", "Rerun from failed"]),
        (replace(event(), workflow=replace(event().workflow, id="../../evil")), []),
        (replace(event(), workflow=replace(event().workflow, id=None)), []),
    ],
)
def test_links_are_those_that_the_event_suggests(about: Event, words: list[str]) -> None:
    _, details, facts = MOMENTS["broke"]
    plain = compose(event(), details, event_url=PAGE, facts=facts)

    message = LINKS.add(plain, UUID(int=7), about, until=UNTIL)

    added = message.buttons[len(plain.buttons) :]
    found = ["".join(word if isinstance(word, str) else word.text for word in link.words) for link in added]
    assert [one.partition(" it")[0] for one in found] == words


def test_approval_is_named_with_sixty_characters_at_most() -> None:
    held = event(kind=EventKind.WORKFLOW_HELD, status="on_hold", job=Job(name="x" * 61))

    approve, _ = linked(held, compose(event(), None)).buttons[-2:]

    assert [len(word.text) for word in approve.words if isinstance(word, Untrusted)] == [60]


@pytest.mark.parametrize("verb", list(CODES))
def test_token_is_read_as_it_was_made(verb: ActVerb) -> None:
    signer = ActLinkSigner("an-invented-admin-token")
    link = ActLink(notification_id=UUID(int=7), verb=verb, until=UNTIL)
    token = signer.make(link)

    assert signer.read(token) == link
    for wrong in (token[:-1], token + "=", token.swapcase(), "\u00fc" + token[1:], ""):
        assert signer.read(wrong) is None
    assert ActLinkSigner("another-token").read(token) is None
