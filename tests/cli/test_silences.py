"""The commands for silences."""

import pytest

from tests.support.app_fixture import RED_TO_WEB
from tests.support.cli_runner import Terminal
from tests.support.sample_history import Past, operator, past

__all__ = ["operator", "past"]  # pytest finds fixtures by name

ADD = ("silences", "add", "--match", "branch=main", "--until", "2h", "--comment", "a new runner")


@pytest.mark.long
def test_a_silence_is_previewed_set_listed_and_ended(operator: Terminal, past: Past) -> None:
    added = operator.run(*ADD)
    [silence] = operator.run("silences", "list", "--json").json["items"]
    listed = operator.run("silences", "list")
    ended = operator.run("silences", "expire", silence["id"][:8])

    assert (added.code, added.lines[0][:24]) == (0, "it would have silenced 0")
    assert added.lines[1].startswith(f"silence {silence['id'][:8]} is set until ")
    assert silence["matchers"] == {"branch": ["main"]}
    assert silence["who"].startswith("command line, ")
    assert listed.lines[1].split()[:2] == [silence["id"], "active"]
    assert (ended.code, ended.lines) == (0, [f"silence {silence['id'][:8]} has ended"])
    assert operator.run("silences", "list").lines == ["no silences"]
    assert operator.run("silences", "list", "--all", "--json").json["items"][0]["state"] == "expired"


def test_a_preview_sets_nothing(operator: Terminal) -> None:
    said = operator.run(*ADD, "--preview", "--json")

    assert (said.code, said.json["id"], said.json["would_have_silenced"]["is_partial"]) == (0, None, False)
    assert operator.run("silences", "list").lines == ["no silences"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--until", "2h"), "say what to silence, such as --match project=gh/acme/web --match branch=main"),
        (("--match", "main"), "--match 'main': write KEY=PATTERN, such as --match branch=main"),
        (
            ("--match", "branch=main", "--until", "2h"),
            "comment is missing; say why it is silenced, for those who wonder",
        ),
    ],
)
def test_wrong_use_is_refused_with_the_next_step(operator: Terminal, words: tuple[str, ...], problem: str) -> None:
    said = operator.run("silences", "add", *words)

    assert (said.code, said.problems) == (2, [problem])


@pytest.mark.long
def test_an_unknown_silence_ends_nothing(operator: Terminal) -> None:
    said = operator.run("silences", "expire", "3f2c8a52")

    assert (said.code, said.problems) == (
        1,
        ["there is no silence 3f2c8a52; ids are in `roundsman silences list --all`"],
    )


def test_the_stated_longest_time_is_that_of_the_code(terminal: Terminal) -> None:
    terminal.configure(RED_TO_WEB)

    assert "lasts 30 days at most" in " ".join(terminal.run("silences", "add", "--help").out.split())
