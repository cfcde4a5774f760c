"""Hooks kept as roundsman.yaml wants them, at the pretend CircleCI's webhook API over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from service.circleci.circleci import CircleCI
from service.errors import BadConfig
from service.metrics import Metrics
from service.model import HookSpec
from service.operations.hooks.hook_steps import Step
from service.operations.hooks.hooks import apply, delete, hook_target, list_hooks, plan
from service.testing.fake_circleci.faults import Fault, broken, too_many
from service.testing.fake_circleci.organization import ADA, MOBILE, PROJECTS, SHOP_API, WEB, Project
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving

PUBLIC_URL = "https://roundsman.example.com"
SECRET = "an-invented-secret"
CLOUD = "https://circleci.com"
MINE = hook_target(PUBLIC_URL, [SECRET, "an-older-one"], CLOUD)
BOTH = ("workflow-completed", "job-completed")


def spec(project: Project = WEB, name: str = "Roundsman", events: tuple[str, ...] = BOTH) -> HookSpec:
    return HookSpec(project=project.slug, name=name, events=events)


@dataclass(kw_only=True)
class Board:
    """The pretend CircleCI, and our way of talking to it."""

    pretend: FakeCircleCI
    circleci: CircleCI

    def register(self, name: str, url: str, project: Project = WEB, **changes: Any) -> str:
        """A hook that is there already; its id."""
        hook_id = f"hook-{len(self.pretend.hooks.registered) + 1}"
        hook = {
            "id": hook_id,
            "name": name,
            "url": url,
            "events": list(BOTH),
            "verify-tls": True,
            "signing-secret": "set-by-hand",
            "scope": {"id": project.id, "type": "project"},
            "created-at": "2026-03-02T08:00:00Z",
            "updated-at": "2026-03-02T08:00:00Z",
        }
        self.pretend.hooks.registered[hook_id] = hook | changes
        return hook_id

    def register_ours(self, **changes: Any) -> str:
        return self.register("Roundsman", MINE.url, **changes)

    @property
    def hooks(self) -> dict[str, Any]:
        return self.pretend.hooks.registered

    @property
    def changing_calls(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.pretend.calls if call.method != "GET"]


async def board_for(token: str) -> AsyncIterator[Board]:
    pretend = FakeCircleCI(token="admin", reader_token="reader", owner=ADA, projects=PROJECTS)
    async with serving(pretend.app, listen("127.0.0.1", 0)) as url:
        circleci = CircleCI(secrets=[], url=url, token=token, metrics=Metrics())
        yield Board(pretend=pretend, circleci=circleci)
        await circleci.close()


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async for board in board_for("admin"):
        yield board


@pytest.fixture
async def reader() -> AsyncIterator[Board]:
    """Somebody who is no organization admin."""
    async for board in board_for("reader"):
        yield board


@pytest.fixture
async def stranger() -> AsyncIterator[Board]:
    async for board in board_for("a-guess"):
        yield board


def said(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.verb.value, step.why) for step in steps]


# What is missing


async def test_a_missing_hook_is_planned_with_its_slot_and_then_made(board: Board) -> None:
    planned = await plan(board.circleci, [spec()], MINE)
    assert not board.changing_calls

    done = await apply(board.circleci, [spec()], MINE)

    assert said(planned) == said(done) == [("create", "workflow-completed, job-completed; slot 1 of 5")]
    [hook] = board.hooks.values()
    assert (hook["name"], hook["url"], hook["verify-tls"]) == ("Roundsman", f"{PUBLIC_URL}/hooks/circleci", True)
    assert (hook["events"], hook["scope"]["id"]) == (list(BOTH), WEB.id)
    assert hook["signing-secret"] == SECRET


async def test_applying_twice_changes_nothing_the_second_time(board: Board) -> None:
    await apply(board.circleci, [spec(), spec(MOBILE)], MINE)
    calls = len(board.changing_calls)

    again = await apply(board.circleci, [spec(), spec(MOBILE)], MINE)

    assert said(again) == [("unchanged", "as it should be")] * 2
    assert len(board.changing_calls) == calls == 2


async def test_foreign_hooks_are_shown_and_never_touched(board: Board) -> None:
    board.register("Somebody's", "https://hooks.example.com/a-token-of-theirs")
    before = dict(board.hooks)

    steps = await apply(board.circleci, [spec()], MINE, rotate=True)

    assert said(steps) == [
        ("create", "workflow-completed, job-completed; slot 2 of 5"),
        ("foreign", "posts to hooks.example.com"),
    ]
    assert {id_: hook for id_, hook in board.hooks.items() if id_ in before} == before
    assert "a-token-of-theirs" not in repr(said(steps))


async def test_a_full_project_is_blocked_and_says_by_whom(board: Board) -> None:
    for name in ("one", "two", "three", "four"):
        board.register(name, "https://hooks.example.com/x")
    board.register("", "https://nameless.example.com/x")

    steps = await apply(board.circleci, [spec()], MINE)

    assert said(steps)[0] == ("no_free_slot", "5 of 5 used by one, two, three, four, nameless.example.com")
    assert not board.changing_calls


# What differs


@pytest.mark.parametrize(
    ("present", "wanted", "why"),
    [
        ({"events": ["job-completed"]}, spec(), "events job-completed -> workflow-completed, job-completed"),
        ({"events": []}, spec(events=BOTH[:1]), "events none -> workflow-completed"),
        ({"name": "Old"}, spec(name="New"), "name 'Old' -> 'New'"),
    ],
)
async def test_a_hook_that_differs_is_updated_once(
    board: Board, present: dict[str, Any], wanted: HookSpec, why: str
) -> None:
    hook_id = board.register_ours()
    board.hooks[hook_id] |= present

    first = await apply(board.circleci, [wanted], MINE)
    second = await apply(board.circleci, [wanted], MINE)

    assert (said(first), said(second)) == ([("update", why)], [("unchanged", "as it should be")])
    hook = board.hooks[hook_id]
    assert (hook["name"], set(hook["events"])) == (wanted.name, set(wanted.events))
    assert hook["signing-secret"] == SECRET


async def test_the_order_of_events_is_no_difference(board: Board) -> None:
    board.register_ours(events=list(reversed(BOTH)))

    assert said(await plan(board.circleci, [spec()], MINE)) == [("unchanged", "as it should be")]


async def test_a_hook_that_does_not_verify_tls_is_shown_and_left_so(board: Board) -> None:
    hook_id = board.register_ours(**{"verify-tls": False})

    steps = await apply(board.circleci, [spec()], MINE, rotate=True)
    again = await plan(board.circleci, [spec()], MINE)

    assert said(steps + again) == [
        ("update", "newest secret (does not verify TLS)"),
        ("unchanged", "as it should be (does not verify TLS)"),
    ]
    assert board.hooks[hook_id]["verify-tls"] is False


async def test_rotating_gives_every_hook_of_ours_the_newest_secret(board: Board) -> None:
    hook_id = board.register_ours()

    steps = await apply(board.circleci, [spec()], MINE, rotate=True)

    assert said(steps) == [("update", "newest secret")]
    assert board.hooks[hook_id]["signing-secret"] == SECRET


async def test_a_second_hook_of_ours_is_taken_away(board: Board) -> None:
    kept, surplus = board.register_ours(), board.register_ours()

    steps = await apply(board.circleci, [spec()], MINE)

    assert said(steps) == [("unchanged", "as it should be"), ("delete", "posts to our address a second time")]
    assert list(board.hooks) == [kept]
    assert board.changing_calls == [f"DELETE /webhook/{surplus}"]


# What cannot be done


async def test_one_project_that_cannot_be_asked_does_not_stop_the_others(board: Board) -> None:
    board.pretend.faults.next(f"/project/{SHOP_API.slug}", broken(503))

    steps = await apply(board.circleci, [spec(WEB), spec(SHOP_API), spec(MOBILE)], MINE)

    assert [(step.project, step.verb.value) for step in steps] == [
        (WEB.slug, "create"),
        (SHOP_API.slug, "failed"),
        (MOBILE.slug, "create"),
    ]
    assert steps[1].why == "CircleCI answered 503; run this again in some minutes, it is safe to repeat"


async def test_a_project_that_circleci_does_not_know_says_so(board: Board) -> None:
    unknown = HookSpec(project="gh/acme/nowhere", name="Roundsman", events=BOTH)

    [step] = await plan(board.circleci, [unknown], MINE)

    assert said([step]) == [
        (
            "failed",
            "CircleCI answered 404 to GET /project/{slug}: there is no such thing, or the token may not see it",
        )
    ]


async def test_token_of_no_admin_can_plan_but_not_apply(reader: Board) -> None:
    planned = await plan(reader.circleci, [spec()], MINE)
    done = await apply(reader.circleci, [spec()], MINE)

    assert planned[0].verb == "create"
    assert done[0].verb == "failed"
    assert done[0].why == (
        "create: CircleCI answered 403 to POST /webhook: the API token may not do this, organization admin needed"
    )
    assert not reader.hooks


async def test_a_token_that_is_not_accepted_is_named_once_per_project(stranger: Board) -> None:
    steps = await plan(stranger.circleci, [spec(), spec(MOBILE)], MINE)

    assert [step.verb for step in steps] == ["failed"] * 2
    assert steps[0].why.startswith("CircleCI answered 401: the API token is not accepted; put a valid personal token")


async def test_a_hook_that_vanished_meanwhile_is_a_failed_step(board: Board) -> None:
    board.register_ours()
    board.register_ours()
    board.pretend.faults.next("/webhook/*", broken(404))

    steps = await apply(board.circleci, [spec()], MINE)

    assert [step.verb for step in steps] == ["unchanged", "failed"]
    assert steps[1].why.startswith("delete: CircleCI answered 404 to DELETE /webhook/{id}")


@pytest.mark.parametrize("status", [404, 500])
async def test_while_the_hook_that_stays_cannot_be_updated_the_surplus_one_is_kept(board: Board, status: int) -> None:
    """The one lacks an event that the other posts: without both, that event would be lost."""
    kept = board.register_ours(events=["job-completed"])
    surplus = board.register_ours(events=["workflow-completed"])
    third = board.register_ours()
    board.pretend.faults.next(f"/webhook/{kept}", broken(status))

    steps = await apply(board.circleci, [spec(), spec(MOBILE)], MINE)
    again = await apply(board.circleci, [spec(), spec(MOBILE)], MINE)

    assert [(step.project, step.verb.value) for step in steps] == [
        (WEB.slug, "failed"),
        (WEB.slug, "left_undone"),
        (WEB.slug, "left_undone"),
        (MOBILE.slug, "create"),
    ]
    assert steps[1].why == "delete: not tried, since a step before it failed"
    assert board.changing_calls[:2] == [f"PUT /webhook/{kept}", "POST /webhook"]
    assert [step.verb.value for step in again] == ["update", "delete", "delete", "unchanged"]
    assert {surplus, third}.isdisjoint(board.hooks)


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (broken(500), "CircleCI answered 500; run this again in some minutes, it is safe to repeat"),
        (
            too_many("30"),
            "CircleCI answered 429: too many calls for now; run this again in 30 s, it is safe to repeat",
        ),
        (
            broken(403),
            (
                "CircleCI answered 403 to GET /webhook: an organization admin's token is needed "
                "to see the webhooks of a project; put one into ROUNDSMAN_CIRCLECI_TOKEN"
            ),
        ),
    ],
)
async def test_why_hooks_cannot_be_seen_comes_with_the_next_step(board: Board, fault: Fault, why: str) -> None:
    board.pretend.faults.next("/webhook", fault)

    [step] = await plan(board.circleci, [spec()], MINE)

    assert (step.verb.value, step.why) == ("failed", why)


# List and delete


async def test_a_list_tells_ours_from_others_and_hides_where_they_post(board: Board) -> None:
    board.register_ours()
    board.register("Somebody's", "https://hooks.example.com/a-token-of-theirs", events=[])
    board.register("Odd", "mailto:somebody")

    steps = await list_hooks(board.circleci, [WEB.slug, MOBILE.slug], MINE.url)

    assert said(steps) == [
        ("ours", "workflow-completed, job-completed; posts to roundsman.example.com"),
        ("foreign", "no events; posts to hooks.example.com"),
        ("foreign", "workflow-completed, job-completed; posts to an address of its own"),
    ]


async def test_list_goes_on_after_an_unreachable_project(board: Board) -> None:
    board.register_ours()

    steps = await list_hooks(board.circleci, ["gh/acme/nowhere", WEB.slug], MINE.url)

    assert [step.verb for step in steps] == ["failed", "ours"]


async def test_deleting_takes_ours_away_and_leaves_the_rest(board: Board) -> None:
    board.register_ours()
    foreign = board.register("Somebody's", "https://hooks.example.com/x")
    elsewhere = board.register_ours(project=MOBILE)

    first = await delete(board.circleci, [WEB.slug], MINE.url)
    second = await delete(board.circleci, [WEB.slug], MINE.url)

    assert [step.verb for step in first] == ["delete"]
    assert second == []
    assert set(board.hooks) == {foreign, elsewhere}


async def test_deleting_from_an_unreadable_project_is_a_failed_step(board: Board) -> None:
    [step] = await delete(board.circleci, ["gh/acme/nowhere"], MINE.url)

    assert step.verb == "failed"


# Before anything is asked


@pytest.mark.parametrize(
    ("public_url", "secrets", "sentence"),
    [
        (None, [SECRET], "ROUNDSMAN_PUBLIC_URL is not set: set it to the https address at which CircleCI reaches"),
        ("http://ci.example.com", [SECRET], "CircleCI posts to https only, and http://ci.example.com is not: set"),
        (PUBLIC_URL, [], "ROUNDSMAN_WEBHOOK_SECRETS is not set: hooks sign with the first of them"),
    ],
)
def test_missing_settings_of_hooks_are_reported_before_any_call(
    public_url: str | None, secrets: list[str], sentence: str
) -> None:
    with pytest.raises(BadConfig, match=sentence):
        hook_target(public_url, secrets, CLOUD)


async def test_the_secret_is_in_no_step_and_no_repr(board: Board) -> None:
    steps = await apply(board.circleci, [spec()], MINE, rotate=True)

    assert SECRET not in repr(steps) + repr(MINE)
