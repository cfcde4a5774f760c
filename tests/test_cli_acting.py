"""Commands by which a person decides, in a folder where a service has lived: replay, resend, dismiss."""

import pytest

from service.store import held
from tests.house import NINE
from tests.past import Past, operator, past
from tests.terminal import Terminal

__all__ = ["operator", "past"]  # pytest finds fixtures by name

UNATTENDED = "enqueued, but no service is running: it is done once `roundsman serve` has started\n"


def test_what_is_taken_up_again_waits_no_longer_and_has_its_doer_on_record(operator: Terminal, past: Past) -> None:
    replayed = operator.run("replay", past.unread, "--json")
    resent = operator.run("resend", past.unsent, "--json")

    assert replayed.json == {"delivery": past.unread, "replay": "enqueued", "is_attended": False}
    assert resent.json == {"notification": past.unsent, "resend": "enqueued", "is_attended": False}
    assert (replayed.code, resent.code) == (0, 0)
    assert operator.run("dead-letters").out == "nothing waits for a person\n"
    [action] = operator.run("events", "show", past.red, "--json").json["actions"]
    assert action["verb"] == "resend"
    assert action["who"].startswith("command line, ")


def test_who_does_it_is_said_and_that_nobody_does(operator: Terminal, past: Past) -> None:
    assert operator.run("replay", past.red).out == UNATTENDED
    with held(operator.folder, what="roundsman serve", since=NINE):
        attended = operator.run("resend", past.unsent)

    assert attended.out == "enqueued; the running service takes it up within a second or so\n"


@pytest.mark.parametrize("name", ["unread", "unsent"])
def test_a_dead_letter_is_dismissed_with_the_reason_on_record(operator: Terminal, past: Past, name: str) -> None:
    before = operator.run("dead-letters", "--json").json
    subject = getattr(past, name)

    said = operator.run("dismiss", subject[:13], "--because", "told by phone")

    assert (said.code, said.out) == (0, "dismissed, and on record\n")
    after = operator.run("dead-letters", "--json").json
    waiting = {dead["id"] for noun in before for dead in before[noun]}
    assert {dead["id"] for noun in after for dead in after[noun]} == waiting - {subject}


def test_a_dismissal_shows_in_the_explanation(operator: Terminal, past: Past) -> None:
    shape = operator.run("dismiss", past.unsent, "--because", "told by phone", "--json").json

    lines = operator.run("explain", past.red).lines
    assert shape == {"notification": past.unsent, "dismiss": "done"}
    assert f"web (json 2): not delivered, dismissed: the pager is gone  (notification {past.unsent})" in lines
    assert lines[-1].startswith("dismiss of web (json 2) at ")
    assert lines[-1].endswith(", because: told by phone")


def test_what_is_no_dead_letter_cannot_be_dismissed(operator: Terminal, past: Past) -> None:
    said = operator.run("dismiss", past.red)

    assert (said.code, said.err) == (2, f"delivery {past.red} is settled: only a dead letter can be dismissed\n")
