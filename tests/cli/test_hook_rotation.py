"""The command hooks rotate at the pretend CircleCI, and what the other commands say of unproven hooks."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.db.migrate import migrate
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.cli.test_hooks import HOOKS, PUBLIC_URL, RECEIVERS
from tests.support.app_fixture import SECRET, TOKEN, signature
from tests.support.cli_runner import Terminal, served, served_app


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def admin(terminal: Terminal, pretend: FakeCircleCI) -> Iterator[Terminal]:
    """Somebody with an organization admin's token, a database, and two hooks to make."""
    with served(pretend) as address:
        terminal.configure(RECEIVERS + HOOKS, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL)
        migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")
        yield terminal


@pytest.mark.long
def test_applied_hooks_wait_for_their_first_delivery(admin: Terminal) -> None:
    applied = admin.run("hooks", "apply", "--json")
    planned, listed = admin.run("hooks", "plan", "--json"), admin.run("hooks", "list")

    assert (applied.code, planned.code, listed.code) == (0, 0, 0)
    assert [(step["why"], step["waits_for_delivery"]) for step in planned.json["steps"]] == [
        ("as it should be; waits for its first delivery", True)
    ] * 2
    assert "waits for its first delivery" in " ".join(listed.out.split())


@pytest.mark.long
def test_a_rotation_goes_by_the_service_at_an_address_and_shows_no_secret(
    admin: Terminal, pretend: FakeCircleCI
) -> None:
    admin.run("hooks", "apply")
    new = "the-new-invented-secret"

    idle = admin.run("hooks", "rotate")
    admin.set(ROUNDSMAN_WEBHOOK_SECRETS=f"{new},{SECRET}")
    with serving_hooks({SECRET}) as (service, _):
        refused = admin.run("hooks", "rotate", "--at", service)
    with serving_hooks({SECRET, new}) as (service, accepted):
        updated = admin.run("hooks", "rotate", "--at", service)
        again = admin.run("hooks", "rotate", "--at", service, "--json")
    away = admin.run("hooks", "rotate", "--at", service, "--allow-unconfirmed")

    assert (idle.code, idle.lines[-1][:5]) == (0, "idle:")
    assert refused.code == 1
    assert "the service does not accept secret 1" in " ".join(refused.out.split())
    assert updated.code == 1
    assert [line.split()[:2] for line in updated.lines[1:3]] == [
        ["update", "gh/acme/web"],
        ["update", "gh/acme/shop-api"],
    ]
    assert "wait: no delivery has used the old secret" in " ".join(updated.out.split())
    assert (again.json["stage"], again.json["steps"]) == ("wait", [])
    assert again.json["projects"][0] == {
        "project": "gh/acme/web",
        "is_updated": True,
        "is_confirmed": False,
        "secret": None,
        "last_delivery_at": None,
    }
    assert sorted(accepted) == sorted({SECRET, new})
    assert away.code == 1  # nothing is left to update, so nobody needs to be asked
    assert {hook["signing-secret"] for hook in pretend.hooks.registered.values()} == {new}
    for said in (idle, refused, updated, again, away):
        assert new not in said.out + said.err
        assert SECRET not in said.out + said.err


@pytest.mark.long
def test_a_service_out_of_reach_leaves_the_hooks_as_they_are(admin: Terminal, pretend: FakeCircleCI) -> None:
    admin.run("hooks", "apply")
    admin.set(ROUNDSMAN_WEBHOOK_SECRETS=f"the-new-invented-secret,{SECRET}")

    said = admin.run("hooks", "rotate", "--at", "http://127.0.0.1:9")
    trusted = admin.run("hooks", "rotate", "--accepted", "--json")

    assert said.code == 1
    assert "could not be tried" in " ".join(said.out.split())
    assert "say --accepted if each process has been reloaded with both" in " ".join(said.out.split())
    assert trusted.json["stage"] == "wait"
    assert {hook["signing-secret"] for hook in pretend.hooks.registered.values()} == {"the-new-invented-secret"}


@contextmanager
def serving_hooks(secrets: set[str]) -> Iterator[tuple[str, list[str]]]:
    """A service at an address of this machine that accepts these secrets; it notes those that it was asked for."""
    accepted: list[str] = []

    async def receive(request: Request) -> Response:
        body = await request.body()
        signed = request.headers["circleci-signature"]
        found = [secret for secret in secrets if signature(body, secret) == signed]
        accepted.extend(found)
        return Response(status_code=202 if found else 401)

    app = Starlette(routes=[Route("/hooks/circleci", receive, methods=["POST"])])
    with served_app(app) as address:
        yield address, accepted
