"""The commands for known problems."""

import pytest

from tests.support.cli_runner import Terminal
from tests.support.sample_history import Past, operator, past

__all__ = ["operator", "past"]  # pytest finds fixtures by name


@pytest.mark.long
def test_a_known_problem_is_added_listed_and_closed(operator: Terminal, past: Past) -> None:
    added = operator.run("known-problems", "add", "--pattern", "not resolve", "--title", "DNS", "--until", "30d")
    [problem] = operator.run("known-problems", "list", "--json").json["items"]
    listed = operator.run("known-problems", "list")
    closed = operator.run("known-problems", "close", problem["id"][:8])

    assert (added.code, added.lines[0].partition(" until ")[0]) == (0, f"known problem {problem['id'][:8]} is open")
    assert (problem["source"], problem["mute"], problem["state"]) == ("database", False, "open")
    assert "DNS" in listed.lines[1]
    assert (closed.code, closed.lines) == (0, [f"known problem {problem['id'][:8]} is closed"])
    assert operator.run("known-problems", "list").lines == ["no known problems"]
    assert operator.run("known-problems", "list", "--all", "--json").json["items"][0]["state"] == "closed"


def test_wrong_use_is_refused(operator: Terminal) -> None:
    said = operator.run("known-problems", "add", "--title", "DNS")

    assert (said.code, said.problems) == (2, ["a known problem has a pattern or a fingerprint, one of the two"])
