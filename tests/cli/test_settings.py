"""Commands for settings at CircleCI: settings snapshot, diff and show; oidc-claims."""

from collections.abc import Iterator

import pytest

from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS, WEB
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED_TO_WEB, TOKEN
from tests.support.cli_runner import Terminal, served

HOOKS = "hooks: [{project: gh/acme/web}]\n"
READER = "reads-only-token"


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS, reader_token=READER)


@pytest.fixture
def operator(terminal: Terminal, fake: FakeCircleCI) -> Iterator[Terminal]:
    with served(fake) as address:
        terminal.configure(RED_TO_WEB + HOOKS, ROUNDSMAN_CIRCLECI_URL=address)
        terminal.run("migrate")
        yield terminal


@pytest.mark.long
def test_a_snapshot_says_what_changed_since_the_one_before(operator: Terminal, fake: FakeCircleCI) -> None:
    first = operator.run("settings", "snapshot")
    fake.settings.checkout_keys[WEB.slug] = {"deploy-2": "deploy-key"}
    second, shown, diff = (operator.run("settings", *words) for words in (["snapshot"], ["show"], ["diff", "--json"]))

    assert (first.code, first.lines[:2]) == (
        0,
        [
            "gh/acme/web: the first snapshot, with which later ones are compared",
            "gh/acme: the first snapshot, with which later ones are compared",
        ],
    )
    assert "nothing has changed" not in first.out
    assert second.code == 0
    assert "checkout key SHA256:deploy-2 added to gh/acme/web: deploy-key" in second.out
    assert "SHA256:deploy-2 (deploy-key)" in shown.out
    assert operator.run("settings", "snapshot").lines[0] == "nothing has changed"
    [change] = diff.json["changes"]
    assert (change["of"] if "of" in change else change["scope"], change["kind"]) == ("gh/acme/web", "added")
    assert operator.run("settings", "diff", "--project", "gh/acme/other").lines == ["no change since 30d is on record"]


@pytest.mark.long
def test_a_snapshot_without_a_right_says_so_and_ends_with_1(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.faults.next("/context", broken(403), times=9)

    said = operator.run("settings", "snapshot")

    assert said.code == 1
    assert "gh/acme, contexts: CircleCI answered 403" in said.err


@pytest.mark.long
def test_a_snapshot_names_what_could_not_be_read_and_ends_with_1(operator: Terminal, fake: FakeCircleCI) -> None:
    fake.faults.next("/context", broken(503), times=9)
    (operator.folder / "roundsman.yaml").write_text(
        RED_TO_WEB + "hooks: [{project: gh/acme/web}, {project: gh/acme/gone}]\n", encoding="utf-8"
    )

    said = operator.run("settings", "snapshot")

    assert said.code == 1
    for unread in ("gh/acme, contexts: CircleCI answered 503", "gh/acme/gone: CircleCI answered 404"):
        assert unread in said.err


@pytest.mark.long
def test_claims_are_planned_applied_and_read_back(operator: Terminal, fake: FakeCircleCI) -> None:
    words = ("oidc-claims", "set", "gh/acme/web", "--audience", "deploys", "--ttl", "30m")
    planned = operator.run(*words)
    assert (planned.code, fake.settings.claims.get(WEB.id, {})) == (1, {})
    assert planned.lines[-1] == "nothing was done: add --apply"

    applied, again = operator.run(*words, "--apply"), operator.run(*words)
    assert (applied.code, again.code) == (0, 0)
    assert fake.settings.claims[WEB.id] == {"audience": ["deploys"], "ttl": "30m"}
    assert again.lines == ["the claims of gh/acme/web are as asked for"]
    assert operator.run("oidc-claims", "show", "gh/acme/web", "--json").json["claims"]["ttl"] == "30m"

    cleared = operator.run("oidc-claims", "clear", "gh/acme/web", "ttl", "--apply")
    assert (cleared.code, fake.settings.claims[WEB.id]) == (0, {"audience": ["deploys"]})


@pytest.mark.long
def test_claims_of_the_organization_are_others(operator: Terminal, fake: FakeCircleCI) -> None:
    said = operator.run("oidc-claims", "set", "gh/acme/web", "--org", "--ttl", "1h", "--apply")

    assert (said.code, fake.settings.claims["org"]) == (0, {"ttl": "1h"})
    assert operator.run("oidc-claims", "clear", "gh/acme/web", "--org", "--apply").code == 0
    assert fake.settings.claims["org"] == {}
    assert operator.run("oidc-claims", "show", "gh/acme/web", "--org").lines == [
        "audience of gh/acme: CircleCI's own",
        "ttl of gh/acme: CircleCI's own",
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [["set", "gh/acme/web"], ["set", "gh/acme/web", "--ttl", "soon"], ["clear", "gh/acme/web", "issuer"]],
)
def test_claims_that_cannot_be_are_refused(operator: Terminal, fake: FakeCircleCI, words: list[str]) -> None:
    assert operator.run("oidc-claims", *words, "--apply").code == 2
    assert fake.calls == []


def test_claims_need_a_token_that_may_write(operator: Terminal) -> None:
    operator.set(ROUNDSMAN_CIRCLECI_ADMIN_TOKEN=READER)

    said = operator.run("oidc-claims", "set", "gh/acme/web", "--ttl", "1h", "--apply")

    assert said.code == 1
    assert "organization admin needed" in said.err


ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  platform: {channels: [json://platform.example.com]}
routes:
  - {name: guards, match: {event: settings-changed, project: gh/acme/*}, receiver: platform}
  - {name: red, match: {status: failed}, receiver: web}
tests:
  - name: changed settings go to the platform team
    given: [{event: settings-changed, project: gh/acme/web, status: changed, at: "10:00"}]
    expect: [{receiver: platform, route: guards, at: "10:00"}]
"""


def test_routes_are_tried_with_changed_settings(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.yaml").write_text(ROUTES, encoding="utf-8")

    said = terminal.run("routes", "test", "--set", "event=settings-changed", "--set", "project=gh/acme/web", "--json")

    assert [(one["route"], one["verdict"]) for one in said.json["decisions"]] == [
        ("guards", "matched"),
        ("red", "not_matched"),
    ]


@pytest.mark.long
def test_tests_of_routes_take_changed_settings(terminal: Terminal) -> None:
    (terminal.folder / "roundsman.yaml").write_text(ROUTES, encoding="utf-8")

    said = terminal.run("routes", "check")

    assert (said.code, "warning" in said.out + said.err) == (0, False), said.out + said.err
    assert "1 test passed" in said.out or "passed" in said.out, said.out
