"""Hooks while CircleCI is away: each call of each command may fail, for now or for good, and the others go on."""

import pytest

from service.operations.hooks.hooks import apply, delete, list_hooks
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import MOBILE, WEB
from tests.operations.hooks.test_hooks import MINE, Board, board, spec

__all__ = ["board"]  # pytest finds fixtures by name

FOR_GOOD_AND_FOR_NOW = pytest.mark.parametrize("status", [404, 503])


@FOR_GOOD_AND_FOR_NOW
async def test_hook_that_cannot_be_updated_does_not_stop_the_other_projects(board: Board, status: int) -> None:
    hook_id = board.register_ours(events=[])
    board.pretend.faults.next(f"/webhook/{hook_id}", broken(status))

    steps = await apply(board.circleci, [spec(), spec(MOBILE)], MINE)

    assert [step.verb.value for step in steps] == ["failed", "create"]
    assert steps[0].why.startswith(f"update: CircleCI answered {status}")


@FOR_GOOD_AND_FOR_NOW
async def test_hook_that_cannot_be_deleted_does_not_stop_the_others(board: Board, status: int) -> None:
    first, second = board.register_ours(), board.register_ours()
    board.pretend.faults.next(f"/webhook/{first}", broken(status))

    steps = await delete(board.circleci, [WEB.slug], MINE.url)

    assert [(step.verb.value, step.hook.id) for step in steps if step.hook] == [("failed", first), ("delete", second)]
    assert list(board.hooks) == [first]


@FOR_GOOD_AND_FOR_NOW
async def test_project_whose_hooks_cannot_be_listed_does_not_hide_the_others(board: Board, status: int) -> None:
    board.register_ours()
    board.pretend.faults.next(f"/project/{MOBILE.slug}", broken(status))

    listed = await list_hooks(board.circleci, [MOBILE.slug, WEB.slug], MINE.url)

    assert [step.verb.value for step in listed] == ["failed", "ours"]
    assert f"CircleCI answered {status}" in listed[0].why
