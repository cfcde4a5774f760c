"""Settings that guard builds: what changed is an event, told once by routes; a right that is lacking is said once."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.model import slug_spellings
from service.pipeline.fetching.guards import compare
from service.store.circleci import guards
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ORG_ID, WEB
from tests.support.app_fixture import NINE, RED, RED_TO_WEB, Instance, an_instance
from tests.support.log_capture import logged

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = RED_TO_WEB.replace(
    "routes:\n", "routes:\n  - {name: guards, match: {event: settings-changed, project: 'gh/acme/*'}, receiver: web}\n"
)
LABEL = "web (json)"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """A service that has seen a build, and every setting once."""
    async with an_instance(folder, ROUTES) as instance:
        await instance.finish(replace(RED, number=1))
        await instance.drain()
        fake = instance.pretend.settings
        fake.env_vars[WEB.slug], fake.checkout_keys[WEB.slug] = ["SENTRY_TOKEN"], {"deploy-1": "deploy-key"}
        fake.contexts = {"production": ["AWS_ROLE"]}
        await look(instance)
        yield instance


async def look(instance: Instance) -> list[str]:
    """Look a day later; the texts that were told of it."""
    instance.clock.tick(days=1)
    before = len(instance.channels.took)
    await instance.service.pipeline.look_at_guards()
    await instance.drain()
    return [message.text for label, message in instance.channels.took[before:] if label == LABEL]


async def sentences(instance: Instance) -> list[str]:
    found = await instance.service.context.store.read(lambda one: guards.find_changes(one, since=NINE))
    return sorted(one.sentence for one in found)


async def test_the_first_look_is_no_change(instance: Instance) -> None:
    assert await sentences(instance) == []
    assert len(instance.rows("SELECT area FROM guard_snapshots")) == 10  # those of a server


async def test_changes_are_kept_and_told_once(instance: Instance) -> None:
    fake = instance.pretend.settings
    fake.checkout_keys[WEB.slug]["deploy-2"] = "deploy-key"
    fake.env_vars[WEB.slug] = []
    fake.switches["build_fork_prs"] = True
    fake.contexts["production"].append("AWS_KEY")
    times = {"per-hour": 1, "hours-of-day": [2], "days-of-week": ["MON"]}
    instance.pretend.schedules.registered["s1"] = {
        "id": "s1",
        "name": "nightly",
        "project-slug": WEB.slug,
        "timetable": times,
        "parameters": {"token": "obviously-fake"},
    }

    [told] = await look(instance)

    expected = [
        "checkout key SHA256:deploy-2 added to gh/acme/web: deploy-key",
        "context variable production/AWS_KEY added to gh/acme",
        "environment variable SENTRY_TOKEN removed from gh/acme/web",
        "project setting build_fork_prs of gh/acme/web changed from off to on",
        "schedule nightly added to gh/acme/web: form 000000000000",
    ]
    found = [re.sub("form [0-9a-f]{12}$", "form 000000000000", one) for one in await sentences(instance)]
    assert found == expected
    assert "obviously-fake" not in str(instance.rows("SELECT states FROM guard_snapshots"))
    for sentence in (expected[0], expected[2], expected[3]):
        assert sentence[1:] in told
    assert "AWS_KEY" not in told  # the route is of projects
    assert await look(instance) == []
    await instance.service.pipeline.look_at_guards()
    await instance.drain()
    assert len(await sentences(instance)) == len(expected)


async def test_no_value_is_kept(instance: Instance) -> None:
    kept = str(instance.rows("SELECT states FROM guard_snapshots"))

    assert "SENTRY_TOKEN" in kept
    assert "xxxx" not in kept
    assert "ssh-ed25519" not in kept


@pytest.mark.long
@pytest.mark.parametrize("status", [403, 404])
async def test_a_right_that_is_lacking_is_said_once(instance: Instance, status: int) -> None:
    instance.pretend.faults.next("*/envvar", broken(status), times=2)
    instance.pretend.settings.env_vars[WEB.slug] = ["OTHER"]

    with logged() as talk:
        await look(instance)
        await look(instance)

    said = [line for line in talk.lines if line["event"] == "settings cannot be compared"]
    assert [(line["area"], line["scope"]) for line in said] == [("env_vars", "gh/acme/web")]
    assert await sentences(instance) == []  # what is not seen is not removed
    await look(instance)
    assert await sentences(instance) == [
        "environment variable OTHER added to gh/acme/web",
        "environment variable SENTRY_TOKEN removed from gh/acme/web",
    ]


async def test_an_answer_of_500_leaves_all_as_it_was(instance: Instance) -> None:
    instance.pretend.faults.next("*/settings", broken(500), times=5)
    instance.pretend.settings.switches["oss"] = True

    await look(instance)

    assert await sentences(instance) == []


async def test_names_of_others_do_no_harm(instance: Instance) -> None:
    hostile = "<script>alert(1)</script>\u202e\x07'; DROP TABLE guard_changes; --" + "x" * 2_000
    instance.pretend.settings.env_vars[WEB.slug].append(hostile)

    [told] = await look(instance)

    [sentence] = await sentences(instance)
    assert len(sentence) < 700
    assert "\x07" not in sentence + told


async def test_what_is_not_due_is_not_asked(instance: Instance) -> None:
    before = len(instance.pretend.calls)
    instance.clock.tick(hours=2)

    await instance.service.pipeline.look_at_guards()

    assert not [call.path for call in instance.pretend.calls[before:] if "envvar" in call.path]


async def test_at_the_cloud_v3_tells_more(instance: Instance) -> None:
    context = instance.service.context
    source = context.source
    assert isinstance(source, CircleCI)
    source.v3.is_expected = True
    await compare(context.store, source, [WEB.slug], NINE + timedelta(days=9))
    instance.pretend.settings.v3_switches["is_running_disabled"] = True
    instance.pretend.settings.channels[WEB.id] = ["builds"]
    instance.pretend.settings.workspaces = ["acme"]
    instance.pretend.settings.are_policies_on = True
    instance.pretend.settings.rules = ["require_review"]
    instance.pretend.exporters.registered["e1"] = {
        "id": "e1",
        "org_id": ORG_ID,
        "endpoint": "https://ci.example.com/otlp?key=obviously-fake",
        "protocol": "http",
        "insecure": False,
        "headers": {"Authorization": "obviously-fake"},
    }

    found = await compare(context.store, source, [WEB.slug], NINE + timedelta(days=10))

    assert sorted(re.sub("address [0-9a-f]{12}$", "address ADDRESS", one.sentence) for one in found.changes) == [
        "OpenTelemetry exporter ci.example.com (e1) added to gh/acme: http, with TLS, Authorization, address ADDRESS",
        "chat workspace of CircleCI's own slack acme added to gh/acme: active",
        "config policy enforcement of gh/acme changed from off to on",
        "config policy rule require_review added to gh/acme: on",
        "notification of CircleCI's own slack builds added to gh/acme/web: on",
        "project setting is_running_disabled of gh/acme/web changed from off to on",
    ]
    assert found.lacking == []

    instance.pretend.settings.are_policies_on = False  # of which the last decisions stay on record there
    found = await compare(context.store, source, [WEB.slug], NINE + timedelta(days=11))
    assert [one.sentence for one in found.changes] == ["config policy enforcement of gh/acme changed from on to off"]


async def test_look_says_what_it_could_not_read_and_goes_on_with_the_others(instance: Instance) -> None:
    context, gone, later = instance.service.context, "gh/acme/gone", NINE + timedelta(days=2)
    assert isinstance(context.source, CircleCI)
    instance.pretend.faults.next("*/envvar", broken(503), times=5)

    found = await compare(context.store, context.source, [gone, WEB.slug], later)

    [of_gone, of_area] = found.unread
    assert of_gone.startswith(f"{gone}: ")
    assert of_area.startswith("gh/acme/web, env vars: ")
    assert (found.changes, found.first, found.areas) == ([], [], 9)
    lacking = instance.rows("SELECT DISTINCT scope FROM guard_snapshots WHERE lacking IS NOT NULL")
    assert lacking == [(gone,)]
    instance.pretend.faults.next("/project/*", broken(503), times=5)
    found = await compare(context.store, context.source, [WEB.slug], later)
    assert [one.partition(":")[0] for one in found.unread] == [slug_spellings(WEB.slug)[0]]
