"""The search for pipelines under way: what CircleCI's answers lack, and where it takes no wide filter."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from service.circleci.circleci import CircleCI
from service.db.database import Store
from service.errors import Permanent
from service.model import HookState, ProjectRule
from service.model.reconciling import PipelineToAsk, Urgency
from service.pipeline.reconciling.call_budget import StepBudget
from service.pipeline.reconciling.find_open import IS_HELD, IS_UNFINISHED, MAX_PAGES, UnfinishedSearch
from service.pipeline.reconciling.missed_posts import MissedWebhooks
from service.pipeline.reconciling.reconciled_projects import FIRST_SPAN, follow_hooked, hooked_projects
from service.routing.projects import NO_RULES, ProjectRules
from service.store.circleci import hook_states, reconciling, second_looks
from service.testing.fake_circleci.faults import Fault, broken
from tests.support.app_fixture import NINE, Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

PROJECT, OTHER = "project-1", "project-2"
SEARCH = "/runs/search"
ASKED = "SELECT id, urgency FROM pipelines_to_ask WHERE due_at IS NOT NULL ORDER BY id"
LATER = PipelineToAsk(
    id="later",
    project_id=PROJECT,
    slug="gh/acme/web",
    created_at=NINE,
    urgency=Urgency.UNFINISHED,
    due_at=NINE + timedelta(hours=2),
)


async def reconcile_both(store: Store, rules: ProjectRules = NO_RULES) -> None:
    hooked = {PROJECT: "gh/acme/web", OTHER: "gh/acme/api"}
    await store.write(follow_hooked, rules, hooked, NINE)


@pytest.fixture
async def missed(instance: Instance) -> MissedWebhooks:
    context = instance.service.context
    assert isinstance(context.source, CircleCI)
    await reconcile_both(context.store)
    return MissedWebhooks(
        store=context.store,
        source=context.source,
        budget=StepBudget(context.store, 60, clock=context.clock, has_room=lambda: True),
        clock=context.clock,
        metrics=context.metrics,
    )


def found(run_id: str | None, project_id: str | None = PROJECT, created_at: str | None = "2026-03-01T00:00:00Z") -> Any:
    return {
        "id": run_id,
        "attributes": {"number": 1, "phase": "started", "created_at": created_at},
        "references": {"project": {"id": project_id}},
    }


def answer(*items: Any, cursor: str | None = None) -> Fault:
    page = {"data": items, "page": {"next": cursor, "prev": None}}
    return Fault(status=200, body=json.dumps(page).encode())


async def test_run_that_says_too_little_is_left_out_and_the_others_are_asked_for(
    instance: Instance, missed: MissedWebhooks
) -> None:
    lacking = [found(None), found("no-time", created_at=None), found("no-project", None), found("foreign", "else")]
    instance.pretend.faults.next(SEARCH, answer(*lacking, found("whole"), found("another", OTHER)))

    await UnfinishedSearch().run(missed)

    assert instance.rows(ASKED) == [("another", Urgency.UNFINISHED), ("whole", Urgency.UNFINISHED)]


async def test_search_goes_on_to_the_last_page(instance: Instance, missed: MissedWebhooks) -> None:
    instance.pretend.faults.next(SEARCH, answer(found("first"), cursor="2"))
    instance.pretend.faults.next(SEARCH, answer(found("second")))

    await UnfinishedSearch().run(missed)

    assert [run_id for run_id, _ in instance.rows(ASKED)] == ["first", "second"]


async def due(missed: MissedWebhooks) -> dict[str, datetime | None]:
    asking = partial(reconciling.due, now=NINE + timedelta(hours=9), urgency=tuple(Urgency), limit=MAX_PAGES + 1)
    return {one.id: one.due_at for one in await missed.store.read(asking)}


@pytest.mark.parametrize(("is_found", "hours"), [(True, 2), (False, 0)])
async def test_pipeline_that_is_no_longer_under_way_is_asked_for_at_once(
    instance: Instance, missed: MissedWebhooks, hours: int, *, is_found: bool
) -> None:
    await missed.store.write(second_looks.reopen, [LATER], changed_at=NINE)
    instance.pretend.faults.next(SEARCH, answer(*([found("later")] if is_found else [])))

    await UnfinishedSearch().run(missed)

    assert await due(missed) == {"later": NINE + timedelta(hours=hours)}


async def test_after_twenty_pages_what_was_not_found_may_be_under_way(
    instance: Instance, missed: MissedWebhooks
) -> None:
    await missed.store.write(second_looks.reopen, [LATER], changed_at=NINE)
    for page in range(MAX_PAGES):
        instance.pretend.faults.next(SEARCH, answer(found(f"run-{page}"), cursor=str(page)))

    await UnfinishedSearch().run(missed)

    assert (await due(missed))["later"] == LATER.due_at
    assert len(instance.rows(ASKED)) == MAX_PAGES + 1


async def test_filter_that_circleci_refuses_is_narrowed_once(instance: Instance, missed: MissedWebhooks) -> None:
    search = UnfinishedSearch()
    instance.pretend.faults.next(SEARCH, broken(400, "no such filter"))
    instance.pretend.faults.next(SEARCH, answer(found("held")))
    assert search.matching == IS_UNFINISHED
    await missed.store.write(second_looks.reopen, [LATER], changed_at=NINE)

    await search.run(missed)

    assert search.matching == IS_HELD
    assert await due(missed) == {"held": NINE, "later": LATER.due_at}  # which may be under way all the same
    instance.pretend.faults.next(SEARCH, broken(400, "no such filter"))
    with pytest.raises(Permanent):
        await search.run(missed)


def state(project: str, hook_id: str | None = "h") -> HookState:
    return HookState(project=project, hook_id=hook_id)


async def test_projects_with_a_hook_of_ours_stay_unless_they_are_left_out(instance: Instance) -> None:
    store = instance.service.context.store
    without_api = ProjectRules(rules=[ProjectRule(pattern="gh/acme/api", reconcile=False)])
    await reconcile_both(store, without_api)
    assert await store.read(reconciling.listed_projects) == {PROJECT: "github/acme/web"}
    assert await store.read(reconciling.known_projects) == {PROJECT: NINE - FIRST_SPAN}

    await reconcile_both(store)
    await store.write(hook_states.record, [state("gh/acme/web"), state("gh/acme/api")])
    assert await store.read(hooked_projects, NO_RULES) == {PROJECT, OTHER}
    assert await store.read(hooked_projects, without_api) == {PROJECT}

    await store.write(hook_states.record, [state("gh/acme/web", None)])
    assert await store.read(hooked_projects, NO_RULES) == {OTHER}
