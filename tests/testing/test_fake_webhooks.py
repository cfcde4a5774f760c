"""The webhook API of the pretend CircleCI: five for a project, https only, admins only, secrets masked."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.testing.fake_circleci.organization import ADA, MOBILE, PROJECTS, WEB, stable_id
from service.testing.fake_circleci.server import FakeCircleCI

WISH: dict[str, Any] = {
    "name": "Roundsman",
    "url": "https://roundsman.example.com/hooks/circleci",
    "events": ["workflow-completed", "job-completed"],
    "verify-tls": True,
    "signing-secret": "obviously-fake",
    "scope": {"id": WEB.id, "type": "project"},
}


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token="admin", reader_token="reader", owner=ADA, projects=PROJECTS)


def client(pretend: FakeCircleCI, token: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(pretend.app)
    return httpx.AsyncClient(transport=transport, base_url="http://ci/api/v2", headers={"Circle-Token": token})


@pytest.fixture
async def api(pretend: FakeCircleCI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(pretend, "admin") as admin:
        yield admin


async def create(api: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await api.post("/webhook", json=WISH | changes)


async def list_of(api: httpx.AsyncClient, project_id: str) -> httpx.Response:
    return await api.get("/webhook", params={"scope-id": project_id, "scope-type": "project"})


async def test_a_created_hook_is_answered_with_201_and_a_masked_secret(
    api: httpx.AsyncClient, pretend: FakeCircleCI
) -> None:
    answer = await create(api)

    hook = answer.json()
    assert answer.status_code == 201
    assert hook == {
        "id": hook["id"],
        "name": WISH["name"],
        "url": WISH["url"],
        "events": ["job-completed", "workflow-completed"],
        "scope": WISH["scope"],
        "verify_tls": True,
        "signing_secret": "****",
        "created_at": hook["created_at"],
        "updated_at": hook["created_at"],
    }
    assert pretend.hooks.registered[hook["id"]]["signing-secret"] == "obviously-fake"


async def test_hooks_are_listed_by_project(api: httpx.AsyncClient) -> None:
    made = (await create(api)).json()

    assert (await list_of(api, WEB.id)).json() == {"items": [made], "next_page_token": None}
    assert (await list_of(api, MOBILE.id)).json() == {"items": [], "next_page_token": None}


async def test_a_list_needs_a_project_that_exists(api: httpx.AsyncClient) -> None:
    assert (await api.get("/webhook", params={"scope-id": WEB.id})).status_code == 400
    assert (await list_of(api, stable_id("none"))).status_code == 404


async def test_a_project_can_have_five_hooks(api: httpx.AsyncClient) -> None:
    statuses = [(await create(api)).status_code for _ in range(6)]
    elsewhere = await create(api, scope={"id": MOBILE.id, "type": "project"})

    assert statuses == [201] * 5 + [400]
    assert elsewhere.status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"url": "http://roundsman.example.com"}, 400, "url: only https is supported"),
        ({"events": ["pipeline-started"]}, 400, "events: must be among job-completed, workflow-completed"),
        ({"signing-secret": None}, 400, "Invalid request body."),
        ({"verify-tls": "yes"}, 400, "Invalid request body."),
        ({"name": ""}, 400, "Invalid request body."),
        ({"scope": "project"}, 400, "Invalid request body."),
        ({"scope": {"id": stable_id("none"), "type": "project"}}, 404, "Project not found"),
        ({"scope": {"id": WEB.id, "type": "organization"}}, 400, "Invalid request body."),
        ({"scope": {}}, 400, "Invalid request body."),
    ],
)
async def test_a_wish_that_is_wrong_is_refused(
    api: httpx.AsyncClient, changes: dict[str, Any], status: int, message: str
) -> None:
    answer = await create(api, **changes)

    assert (answer.status_code, answer.json()) == (status, {"message": message})


@pytest.mark.parametrize("key", ["name", "url", "events", "scope"])
async def test_a_wish_that_lacks_something_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.post("/webhook", json={name: value for name, value in WISH.items() if name != key})

    assert (answer.status_code, answer.json()) == (400, {"message": "Invalid request body."})


@pytest.mark.parametrize(
    ("spelled", "secret", "verifies"),
    [
        ({"verify-tls": True, "signing-secret": "x"}, "****", True),
        ({"verify_tls": True, "signing_secret": "x"}, None, False),
        ({}, None, False),
        ({"signing-secret": ""}, None, False),
    ],
)
async def test_only_hyphens_are_read_and_other_keys_dropped_without_a_word(
    api: httpx.AsyncClient, spelled: dict[str, Any], secret: str | None, verifies: bool
) -> None:
    request_body = {key: WISH[key] for key in ("name", "url", "events", "scope")}

    made = await api.post("/webhook", json=request_body | spelled)

    assert made.status_code == 201
    assert (made.json().get("signing_secret"), made.json()["verify_tls"]) == (secret, verifies)
    assert ("signing_secret" in made.json()) is (secret is not None)


@pytest.mark.parametrize("spelled", [{"signing-secret": ""}, {"signing_secret": "", "verify_tls": False}, {}])
async def test_a_secret_can_be_replaced_and_never_removed(
    api: httpx.AsyncClient, pretend: FakeCircleCI, spelled: dict[str, Any]
) -> None:
    made = (await create(api)).json()

    changed = await api.put(f"/webhook/{made['id']}", json=spelled)

    assert (changed.json()["signing_secret"], changed.json()["verify_tls"]) == ("****", True)
    assert pretend.hooks.registered[made["id"]]["signing-secret"] == "obviously-fake"


async def test_a_hook_can_be_changed_in_part_but_not_moved(api: httpx.AsyncClient, pretend: FakeCircleCI) -> None:
    made = (await create(api)).json()
    change = {"signing-secret": "also-fake", "scope": {"id": MOBILE.id, "type": "project"}}

    changed = await api.put(f"/webhook/{made['id']}", json=change)
    [read] = (await list_of(api, WEB.id)).json()["items"]

    assert changed.json() == read
    assert read == made | {"updated_at": read["updated_at"]}
    assert pretend.hooks.registered[made["id"]]["signing-secret"] == "also-fake"


async def test_a_change_that_is_wrong_changes_nothing(api: httpx.AsyncClient) -> None:
    made = (await create(api)).json()

    answer = await api.put(f"/webhook/{made['id']}", json={"name": "New", "url": "http://roundsman.example.com"})

    assert answer.status_code == 400
    assert (await list_of(api, WEB.id)).json()["items"] == [made]


async def test_a_deleted_hook_is_gone(api: httpx.AsyncClient) -> None:
    made = (await create(api)).json()

    answer = await api.delete(f"/webhook/{made['id']}")

    assert (answer.status_code, answer.json()) == (200, {"message": "Webhook deleted."})
    assert (await list_of(api, WEB.id)).json()["items"] == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_hook_that_is_not_there_is_a_404(api: httpx.AsyncClient, method: str) -> None:
    answer = await api.request(method, f"/webhook/{stable_id('none')}")

    assert (answer.status_code, answer.json()) == (404, {"message": "Webhook not found"})


async def test_token_of_no_admin_may_read_but_not_change_hooks(pretend: FakeCircleCI) -> None:
    async with client(pretend, "reader") as api:
        listed = await list_of(api, WEB.id)
        refused = [
            await create(api),
            await api.put(f"/webhook/{stable_id('any')}", json={}),
            await api.delete(f"/webhook/{stable_id('any')}"),
        ]

    assert listed.status_code == 200
    assert [answer.status_code for answer in refused] == [403] * 3
    assert refused[0].json() == {"message": "Permission denied."}
