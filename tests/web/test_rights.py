"""Roles: each request of pages and API with each role, the headers of proxies, the sessions of users."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.routing import Route

from service.config.env import load_settings
from service.config.roles import RoleRules, parse_names
from service.errors import BadConfig
from service.model import AccessRole, CredentialKind, Session
from service.store.people import sessions
from service.web.auth.rights import RIGHTS, is_declared, needed_right
from tests.support.app_fixture import Instance, an_instance
from tests.support.log_capture import logged
from tests.support.operator_client import ADMIN_TOKEN

AN_ID = "3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"
PROXY = "10.0.4.7"
SETTINGS = {
    "ROUNDSMAN_TRUSTED_PROXIES": "10.0.4.0/24",
    "ROUNDSMAN_USER_HEADER": "X-Forwarded-User",
    "ROUNDSMAN_GROUPS_HEADER": "X-Forwarded-Groups",
    "ROUNDSMAN_ADMINS": "Ada@example.com, group:platform",
    "ROUNDSMAN_OPERATORS": "group:developers,linh",
    "ROUNDSMAN_READ_TOKEN": "an-invented-token-that-only-reads-0123",
}
USERS = {AccessRole.VIEWER: "sam", AccessRole.OPERATOR: "linh", AccessRole.ADMIN: "ada@example.com"}
WITHOUT_A_ROLE = {
    "/login", "/login/{code}", "/logout", "/static/{name}", "/healthz", "/readyz", "/metrics", "/hooks/circleci",
    "/builds/{id}/link/{token}",
}  # fmt: skip


def behind_proxy(instance: Instance, *, peer: str = PROXY, **headers: str) -> httpx.AsyncClient:
    """A browser behind a proxy, which adds headers."""
    transport = httpx.ASGITransport(instance.service.asgi, client=(peer, 4711))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=named)


def a_closed_instance(folder: Path, **more: str) -> AbstractAsyncContextManager[Instance]:
    """An instance behind a proxy that names users."""
    env: dict[str, Any] = {**SETTINGS, **more}
    return an_instance(folder, **env)


def requests(instance: Instance) -> list[tuple[str, str]]:
    """Every method and path that needs a role."""
    return [
        (method, route.path)
        for route in instance.service.asgi.routes
        if isinstance(route, Route) and route.path.rstrip("/") not in WITHOUT_A_ROLE
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def address(path: str) -> str:
    return re.sub(r"\{name:path\}", "acme/web", path).replace("{id}", AN_ID)


@pytest.mark.long
@pytest.mark.parametrize("role", AccessRole)
async def test_each_request_is_for_its_role_and_for_no_lower_one(folder: Path, role: AccessRole) -> None:
    async with a_closed_instance(folder) as instance, behind_proxy(instance, X_Forwarded_User=USERS[role]) as client:
        answers = {request: answer async for request, answer in asked(client, requests(instance))}

    for (method, path), answer in answers.items():
        needed = needed_right(method, path).role
        assert (answer.status_code != 403) == role.includes(needed), f"{method} {path} {answer.status_code}"
        assert answer.status_code != 403 or f"needs the role {needed} " in answer.text, f"{method} {path}"


async def asked(
    client: httpx.AsyncClient, every: Sequence[tuple[str, str]]
) -> AsyncIterator[tuple[tuple[str, str], httpx.Response]]:
    """Each request with its answer, but for changes over the API, which takes them by token alone."""
    for method, path in every:
        if method == "GET" or not path.startswith("/api/v1"):
            yield (method, path), await client.request(method, address(path), data={} if method == "POST" else None)


async def test_each_change_over_the_api_is_closed_to_the_read_token(folder: Path) -> None:
    async with a_closed_instance(folder) as instance:
        bearer = {"Authorization": f"Bearer {SETTINGS['ROUNDSMAN_READ_TOKEN']}"}
        answers = {
            (method, path): await instance.http.request(method, address(path), headers=bearer)
            for method, path in requests(instance)
            if path.startswith("/api/v1") and method != "GET"
        }

    assert len(answers) > 10
    for (method, path), answer in answers.items():
        assert answer.status_code == 403
        assert f"needs the role {needed_right(method, path).role} " in answer.json()["error"]
        assert answer.json()["error"].endswith("; send the admin token")


async def test_each_request_that_changes_something_declares_its_right(folder: Path) -> None:
    async with an_instance(folder) as instance:
        undeclared = [request for request in requests(instance) if not is_declared(*request)]

    assert undeclared == [], "name them in service/web/auth/rights.py"


async def test_the_table_names_no_request_that_is_not_there(folder: Path) -> None:
    async with an_instance(folder) as instance:
        there = {f"{method} {path.removeprefix('/api/v1')}" for method, path in requests(instance)} | {"POST /logout"}

    assert [one for right in RIGHTS.values() for one in right.requests if one not in there] == []


@pytest.mark.long
async def test_a_viewer_sees_no_form_that_changes_something(folder: Path) -> None:
    async with a_closed_instance(folder) as instance:
        paths = [path for method, path in requests(instance) if method == "GET" and "{" not in path]
        async with behind_proxy(instance, X_Forwarded_User="sam") as client:
            pages = {path: (await client.get(path)).text for path in paths if path != "/live"}

    assert [path for path, page in pages.items() if 'method="post"' in page] == []


# The headers of a proxy


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.1", [("X-Forwarded-User", "ada@example.com")]),
        ("10.0.5.1", [("X-Forwarded-User", "ada@example.com"), ("X-Forwarded-For", PROXY)]),
        (PROXY, [("X-Forwarded-User", "ada@example.com"), ("X-Forwarded-User", "sam")]),
        (PROXY, [("X_Forwarded_User", "ada@example.com")]),
        (PROXY, [("X-Forwarded-User", "")]),
        (PROXY, [("X-Forwarded-User", "a" * 201)]),
        (PROXY, [("X-Forwarded-Groups", "platform")]),
    ],
)
async def test_a_header_that_is_not_to_be_believed_lets_nobody_in(
    folder: Path, peer: str, headers: Sequence[tuple[str, str]]
) -> None:
    async with a_closed_instance(folder) as instance, behind_proxy(instance, peer=peer) as client:
        answer = await client.get("/builds", headers=httpx.Headers(list(headers)))

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fbuilds")


async def test_a_header_from_elsewhere_is_logged_once(folder: Path) -> None:
    stranger = {"peer": "192.0.2.1", "X_Forwarded_User": "ada@example.com"}
    with logged() as log:
        async with a_closed_instance(folder) as instance, behind_proxy(instance, **stranger) as client:
            for _ in range(3):
                await client.get("/builds")

    assert [one["client"] for one in log.lines if one["event"] == "a user header was ignored"] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("user", "groups", "role"),
    [
        ("ADA@EXAMPLE.COM", "", AccessRole.ADMIN),
        ("sam", "guests, Platform", AccessRole.ADMIN),
        ("sam", "developers", AccessRole.OPERATOR),
        ("sam", "", AccessRole.VIEWER),
        ("group:platform", "", AccessRole.VIEWER),
        ("platform", "", AccessRole.VIEWER),
        ("sam", "ada@example.com", AccessRole.VIEWER),
        ("l\u0130nh", "", AccessRole.VIEWER),
    ],
)
def test_a_role_is_that_of_the_user_or_of_the_best_group(user: str, groups: str, role: AccessRole) -> None:
    rules = RoleRules(
        admins=parse_names(SETTINGS["ROUNDSMAN_ADMINS"]), operators=parse_names(SETTINGS["ROUNDSMAN_OPERATORS"])
    )

    assert rules.role(user, groups.split(",")) is role


async def test_without_a_role_a_user_is_told_the_next_step(folder: Path) -> None:
    async with (
        a_closed_instance(folder, ROUNDSMAN_DEFAULT_ROLE="none") as instance,
        behind_proxy(instance, X_Forwarded_User="sam") as client,
    ):
        answer = await client.get("/builds")

    assert answer.status_code == 403
    assert "There is no role for sam here; ask an admin for one: ROUNDSMAN_OPERATORS" in answer.text


async def test_an_act_has_the_name_of_its_user(folder: Path) -> None:
    async with a_closed_instance(folder) as instance:
        form = {"project": "acme/web", "until": "2h", "comment": "a test", "act": "set"}
        async with behind_proxy(instance, X_Forwarded_User="linh") as linh:
            await linh.post("/silences", data=form)
            shown = await linh.get("/silences")
        async with behind_proxy(instance, X_Forwarded_User="sam", X_Forwarded_Groups="developers") as sam:
            others = await sam.get("/silences")
            [(silence_id, who)] = instance.rows("SELECT id, who FROM silences")
            refused = await sam.post(f"/silences/{silence_id}/expire")
        async with behind_proxy(instance, X_Forwarded_User="linh") as linh:
            ended = await linh.post(f"/silences/{silence_id}/expire")

    assert who == "linh"
    assert ("End it now" in shown.text, "End it now" in others.text) == (True, False)
    assert refused.status_code == 403
    assert "needs the role admin (end the silences of others), and sam has the role operator" in refused.text
    assert (ended.status_code, ended.headers["location"]) == (303, "/silences")


async def test_a_page_of_another_site_acts_for_no_user_of_a_proxy(folder: Path) -> None:
    headers = {"X_Forwarded_User": "linh", "Sec_Fetch_Site": "cross-site"}
    async with a_closed_instance(folder) as instance, behind_proxy(instance, **headers) as client:
        answer = await client.post("/silences", data={"act": "set"})

    assert answer.status_code == 403
    assert "sent by a page of another site" in answer.text


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"USER_HEADER": "X-User"}, "is set without ROUNDSMAN_TRUSTED_PROXIES, so any program"),
        ({"USER_HEADER": "X-User", "TRUSTED_PROXIES": "none"}, "is set without ROUNDSMAN_TRUSTED_PROXIES"),
        ({"USER_HEADER": "X-User", "TRUSTED_PROXIES": "0.0.0.0/0"}, "so every client could name itself an admin"),
        ({"USER_HEADER": "Cookie", "TRUSTED_PROXIES": "10.0.0.1"}, "ROUNDSMAN_USER_HEADER is Cookie, which browsers"),
        ({"USER_HEADER": "X_User", "TRUSTED_PROXIES": "10.0.0.1"}, "must be the name of a header like X-Forwarded-U"),
        ({"GROUPS_HEADER": "X-Groups"}, "ROUNDSMAN_GROUPS_HEADER is set without ROUNDSMAN_USER_HEADER"),
        ({"ADMINS": "ada, group:"}, "ROUNDSMAN_ADMINS holds 'group:' without the name of a group"),
        ({"OPERATORS": ",,"}, "ROUNDSMAN_OPERATORS names neither a user nor a group"),
        ({"DEFAULT_ROLE": "admin"}, "ROUNDSMAN_DEFAULT_ROLE must be 'viewer', 'operator' or 'none'"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(settings: dict[str, str], problem: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(problem)):
        load_settings({f"ROUNDSMAN_{name}": value for name, value in settings.items()})


# Sessions


async def log_in(instance: Instance, name: str = "", *, peer: str = "192.0.2.1") -> httpx.AsyncClient:
    client = behind_proxy(instance, peer=peer, User_Agent="Invented/1.0")
    await client.post("/login", data={"token": ADMIN_TOKEN, "name": name})
    return client


async def test_a_name_given_with_the_admin_token_is_marked_so(folder: Path) -> None:
    async with an_instance(folder) as instance:
        ada = await log_in(instance, "Ada Example")
        page = await ada.get("/sessions")

    assert "Ada Example (admin token)" in page.text
    assert "Invented/1.0" in page.text
    assert "192.0.2.1" in page.text


async def test_logging_out_everywhere_ends_ones_own_sessions_and_no_others(folder: Path) -> None:
    async with an_instance(folder) as instance:
        here, there = await log_in(instance, "Ada"), await log_in(instance, "Ada", peer="192.0.2.2")
        other = await log_in(instance, "Linh")
        answer = await here.post("/sessions/end")
        left = [(await client.get("/builds")).status_code for client in (here, there, other)]

    assert (answer.status_code, left) == (303, [303, 303, 200])


async def test_an_admin_ends_the_sessions_of_another(folder: Path) -> None:
    async with an_instance(folder) as instance:
        ada, linh, again = [await log_in(instance, name) for name in ("Ada", "Linh", "Linh")]
        page = (await ada.get("/sessions")).text
        [one, _] = re.findall(r"/sessions/([0-9a-f-]{36})/end", page)
        await ada.post(f"/sessions/{one}/end")
        after_one = sorted([(await client.get("/builds")).status_code for client in (linh, again)])
        await ada.post("/sessions/end-of-user", data={"user": "Linh (admin token)", "kind": "admin_token"})
        after_all = [(await client.get("/builds")).status_code for client in (linh, again, ada)]
        shown = [(await client.get("/sessions")).text for client in (ada, await log_in(instance, "Linh"))]
        acts = instance.rows("SELECT verb, who, reason, subject_id FROM actions ORDER BY at, id")

    assert [(verb, who, reason.partition(",")[0]) for verb, who, reason, _ in acts] == [
        ("end_session", "Ada (admin token)", "of Linh (admin token)")
    ] * 2
    assert UUID(one) in {UUID(str(subject)) for *_, subject in acts}
    assert [page.count("a session <bdi>of Linh (admin token), since ") for page in shown] == [2, 2]
    assert (after_one, after_all) == ([200, 303], [303, 303, 200])


async def test_a_name_that_came_by_two_credentials_is_ended_by_each(folder: Path) -> None:
    async with an_instance(folder) as instance:
        ada, _ = await log_in(instance, "Ada"), await log_in(instance, "Linh")
        now = instance.clock()
        session = Session(
            id=UUID(AN_ID),
            begun_at=now,
            expires_at=now + timedelta(hours=1),
            address=None,
            user="Linh (admin token)",
            kind=CredentialKind.OPENID_CONNECT,
        )
        await instance.service.context.store.write(sessions.begin, session)
        page = (await ada.get("/sessions")).text

    forms = re.findall(r'name="user" value="([^"]*)">\s*<input type="hidden" name="kind" value="([^"]*)"', page)
    assert sorted(forms) == [("Linh (admin token)", "admin_token"), ("Linh (admin token)", "openid_connect")]


async def test_a_form_without_a_user_ends_nothing(folder: Path) -> None:
    async with an_instance(folder) as instance:
        ada = await log_in(instance)
        answers = [await ada.post("/sessions/end-of-user"), await ada.post(f"/sessions/{AN_ID}/end")]

    assert [answer.status_code for answer in answers] == [400, 404]
