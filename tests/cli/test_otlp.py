"""The otlp commands at the pretend CircleCI: what they plan, make and delete, and what they never show."""

import json
from collections.abc import Iterator

import pytest

from service.circleci.api.exporters import ExporterShape
from service.operations.hooks.exporters import ExporterTarget, organizations_of
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, ORG_ID, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.cli.test_hooks import HOOKS, PUBLIC_URL, RECEIVERS
from tests.support.app_fixture import TOKEN
from tests.support.cli_runner import Said, Terminal, served
from tests.support.otlp_exports import TOKEN as OTLP_TOKEN

ENDPOINT = f"{PUBLIC_URL}/otlp/v1/traces"
OURS = {"endpoint": ENDPOINT, "protocol": "http", "insecure": False, "headers": {"authorization": "Bearer old"}}


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def admin(terminal: Terminal, pretend: FakeCircleCI) -> Iterator[Terminal]:
    with served(pretend) as address:
        terminal.configure(
            RECEIVERS + HOOKS,
            ROUNDSMAN_CIRCLECI_URL=address,
            ROUNDSMAN_PUBLIC_URL=PUBLIC_URL,
            ROUNDSMAN_OTLP_TOKEN=OTLP_TOKEN,
        )
        yield terminal


def register(pretend: FakeCircleCI, name: str, **changed: object) -> None:
    pretend.exporters.registered[name] = {"id": name, "org_id": ORG_ID, **OURS, **changed}


def verbs(said: Said) -> list[str]:
    return [step["verb"] for step in json.loads(said.out)["steps"]]


def test_exporter_is_made_once_and_its_token_is_never_shown(admin: Terminal, pretend: FakeCircleCI) -> None:
    before, done, after = (admin.run("otlp", verb) for verb in ("plan", "apply", "plan"))

    assert (before.code, done.code, after.code) == (1, 0, 0)
    assert before.lines[1].split() == ["create", "gh/acme", "–", "slot", "1", "of", "5"]
    assert after.lines[1].split()[:2] == ["unchanged", "gh/acme"]
    [made] = pretend.exporters.registered.values()
    sent = {"endpoint": ENDPOINT, "protocol": "http", "insecure": False}
    assert {key: made[key] for key in sent} == sent
    assert made["headers"] == {"Authorization": f"Bearer {OTLP_TOKEN}"}
    assert not any(OTLP_TOKEN in said.out + said.err for said in (before, done, after))


def test_wrong_exporter_is_replaced_and_foreign_ones_stay(admin: Terminal, pretend: FakeCircleCI) -> None:
    register(pretend, "wrong", headers={})
    register(pretend, "foreign", endpoint="otel.example.net:4318")

    done = admin.run("otlp", "apply", "--json")

    assert (done.code, verbs(done)) == (0, ["create", "delete", "foreign"])
    assert "wrong" not in pretend.exporters.registered
    assert "foreign" in pretend.exporters.registered
    methods = [call.method for call in pretend.calls if call.path.startswith("/otel")]
    assert methods == ["GET", "POST", "GET", "DELETE"]


def test_old_exporter_stays_where_the_new_one_cannot_be_made(admin: Terminal, pretend: FakeCircleCI) -> None:
    register(pretend, "old", protocol="grpc")
    pretend.faults.next("/otel/exporters", broken(500))
    failed = admin.run("otlp", "apply", "--json")
    for number in range(4):
        register(pretend, f"foreign {number}", endpoint="otel.example.net:4318")
    full = admin.run("otlp", "apply", "--json")

    assert (failed.code, verbs(failed)) == (1, ["failed"])
    assert (full.code, verbs(full)[0]) == (1, "no_free_slot")
    assert "old" in pretend.exporters.registered
    assert len(pretend.exporters.registered) == 5


@pytest.mark.long
def test_rotation_makes_the_new_one_first_and_a_second_one_is_surplus(admin: Terminal, pretend: FakeCircleCI) -> None:
    register(pretend, "first")
    register(pretend, "second")

    surplus = admin.run("otlp", "apply", "--json")
    rotated = admin.run("otlp", "apply", "--rotate", "--json")

    assert (verbs(surplus), verbs(rotated)) == (["unchanged", "delete"], ["create", "delete"])
    [left] = pretend.exporters.registered.values()
    assert left["headers"] == {"Authorization": f"Bearer {OTLP_TOKEN}"}


def test_missing_token_is_named_with_the_next_step(admin: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDSMAN_OTLP_TOKEN")

    said = admin.run("otlp", "plan")

    assert said.code == 2
    assert "ROUNDSMAN_OTLP_TOKEN is not set" in said.err


@pytest.mark.parametrize(
    ("endpoint", "is_ours"),
    [
        (ENDPOINT, True),
        (f"{ENDPOINT}/", True),
        ("https://ROUNDSMAN.example.com:443/otlp/v1/traces", True),
        ("roundsman.example.com", True),
        ("roundsman.example.com:443", True),
        ("https://roundsman.example.com/other", False),
        ("https://[", False),
        ("", False),
        (None, False),
    ],
)
def test_exporter_is_ours_in_every_spelling(endpoint: str | None, is_ours: bool) -> None:
    target = ExporterTarget(endpoint=ENDPOINT, token=OTLP_TOKEN)

    assert target.is_ours(ExporterShape(endpoint=endpoint)) is is_ours
    assert OTLP_TOKEN not in repr(target)


def test_organizations_are_those_of_hooks_and_of_history() -> None:
    found = organizations_of([], ["gh/acme/web", "gh/acme/shop", "gh/beta/*", "circleci/org/project", "*/x", "odd"])

    assert found == {
        "gh/acme": ["gh/acme/web", "gh/acme/shop"],
        "gh/beta": [],
        "circleci/org": ["circleci/org/project"],
    }
