"""Words that are nearly right: one name like them is suggested, and an argument is told from an option."""

import pytest

from tests.support.cli_runner import Terminal
from tests.support.sample_history import operator, past

__all__ = ["operator", "past"]  # pytest finds fixtures by name


@pytest.mark.long
@pytest.mark.parametrize("written", ["acme/wbe", "gh/acme/wbe", "github/acme/we"])
def test_one_spelling_of_a_project_is_suggested(operator: Terminal, written: str) -> None:
    said = operator.run("events", "list", "--project", written)

    assert " or " not in said.out
    assert said.out.rstrip().endswith("acme/web?")


def test_option_that_is_an_argument_is_said_to_be_written_alone(terminal: Terminal) -> None:
    said = terminal.run("status", "--project", "acme/web")

    assert (said.code, said.out) == (2, "")
    assert "there is no option --project; write PROJECT alone: `roundsman status PROJECT`" in said.err
