"""Listing, creating, changing and deleting hooks at CircleCI."""

import json

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.errors import Permanent, Temporary
from service.metrics import Metrics
from service.model import Hook

SECRET = "an-invented-signing-secret"
URL = "https://roundsman.example.com/hooks/circleci"
OURS = Hook(id="h1", name="Roundsman", url=URL, events=("workflow-completed",), verify_tls=True)
THEIRS = {
    "id": "h1",
    "name": "Roundsman",
    "url": URL,
    "events": ["workflow-completed"],
    "verify-tls": True,
    "signing-secret": "****cret",
    "scope": {"id": "p1", "type": "project"},
    "created-at": "2026-03-02T08:15:00Z",
    "updated_at": "2026-03-02T08:15:00Z",
}


class Wire:
    """CircleCI's end: answers in turn and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.circleci = CircleCI(
            secrets=[SECRET],
            url="https://circleci.com",
            token="an-invented-token",
            metrics=Metrics(),
            transport=httpx.MockTransport(self),
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers.pop(0)

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]


async def test_hooks_are_listed_over_all_pages_of_a_project() -> None:
    underscored = {"id": "h2", "url": URL, "verify_tls": False, "events": ["job-completed", 7, ""], "name": None}
    wire = Wire(
        httpx.Response(200, json={"items": [THEIRS], "next_page_token": "more"}),
        httpx.Response(200, json={"items": [underscored], "next_page_token": None}),
    )

    hooks = await wire.circleci.list_hooks("p1")

    assert hooks == [
        OURS,
        Hook(id="h2", name="", url=URL, events=("job-completed",), verify_tls=False, has_secret=False),
    ]
    assert wire.lines == [
        "GET /api/v2/webhook?scope-id=p1&scope-type=project",
        "GET /api/v2/webhook?scope-id=p1&scope-type=project&page-token=more",
    ]


async def test_a_new_hook_is_made_with_everything_that_circleci_requires() -> None:
    wire = Wire(httpx.Response(201, json=THEIRS))

    hook = await wire.circleci.create_hook(
        "p1", name="Roundsman", url=URL, events=["workflow-completed"], secret=SECRET
    )

    assert hook == OURS
    assert wire.lines == ["POST /api/v2/webhook"]
    assert json.loads(wire.asked[0].content) == {
        "name": "Roundsman",
        "url": URL,
        "events": ["workflow-completed"],
        "verify-tls": True,
        "signing-secret": SECRET,
        "scope": {"id": "p1", "type": "project"},
    }


async def test_a_changed_hook_keeps_its_scope_and_whether_it_verifies_tls() -> None:
    wire = Wire(httpx.Response(200, json=THEIRS))

    hook = await wire.circleci.update_hook("h1", name="New", url=URL, events=("job-completed",), secret=SECRET)

    assert hook == OURS
    assert wire.lines == ["PUT /api/v2/webhook/h1"]
    assert json.loads(wire.asked[0].content) == {
        "name": "New",
        "url": URL,
        "events": ["job-completed"],
        "signing-secret": SECRET,
    }


@pytest.mark.parametrize("answer", [httpx.Response(200, json={"message": "deleted"}), httpx.Response(204)])
async def test_hook_is_deleted_with_any_success_answer(answer: httpx.Response) -> None:
    wire = Wire(answer)

    await wire.circleci.delete_hook("h1")

    assert wire.lines == ["DELETE /api/v2/webhook/h1"]


async def test_refused_hook_change_names_the_admin_that_is_needed() -> None:
    wire = Wire(*(httpx.Response(403) for _ in range(3)))
    wish = {"name": "Roundsman", "url": URL, "secret": SECRET}

    with pytest.raises(Permanent, match=r"403 to POST /webhook.*organization admin needed"):
        await wire.circleci.create_hook("p1", events=[], **wish)
    with pytest.raises(Permanent, match=r"403 to PUT /webhook/.id..*organization admin needed"):
        await wire.circleci.update_hook("h1", events=[], **wish)
    with pytest.raises(Permanent, match=r"403 to DELETE /webhook/.id..*organization admin needed"):
        await wire.circleci.delete_hook("h1")


async def test_circlecis_reason_is_passed_on_without_the_secret_it_may_repeat() -> None:
    wire = Wire(httpx.Response(400, json={"message": f"url must be https; signing-secret was {SECRET}"}))

    with pytest.raises(Permanent) as refused:
        await wire.circleci.create_hook("p1", name="x", url="http://x.example.com", events=[], secret=SECRET)

    assert str(refused.value) == "CircleCI answered 400 to POST /webhook: url must be https; signing-secret was ***"


@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_refused_write_names_the_error_by_which_support_finds_it(status: int) -> None:
    wire = Wire(httpx.Response(status, json={"error": {"type": "x", "id": "e-1", "detail": f"bad {SECRET}"}}))

    with pytest.raises((Permanent, Temporary), match=r"\(CircleCI's id of this error: e-1\)$") as refused:
        await wire.circleci.create_hook("p1", name="x", url=URL, events=[], secret=SECRET)

    assert SECRET not in str(refused.value)


async def test_write_that_is_answered_404_may_lack_the_right_to_write() -> None:
    wire = Wire(httpx.Response(404, json={"message": "Not found"}))

    with pytest.raises(Permanent, match=r"404 to POST /webhook: there is no such thing, .* or may only read"):
        await wire.circleci.create_hook("p1", name="x", url=URL, events=[], secret=SECRET)


async def test_a_hook_without_id_or_url_is_not_taken_for_one() -> None:
    wire = Wire(httpx.Response(200, json={"items": [{"name": "x"}]}))

    with pytest.raises(Permanent, match="without an id or a URL"):
        await wire.circleci.list_hooks("p1")


async def test_a_hook_id_cannot_lead_elsewhere_in_the_api() -> None:
    wire = Wire()

    with pytest.raises(Permanent, match="made of dots"):
        await wire.circleci.delete_hook("../me")

    assert not wire.asked
