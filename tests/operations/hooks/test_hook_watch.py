"""The looks at the hooks on a timer: drift and silence are told when they begin and when they end."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.circleci.webhook.signature import fingerprint_of
from service.config.configuration import load
from service.model import HookState, SecretUse
from service.operations.hooks.hook_globs import expand
from service.operations.hooks.hook_states import applied_states
from service.operations.hooks.hook_watch import HookWatch, read_watch_setting
from service.operations.hooks.hooks import HookTarget, apply
from service.store.circleci import hook_states
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import PROJECTS, SHOP_API, WEB, Project
from service.testing.fake_circleci.payloads import Payload
from tests.support.app_fixture import RED, RED_TO_WEB, SECRET, Instance, an_instance, environ
from tests.support.long_cases import first_and_long
from tests.support.renamed_project import Renamed

pytestmark = pytest.mark.databases("sqlite", "postgres")

YAML = RED_TO_WEB.replace(
    "receivers:\n", "operators: {receiver: platform}\nreceivers:\n  platform: {channels: [json://ops.example.com]}\n"
)
HOOKS = "hooks: [{project: gh/acme/*, events: workflow-completed}]\n"
OPS = "platform (json)"
ADDRESS = "https://roundsman.example.com"
URL = "https://roundsman.example.com/hooks/circleci"
DRIFT = "Roundsman: a hook at CircleCI is not as it should be"
SILENT = "Roundsman: a project builds, and its hook is silent"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, YAML + HOOKS, ROUNDSMAN_PUBLIC_URL=ADDRESS) as instance:
        yield instance


@pytest.fixture
async def watch(instance: Instance) -> HookWatch:
    """A watch of hooks that were applied."""
    await apply_hooks(instance)
    return watch_of(instance, YAML + HOOKS, ROUNDSMAN_PUBLIC_URL=ADDRESS)


def watch_of(instance: Instance, yaml: str, **env: str) -> HookWatch:
    return HookWatch(lambda: instance.service.context, read_watch_setting(load(environ(instance.folder, yaml, **env))))


def source(instance: Instance) -> CircleCI:
    found = instance.service.context.source
    assert isinstance(found, CircleCI)
    return found


async def apply_hooks(instance: Instance) -> None:
    config = load(environ(instance.folder, YAML + HOOKS, ROUNDSMAN_PUBLIC_URL=ADDRESS))
    wanted = await expand(source(instance), config.hooks, [])
    store = instance.service.context.store
    done = await apply(source(instance), wanted.specs, HookTarget(url=URL, secret=SECRET))
    before = await store.read(hook_states.find_all)
    states = applied_states(done, before, fingerprint_of(SECRET), instance.clock())
    await store.write(hook_states.record, states)


async def look(instance: Instance, watch: HookWatch, **later: float) -> list[tuple[str, str]]:
    """Look once after a time; the titles and texts that the operators were told since."""
    instance.clock.tick(**(later or {"minutes": 30}))
    before = len(instance.channels.took)
    await watch.look()
    await instance.drain()
    told = [message for label, message in instance.channels.took[before:] if label == OPS]
    return sorted((message.title, message.text) for message in told)


def titles(told: Sequence[tuple[str, str]]) -> list[str]:
    return [title for title, _ in told]


def hook_of(instance: Instance, project: Project = WEB) -> Payload:
    [hook] = instance.pretend.hooks.of_project(project.id)
    return hook


async def states(instance: Instance) -> dict[str, HookState]:
    return await instance.service.context.store.read(hook_states.find_all)


@pytest.mark.parametrize(
    ("change", "words"),
    first_and_long(
        [
            ({"url": "https://elsewhere.example.com/x"}, "the hook posts to elsewhere.example.com now, and not to us"),
            ({"events": ["job-completed"]}, "events job-completed -> workflow-completed"),
            ({"verify-tls": False}, "it no longer verifies TLS"),
            ({"signing-secret": ""}, "has no secret, so its posts are refused"),
            ({"name": "Other"}, "name 'Other' -> 'Roundsman'"),
            (None, "the hook was deleted"),
        ]
    ),
)
async def test_drift_is_told_once_and_so_is_its_end(
    instance: Instance, watch: HookWatch, change: dict[str, object] | None, words: str
) -> None:
    assert await look(instance, watch) == []
    hook = hook_of(instance)
    if change is None:
        del instance.pretend.hooks.registered[hook["id"]]
    else:
        hook.update(change)

    [(title, text)] = await look(instance, watch)
    assert title == DRIFT
    assert f"gh/acme/web: {words}" in text
    assert ("`roundsman hooks apply` mends it" in text) is ("TLS" not in words)
    assert await look(instance, watch) == []
    assert words in ((await states(instance))["gh/acme/web"].drift or "")

    if change and "url" in change:
        del instance.pretend.hooks.registered[hook["id"]]
    await apply_hooks(instance)
    assert titles(await look(instance, watch)) == [f"{DRIFT}: this has ended"]
    assert (await states(instance))["gh/acme/web"].drift is None


async def test_alarm_ends_soon_after_a_command_has_mended_the_hook(instance: Instance, watch: HookWatch) -> None:
    del instance.pretend.hooks.registered[hook_of(instance)["id"]]
    assert titles(await look(instance, watch)) == [DRIFT]
    calls = len(instance.pretend.calls)
    await watch.look_if_mended()
    assert len(instance.pretend.calls) == calls

    instance.clock.tick(minutes=1)
    await apply_hooks(instance)
    await watch.look_if_mended()
    await instance.drain()

    assert instance.channels.took[-1][1].title == f"{DRIFT}: this has ended"
    calls = len(instance.pretend.calls)
    await watch.look_if_mended()
    assert len(instance.pretend.calls) == calls


@pytest.mark.long
async def test_second_hook_and_orphan_are_drift(instance: Instance, watch: HookWatch) -> None:
    hook = hook_of(instance)
    instance.pretend.hooks.registered["second"] = hook | {"id": "second"}
    mobile = next(project for project in PROJECTS if project.is_app)
    scope = {"id": mobile.id, "type": "project"}
    instance.pretend.hooks.registered["orphan"] = hook | {"id": "orphan", "scope": scope}
    await instance.finish(replace(RED, project=mobile))
    await instance.process()

    told = [text for title, text in await look(instance, watch) if title == DRIFT]

    assert len(told) == 2
    assert any("gh/acme/web: 2 hooks post to our address, 1 too many" in text for text in told)
    assert any("a hook of ours is there, though it is not in roundsman.yaml" in text for text in told)


async def test_renamed_project_is_told_with_the_name_to_write(instance: Instance) -> None:
    await apply_hooks(instance)
    named = YAML + "hooks: [{project: gh/acme/web, events: workflow-completed}]\n"
    watch = watch_of(instance, named, ROUNDSMAN_PUBLIC_URL=ADDRESS)
    await instance.finish(replace(RED, project=Renamed(name="shop", was=WEB), number=RED.number + 1))
    await instance.process()
    instance.pretend.faults.next("/project/gh/acme/web", broken(404))

    told = " ".join(text for title, text in await look(instance, watch) if title == DRIFT)

    assert "gh/acme/shop: a hook of ours is there, though it is called gh/acme/web in roundsman.yaml" in told
    assert "write gh/acme/shop there" in told
    assert "renamed: CircleCI calls it gh/acme/shop by now; write that in roundsman.yaml." in told
    assert "If it was not meant so" not in told


@pytest.mark.long
async def test_many_at_once_are_one_alarm(instance: Instance, watch: HookWatch) -> None:
    more = [Project(name=f"app-{number}") for number in range(8)]
    for project in more:
        instance.pretend.run_finished(replace(RED, project=project))

    [(title, text)] = await look(instance, watch)

    assert title == DRIFT
    assert "8 projects: gh/acme/app-0, gh/acme/app-1" in text
    assert "and 3 more" in text


async def test_what_cannot_be_read_ends_no_alarm(instance: Instance, watch: HookWatch) -> None:
    hook_of(instance)["name"] = "Other"
    assert titles(await look(instance, watch)) == [DRIFT]

    instance.pretend.faults.next("/webhook", broken(503), times=2)
    assert await look(instance, watch) == []

    instance.pretend.faults.next("/webhook", broken(403), times=2)
    [(title, text)] = await look(instance, watch)
    assert title == DRIFT
    assert "could not be compared with roundsman.yaml: CircleCI answered 403" in text
    assert titles(await look(instance, watch)) == [f"{DRIFT}: this has ended"]


async def test_first_signed_delivery_confirms_a_hook(instance: Instance, watch: HookWatch) -> None:
    await look(instance, watch)
    assert [one.is_waiting for one in (await states(instance)).values()] == [True, True]

    await instance.finish(replace(RED, project=SHOP_API))
    await instance.process()
    await look(instance, watch)

    assert {name: one.is_waiting for name, one in (await states(instance)).items()} == {
        "gh/acme/shop-api": False,
        "gh/acme/web": True,
    }


@pytest.mark.long
async def test_a_replaced_hook_is_not_confirmed_by_the_one_before(instance: Instance, watch: HookWatch) -> None:
    hook = hook_of(instance)
    del instance.pretend.hooks.registered[hook["id"]]
    instance.pretend.hooks.registered["by-hand"] = hook | {"id": "by-hand"}

    await look(instance, watch)

    state = (await states(instance))["gh/acme/web"]
    assert (state.hook_id, state.fingerprint, state.applied_at) == ("by-hand", None, None)


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "reason"),
    first_and_long(
        [
            ({}, "CircleCI posts nothing that arrives here"),
            ({"signing-secret": ""}, "has no secret, so its posts are refused"),
            (None, "the hook was deleted"),
        ]
    ),
)
async def test_a_project_that_builds_while_its_hook_is_silent_is_told(
    instance: Instance, watch: HookWatch, change: dict[str, object] | None, reason: str
) -> None:
    await instance.finish(RED)
    await instance.process()
    assert await look(instance, watch) == []
    if change is None:
        del instance.pretend.hooks.registered[hook_of(instance)["id"]]
    else:
        hook_of(instance).update(change)
    instance.clock.tick(hours=2)
    found = SecretUse(project="gh/acme/web", fingerprint="", last_at=instance.clock())
    await instance.service.context.store.write(hook_states.keep_uses, [found])

    assert SILENT not in titles(await look(instance, watch, minutes=10))
    told = [text for title, text in await look(instance, watch, minutes=30) if title == SILENT]
    assert len(told) == 1
    assert "gh/acme/web builds (a workflow ended at 2026-03-02 12:00 UTC)" in told[0]
    assert reason in told[0]

    await instance.finish(replace(RED, number=1999))
    await instance.process()
    assert f"{SILENT}: this has ended" in titles(await look(instance, watch))


@pytest.mark.long
async def test_no_look_without_hooks_token_or_address(instance: Instance) -> None:
    before = len(instance.pretend.calls)
    await watch_of(instance, YAML, ROUNDSMAN_PUBLIC_URL=ADDRESS).look()
    await watch_of(instance, YAML + HOOKS).look()

    assert len(instance.pretend.calls) == before


@pytest.mark.long
async def test_slugs_of_projects_are_asked_for_once_a_day(instance: Instance, watch: HookWatch) -> None:
    await watch.look()
    first = len([call for call in instance.pretend.calls if call.path.startswith("/project/")])
    await watch.look()
    second = len([call for call in instance.pretend.calls if call.path.startswith("/project/")])

    assert second == first
    instance.clock.tick(days=1)
    await watch.look()
    assert len([call for call in instance.pretend.calls if call.path.startswith("/project/")]) > second


@pytest.mark.long
async def test_project_whose_hook_never_posted_is_reconciled_and_found_silent(
    instance: Instance, watch: HookWatch
) -> None:
    assert await look(instance, watch) == []  # no project has ever posted
    reconcile = instance.service.pipeline.reconcile
    await reconcile()
    instance.pretend.run_finished(replace(RED, pushed_at=instance.clock.now, waited_s=0))
    for _ in range(9):
        instance.clock.tick(minutes=5)
        await reconcile()
        await instance.drain()

    assert instance.rows("SELECT DISTINCT via, status FROM events") == [("reconcile", "failed")]
    [(title, text)] = await look(instance, watch)
    assert title == SILENT
    assert "its hook has been silent as long as is on record" in text
    await reconcile()
    assert len(instance.rows("SELECT project_id FROM reconciled_projects")) == 2  # both of acme stay
