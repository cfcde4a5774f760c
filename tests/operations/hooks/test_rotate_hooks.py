"""The rotation of the hooks' secret: nothing is lost, each step says the next, and it may stop anywhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from service.circleci.circleci import CircleCI
from service.circleci.probe import Probe
from service.circleci.webhook.signature import fingerprint_of
from service.config.configuration import load
from service.model import HookSpec, Process, Role
from service.operations.hooks.hook_rotation import Stage
from service.operations.hooks.hook_states import applied_states
from service.operations.hooks.hooks import HookTarget, apply
from service.operations.hooks.rotate_hooks import RotationOutcome, RotationRequest, rotate
from service.store.circleci import hook_states
from service.store.upkeep import heartbeats
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import SHOP_API, WEB, Project
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance, environ
from tests.support.renamed_project import Renamed

pytestmark = pytest.mark.databases("sqlite", "postgres")

OLD, NEW = "the-old-invented-secret", "the-new-invented-secret"
BOTH = f"{NEW},{OLD}"
URL = "https://roundsman.example.com/hooks/circleci"
SPECS = tuple(
    HookSpec(project=project.slug, name="Roundsman", events=("workflow-completed",)) for project in (WEB, SHOP_API)
)
NUMBERS = count(5000)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUNDSMAN_WEBHOOK_SECRETS=BOTH) as instance:
        await given_hooks(instance)
        yield instance


async def given_hooks(instance: Instance) -> None:
    """Have hooks with the old secret, put on record by ``hooks apply``."""
    done = await apply(source(instance), SPECS, HookTarget(url=URL, secret=OLD))
    states = applied_states(done, {}, fingerprint_of(OLD), instance.clock())
    await instance.service.context.store.write(hook_states.record, states)


def source(instance: Instance) -> CircleCI:
    found = instance.service.context.source
    assert isinstance(found, CircleCI)
    return found


async def walk(instance: Instance, secrets: tuple[str, ...] = (NEW, OLD), **options: Any) -> RotationOutcome:
    """Run the command once, a minute later."""
    instance.clock.tick(seconds=options.pop("after", timedelta(minutes=1)).total_seconds())
    await instance.process()

    async def is_accepted(secret: str) -> bool:
        probe = Probe(id_prefix=hook_states.PROBE, secret=secret, at=instance.clock())
        return (await instance.send(probe.body, secret=secret)).is_success

    request = RotationRequest(
        specs=options.pop("specs", SPECS),
        secrets=secrets,
        target=HookTarget(url=URL, secret=secrets[0]),
        history=[],
        quiet_for=timedelta(hours=24),
        is_accepted=is_accepted,
        clock=instance.clock,
        **options,
    )
    return await rotate(source(instance), instance.service.context.store, request)


async def deliver(instance: Instance, project: Project, *, secret: str | None = None) -> int:
    """Have a project's hook post a run, signed with the secret that it has; the status of the answer."""
    [hook] = instance.pretend.hooks.of_project(project.id)
    number = next(NUMBERS)
    run = replace(RED, project=project, number=number, pushed_at=instance.clock())
    answer = await instance.send(as_bytes(workflow_completed(run)), secret=secret or hook["signing-secret"])
    return answer.status_code


def secrets_at_circleci(instance: Instance) -> set[str]:
    return {hook["signing-secret"] for hook in instance.pretend.hooks.registered.values()}


async def test_a_whole_rotation_says_each_next_step(instance: Instance) -> None:
    idle = await walk(instance, (OLD,))
    assert idle.rotation.stage is Stage.IDLE
    assert "openssl rand -hex 32" in idle.rotation.next_step

    updated = await walk(instance)
    assert (updated.rotation.stage, secrets_at_circleci(instance)) == (Stage.WAIT, {NEW})
    assert [step.verb for step in updated.steps] == ["update", "update"]

    instance.clock.tick(hours=25)
    unproven = await walk(instance)
    assert (unproven.rotation.stage, unproven.steps) == (Stage.WAIT, [])
    assert "gh/acme/web, gh/acme/shop-api waits for its first delivery" in unproven.rotation.next_step
    assert (await walk(instance, allow_unconfirmed=True)).rotation.stage is Stage.RETIRED

    for project in (WEB, SHOP_API):
        assert await deliver(instance, project) == 202
    retired = await walk(instance)
    assert retired.rotation.stage is Stage.RETIRED
    assert "take it out of ROUNDSMAN_WEBHOOK_SECRETS" in retired.rotation.next_step
    assert [(one.project, one.secret, one.is_confirmed) for one in retired.rotation.projects] == [
        ("gh/acme/web", 1, True),
        ("gh/acme/shop-api", 1, True),
    ]
    assert "each hook has the one secret" in (await walk(instance, (NEW,))).rotation.next_step


@pytest.mark.long
async def test_each_use_of_the_old_secret_puts_its_end_off(instance: Instance) -> None:
    await walk(instance)
    instance.clock.tick(hours=19)
    assert await deliver(instance, SHOP_API) == 202
    await walk(instance)
    instance.clock.tick(minutes=59)
    assert await deliver(instance, SHOP_API, secret=OLD) == 202  # a repeat of what was signed before

    found = (await walk(instance)).rotation

    assert found.stage is Stage.WAIT
    assert "gh/acme/shop-api used the old secret at 2026-03-03 05:31 UTC" in found.next_step
    assert "after 2026-03-04 05:31 UTC" in found.next_step
    instance.clock.tick(hours=10)
    assert "after 2026-03-04 05:31 UTC" in (await walk(instance, allow_unconfirmed=True)).rotation.next_step
    instance.clock.tick(hours=14)
    assert (await walk(instance, allow_unconfirmed=True)).rotation.stage is Stage.RETIRED


async def test_a_rotation_under_load_loses_nothing(instance: Instance) -> None:
    answers: list[int] = []
    is_over = asyncio.Event()

    async def post() -> None:
        while not is_over.is_set():
            for project in (WEB, SHOP_API):
                [hook] = instance.pretend.hooks.of_project(project.id)
                signed = hook["signing-secret"]  # a post on its way keeps the secret that it was signed with
                await asyncio.sleep(0)
                answers.append(await deliver(instance, project, secret=signed))

    async with asyncio.TaskGroup() as group:
        group.create_task(post())
        outcome = await walk(instance)
        is_over.set()
    await instance.process()

    assert outcome.rotation.stage is Stage.WAIT
    assert len(answers) > 2
    assert set(answers) == {202}
    kept = instance.rows("SELECT count(*) FROM events WHERE kind = 'workflow-completed'")
    assert kept[0][0] == len(answers)


async def test_no_hook_is_changed_before_the_service_accepts_both_secrets(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_WEBHOOK_SECRETS=OLD) as instance:
        await given_hooks(instance)

        outcome = await walk(instance)

        assert outcome.rotation.stage is Stage.RELOAD
        assert "does not accept secret 1" in outcome.rotation.next_step
        assert "No hook was changed" in outcome.rotation.next_step
        assert secrets_at_circleci(instance) == {OLD}


@pytest.mark.long
@pytest.mark.databases("postgres")
@pytest.mark.parametrize("accepted", [(OLD,), None])
async def test_no_hook_is_changed_before_each_other_process_accepts_both_secrets(
    instance: Instance, accepted: tuple[str, ...] | None
) -> None:
    """The ping reaches one process; another one, of this release or an earlier one, was not reloaded."""
    other = Process(role=Role.WEB, secrets=tuple(map(fingerprint_of, accepted or ())))
    store = instance.service.context.store
    await instance.service.heartbeat.beat()
    await store.write(heartbeats.beat, other, instance.clock())
    if accepted is None:
        instance.change("UPDATE heartbeats SET secrets = NULL WHERE role = 'web'")

    outcome = await walk(instance, after=timedelta(seconds=10))
    assert outcome.rotation.stage is Stage.RELOAD
    assert "1 of the 2 processes that receive posts" in outcome.rotation.next_step
    assert secrets_at_circleci(instance) == {OLD}

    await store.write(
        heartbeats.beat, replace(other, secrets=(fingerprint_of(NEW), fingerprint_of(OLD))), instance.clock()
    )
    assert (await walk(instance, after=timedelta(seconds=10))).rotation.stage is Stage.WAIT
    assert secrets_at_circleci(instance) == {NEW}


async def test_a_reload_is_told_with_the_next_heartbeat(instance: Instance) -> None:
    store, heartbeat = instance.service.context.store, instance.service.heartbeat
    await heartbeat.beat()
    instance.service.reload(load(environ(instance.folder, RED_TO_WEB, ROUNDSMAN_WEBHOOK_SECRETS=NEW)))
    before = await store.read(heartbeats.accepted_secrets, since=instance.clock())
    await heartbeat.beat()

    assert before == [frozenset({fingerprint_of(NEW), fingerprint_of(OLD)})]
    after = await store.read(heartbeats.accepted_secrets, since=instance.clock())
    assert after == [frozenset({fingerprint_of(NEW)})]


@pytest.mark.long
async def test_a_stopped_walk_goes_on_where_it_was(instance: Instance) -> None:
    [hook] = instance.pretend.hooks.of_project(SHOP_API.id)
    instance.pretend.faults.next(f"/webhook/{hook['id']}", broken(500))

    stopped = await walk(instance)
    assert stopped.rotation.stage is Stage.UPDATE
    assert "gh/acme/shop-api could not be updated" in stopped.rotation.next_step
    assert secrets_at_circleci(instance) == {OLD, NEW}

    resumed = await walk(instance)
    assert [(step.project, step.verb) for step in resumed.steps] == [("gh/acme/shop-api", "update")]
    assert resumed.rotation.stage is Stage.WAIT


@pytest.mark.long
async def test_a_hook_that_kept_the_old_secret_is_found_by_its_deliveries(instance: Instance) -> None:
    await walk(instance)
    [hook] = instance.pretend.hooks.of_project(WEB.id)
    hook["signing-secret"] = OLD  # as if CircleCI had dropped the key in the request
    instance.clock.tick(hours=30)
    assert await deliver(instance, WEB) == 202
    instance.clock.tick(hours=30)

    found = (await walk(instance)).rotation

    assert found.stage is Stage.WAIT
    assert "gh/acme/web still signs with the old secret, though its hook was given the new one" in found.next_step
    assert [one.secret for one in found.projects] == [2, None]
    assert (await walk(instance, allow_unconfirmed=True)).rotation.stage is Stage.WAIT


@pytest.mark.long
async def test_a_project_outside_of_the_file_with_the_old_secret_is_named(instance: Instance) -> None:
    await walk(instance, specs=SPECS[:1])
    instance.clock.tick(hours=2)
    await deliver(instance, SHOP_API, secret=OLD)

    found = (await walk(instance, specs=SPECS[:1])).rotation

    assert "gh/acme/shop-api is not in roundsman.yaml: add it, or delete its hook" in found.next_step


@pytest.mark.long
async def test_the_pings_that_try_the_secrets_are_no_uses_of_them(instance: Instance) -> None:
    await walk(instance)
    await instance.process()
    instance.clock.tick(hours=25)

    assert (await walk(instance, allow_unconfirmed=True)).rotation.stage is Stage.RETIRED
    uses = await instance.service.context.store.read(hook_states.find_uses)
    assert uses == []


async def test_former_name_of_a_renamed_project_is_none_that_still_has_the_old_secret(instance: Instance) -> None:
    assert await deliver(instance, WEB) == 202
    renamed = Renamed(name="shop", was=WEB)
    instance.pretend.run_finished(replace(RED, project=renamed))
    specs = (replace(SPECS[0], project=renamed.slug), SPECS[1])

    found = await walk(instance, specs=specs)

    assert [one.project for one in found.rotation.projects] == ["gh/acme/shop", "gh/acme/shop-api"]
    assert "is not in roundsman.yaml" not in found.rotation.next_step
