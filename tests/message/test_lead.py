"""The first lines of a message: what the title does not say, and who had a part in it."""

import pytest

from service.message import compose
from service.model import Actor, Commit, DetailKind, Details, MissingDetail
from tests.message.test_message import COMMIT, PAGE, STORIES, a_workflow


@pytest.mark.parametrize("case", STORIES)
def test_first_line_does_not_repeat_the_title(case: str) -> None:
    message = compose(*STORIES[case], event_url=PAGE)

    first = message.text.splitlines()[0].casefold()
    what = message.title.casefold().partition(": ")[2]
    assert case == "nothing-known" or what not in first
    assert case in {"nothing-known", "hostile"} or first.startswith(("pipeline 42", "the job of pipeline 42"))


@pytest.mark.parametrize("trigger", ["schedule", "scheduled_pipeline"])
@pytest.mark.parametrize("actor", [None, Actor(id="u1", login="system-actor", name="Scheduled"), Actor(login="ada")])
def test_scheduled_run_names_no_actor_and_no_missing_actor(trigger: str, actor: Actor | None) -> None:
    gap = MissingDetail(
        want=DetailKind.ACTOR, reason="CircleCI answered 404 to GET /user/{id}: there is no such thing", is_final=True
    )

    text = compose(a_workflow(trigger=trigger), Details(actor=actor, missing=(gap,))).text

    assert text.splitlines()[1:] == [
        f"Last commit by Ada Example: 1a2b3c4 Fix the cart {COMMIT}",
        "Started by a schedule.",
    ]


@pytest.mark.parametrize("commit", [Commit(author_name="Ada Example"), Commit(author_name="Ada Example", subject="x")])
def test_commit_author_is_named_if_the_actor_is_unknown(commit: Commit) -> None:
    assert "Last commit by Ada Example" in compose(a_workflow(commit=commit), None).text
