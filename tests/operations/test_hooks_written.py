"""Hooks that CircleCI takes and does not do: each write is compared with its answer, and read back."""

import json
from typing import Any

import httpx

from service.circleci.circleci import CircleCI
from service.metrics import Metrics
from service.operations.hooks.hook_steps import known_and_deleted
from service.operations.hooks.hooks import apply, delete, list_hooks
from service.testing.fake_circleci.faults import Fault, broken
from service.testing.fake_circleci.organization import WEB
from tests.operations.hooks.test_hooks import MINE, SECRET, Board, board, said, spec
from tests.support.app_fixture import NINE

__all__ = ["board"]  # pytest finds fixtures by name


async def test_hook_without_a_secret_is_drift_and_repaired(board: Board) -> None:
    hook_id = board.register_ours()
    del board.hooks[hook_id]["signing-secret"]

    listed = await list_hooks(board.circleci, [WEB.slug], MINE.url)
    first = await apply(board.circleci, [spec()], MINE)
    second = await apply(board.circleci, [spec()], MINE)

    assert "has no secret, so its posts are refused: run `roundsman hooks apply`" in listed[0].why
    assert (said(first), said(second)) == (
        [("update", "has no secret, so its posts are refused")],
        [("unchanged", "as it should be")],
    )
    assert board.hooks[hook_id]["signing-secret"] == SECRET


async def test_foreign_hook_without_a_secret_is_not_ours_to_judge(board: Board) -> None:
    hook_id = board.register("Theirs", "https://hooks.example.com/x")
    del board.hooks[hook_id]["signing-secret"]

    steps = await list_hooks(board.circleci, [WEB.slug], MINE.url)

    assert said(steps) == [("foreign", "workflow-completed, job-completed; posts to hooks.example.com")]


class Otherwise:
    """A CircleCI of another mind: a stand-in for what a later release of its API may read, answer and keep."""

    def __init__(self, *, reads: str, keeps: bool = True, deletes: bool = True, changes: bool = True) -> None:
        self.reads = reads
        self.keeps = keeps
        self.deletes = deletes
        self.changes = changes
        self.hooks: dict[str, dict[str, Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.circleci = CircleCI(
            secrets=[],
            url="https://circleci.com",
            token="admin",
            metrics=Metrics(),
            transport=httpx.MockTransport(self),
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, hook_id = request.url.path, request.url.path.rpartition("/")[2]
        if path.startswith("/api/v2/project/"):
            return httpx.Response(200, json={"id": "p1"})
        if request.method == "GET":
            return httpx.Response(200, json={"items": list(self.hooks.values()), "next_page_token": None})
        if request.method == "DELETE":
            if self.deletes:
                del self.hooks[hook_id]
            return httpx.Response(200, json={"message": "Webhook deleted."})
        body = json.loads(request.content)
        self.bodies.append(body)
        hook = self.hooks.get(hook_id, {"id": "h1", "verify_tls": False}) | {
            key: body[key] for key in ("name", "url", "events") if key in body
        }
        if f"signing{self.reads}secret" in body:
            hook["signing_secret"] = "****"
        hook["verify_tls"] = body.get(f"verify{self.reads}tls", hook["verify_tls"])
        if self.keeps and (self.changes or request.method == "POST"):
            self.hooks[hook["id"]] = hook
        return httpx.Response(201 if request.method == "POST" else 200, json=hook)


async def test_circleci_that_drops_hyphens_is_told_once_in_the_other_spelling() -> None:
    other = Otherwise(reads="_")

    done = await apply(other.circleci, [spec()], MINE)
    again = await apply(other.circleci, [spec()], MINE)

    assert [step.verb for step in done + again] == ["create", "unchanged"]
    assert [[key for key in body if "secret" in key or "tls" in key] for body in other.bodies] == [
        ["verify-tls", "signing-secret"],
        ["verify_tls", "signing_secret"],
    ]


async def test_circleci_that_drops_both_spellings_is_a_failure_with_its_answer() -> None:
    other = Otherwise(reads="+")

    [made] = await apply(other.circleci, [spec()], MINE)
    [updated] = await apply(other.circleci, [spec()], MINE)

    assert (made.verb, updated.verb) == ("failed", "failed")
    assert made.why == (
        "create: CircleCI took POST /webhook, and PUT /webhook/{id} in the other spelling, but not what they asked "
        "for: of hook h1 it answers that it has no secret and it does not verify TLS; "
        "set that at CircleCI by hand, in the project's settings under Webhooks"
    )
    assert "it has no secret;" in updated.why
    assert len(other.bodies) == 4
    assert SECRET not in made.why + updated.why


async def test_hook_that_was_made_and_not_as_wished_is_known_as_ours() -> None:
    other = Otherwise(reads="+")

    steps = await apply(other.circleci, [spec()], MINE)

    known, gone = known_and_deleted(steps, MINE.url, NINE)
    assert [(hook.id, hook.project) for hook in known] == [("h1", WEB.slug)]
    assert gone == []


async def test_write_that_is_answered_and_not_kept_is_a_failure() -> None:
    other = Otherwise(reads="-", keeps=False)

    [step] = await apply(other.circleci, [spec()], MINE)

    assert said([step]) == [
        ("failed", "create: CircleCI said that it was done, but the hook reads back otherwise: it is not there")
    ]


async def test_change_that_is_answered_and_not_kept_is_a_failure() -> None:
    other = Otherwise(reads="-", changes=False)
    await apply(other.circleci, [spec()], MINE)

    [step] = await apply(other.circleci, [spec(name="New", events=("job-completed",))], MINE)

    assert step.verb == "failed"
    assert step.why == (
        "update: CircleCI said that it was done, but the hook reads back otherwise: "
        "events workflow-completed, job-completed -> job-completed; name 'Roundsman' -> 'New'"
    )


async def test_deletion_that_is_answered_and_not_done_is_a_failure() -> None:
    other = Otherwise(reads="-", deletes=False)
    await apply(other.circleci, [spec()], MINE)

    [step] = await delete(other.circleci, [WEB.slug], MINE.url)

    assert step.verb == "failed"
    assert step.why.endswith("the hook reads back otherwise: it is still there")


async def test_write_that_cannot_be_read_back_says_so_and_is_safe_to_repeat(board: Board) -> None:
    board.pretend.faults.next(f"/project/{WEB.slug}", Fault())
    board.pretend.faults.next(f"/project/{WEB.slug}", broken(503))

    first = await apply(board.circleci, [spec()], MINE)
    second = await apply(board.circleci, [spec()], MINE)

    [step] = first
    assert step.verb == "failed"
    assert step.why == (
        "done, but it could not be read back: CircleCI answered 503; "
        "run this again in some minutes, it is safe to repeat"
    )
    assert said(second) == [("unchanged", "as it should be")]
