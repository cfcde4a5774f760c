"""The last refusals: why a post was refused, and what mends it, for those who wonder why nothing arrives."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.model import KnownHook, Refusal
from service.pipeline.refusals import RefusalLimits, Refusals
from service.store.circleci import hooks
from service.store.deliveries import refusals
from service.web.request_body import MAX_UNSIGNED_BYTES
from tests.support.app_fixture import NINE, RED, SETTLED_WITHIN_S, Instance, a_moment, an_instance, signature
from tests.support.cli_runner import Terminal
from tests.support.log_capture import logged
from tests.support.queue_fixture import Work

HOOK = "0d1f3c9e-8a63-4f0a-9d5c-2c8d6f1f7a11"
OURS = KnownHook(id=HOOK, project="gh/acme/web", name="Roundsman", seen_at=NINE)


async def listed(instance: Instance) -> list[dict[str, Any]]:
    """The last refusals, as the API has them."""
    response = await instance.http.get("/api/v1/refusals")
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def on_record(instance: Instance, count: int) -> list[dict[str, Any]]:
    """The last refusals, once there are so many of them: they are written beside the answers."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while len(items := await listed(instance)) < count:
            await a_moment()
    return items


async def all_written(keeper: Refusals, work: Work) -> Sequence[Refusal]:
    """What is on record once no refusal waits to be written."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while keeper._writing:
            await a_moment()
    return await work.store.read(refusals.latest)


def naming(hook: str) -> bytes:
    return json.dumps({"webhook": {"id": hook, "name": "Roundsman"}}).encode()


async def test_refusal_has_time_address_reason_and_next_step(instance: Instance) -> None:
    await instance.http.post("/hooks/circleci", content=b"{}", headers={"user-agent": "CircleCI-Webhook/1.0"})

    assert await on_record(instance, 1) == [
        {
            "at": "2026-03-02T09:30:00.000Z",
            "status": 401,
            "reason": "the post is not signed, it has no circleci-signature header",
            "next_step": "give the webhook at CircleCI a secret that is in ROUNDSMAN_WEBHOOK_SECRETS",
            "address": "127.0.0.1",
            "user_agent": "CircleCI-Webhook/1.0",
            "hook_id": None,
            "count": 1,
        }
    ]


async def test_too_large_a_post_is_among_the_refusals(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_MAX_BODY_BYTES="10") as instance:
        await instance.send(b"x" * 11)

        [refusal] = await on_record(instance, 1)

    assert (refusal["status"], refusal["next_step"]) == (413, "ROUNDSMAN_MAX_BODY_BYTES sets the limit")


async def test_unsigned_post_of_a_hook_of_ours_tells_that_the_hook_has_no_secret(instance: Instance) -> None:
    await instance.service.context.store.write(hooks.record, [OURS], [])
    with logged() as talk:
        response = await instance.http.post("/hooks/circleci", content=naming(HOOK))

    [refusal] = await on_record(instance, 1)
    [line] = [line for line in talk.lines if line["event"] == "delivery"]
    assert (refusal["hook_id"], refusal["next_step"]) == (HOOK, "run `roundsman hooks apply`")
    assert refusal["reason"] == f"this hook has no secret: Roundsman of gh/acme/web, {HOOK}"
    assert line["reason"] == f"{refusal['reason']}; {refusal['next_step']}"
    assert "gh/acme/web" not in response.text


async def test_post_of_a_hook_of_ours_with_an_old_secret_tells_to_rotate(instance: Instance) -> None:
    await instance.service.context.store.write(hooks.record, [OURS], [])

    await instance.send(naming(HOOK), secret="a-former-secret")

    [refusal] = await on_record(instance, 1)
    assert refusal["reason"].startswith("this hook signs with a secret that we do not know: Roundsman of gh/acme/web")
    assert refusal["next_step"] == "run `roundsman hooks apply --rotate`"


@pytest.mark.parametrize("hook", ["4f0a9d5c-0000-4f0a-9d5c-2c8d6f1f7a11", "' OR 1=1 --"])
async def test_unsigned_post_of_an_unknown_hook_is_told_as_unsigned(instance: Instance, hook: str) -> None:
    await instance.service.context.store.write(hooks.record, [OURS], [])

    await instance.http.post("/hooks/circleci", content=naming(hook))

    [refusal] = await on_record(instance, 1)
    assert refusal["reason"].startswith("the post is not signed")


async def test_malformed_signature_is_told_as_such(instance: Instance) -> None:
    await instance.service.context.store.write(hooks.record, [OURS], [])

    await instance.http.post("/hooks/circleci", content=naming(HOOK), headers={"circleci-signature": "v2=00"})

    [refusal] = await on_record(instance, 1)
    assert refusal["reason"].startswith("the circleci-signature header holds no v1 signature")
    assert refusal["next_step"].startswith("see that no proxy changes the header")


@pytest.mark.limits(refusals=RefusalLimits(write_every_s=0.1))
async def test_refusals_that_repeat_are_one_row_with_their_number(instance: Instance, terminal: Terminal) -> None:
    for _ in range(20):
        await instance.http.post("/hooks/circleci", content=b"{}")
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while (items := await on_record(instance, 1))[0]["count"] < 20:
            await a_moment()
    terminal.set(ROUNDSMAN_DATABASE_URL=instance.settings.database_url)
    said = await asyncio.to_thread(terminal.run, "refusals")
    page = (await instance.http.get("/")).text

    assert [item["count"] for item in items] == [20]
    assert "  the last of 20 such posts" in said.lines
    assert '<span class="line">the last of 20</span>' in page
    assert "At least 20 posts were refused" in page


@pytest.mark.limits(refusals=RefusalLimits(write_every_s=0.1))
async def test_hook_stays_known_after_a_post_that_is_not_looked_into(instance: Instance) -> None:
    await instance.send(naming(HOOK), secret="another")
    await on_record(instance, 1)
    await instance.send(b"x" * (MAX_UNSIGNED_BYTES + 1), secret="another")
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while (items := await listed(instance))[0]["count"] < 2:
            await a_moment()

    assert [(item["hook_id"], item["count"]) for item in items] == [(HOOK, 2)]


@pytest.mark.databases("sqlite", "postgres")
async def test_last_hook_that_refused_posts_named_is_on_record(work: Work) -> None:
    keeper = Refusals(work.store, RefusalLimits(write_every_s=0.001))
    unread = Refusal(at=NINE, status=401, reason="not signed", next_step="sign", address="192.0.2.1")
    for hook in ("first", None, "second", None):
        keeper.keep(replace(unread, hook_id=hook))
    pending = await all_written(keeper, work)
    await work.store.write(refusals.keep, unread)
    await work.store.write(refusals.keep, replace(unread, address="192.0.2.2"))

    kept = await work.store.read(refusals.latest)

    assert [(one.hook_id, one.count) for one in pending] == [("second", 4)]
    assert [(one.address, one.hook_id, one.count) for one in kept] == [
        ("192.0.2.2", None, 1),
        ("192.0.2.1", "second", 5),
    ]


@pytest.mark.databases("sqlite", "postgres")
async def test_hook_that_is_ours_by_now_is_not_named_by_later_refusals_of_strangers(work: Work) -> None:
    unread = Refusal(at=NINE, status=401, reason="not signed", next_step="sign", address="192.0.2.1")
    await work.store.write(refusals.keep, replace(unread, hook_id=HOOK))
    await work.store.write(hooks.record, [OURS], [])
    await work.store.write(refusals.keep, unread)

    assert await work.store.read(refusals.latest) == [replace(unread, count=2)]


@pytest.mark.long
@pytest.mark.parametrize(
    "forged",
    [
        [Refusal(at=NINE, status=401, reason="not signed", next_step="sign", address="192.0.2.1")],
        [
            Refusal(at=NINE, status=401, reason="not signed", next_step="sign", address=f"10.0.{n // 250}.{n % 250}")
            for n in range(2_000)
        ],
        [
            Refusal(at=NINE, status=404, reason=f"posted to /{n}", next_step="correct", address=f"10.9.8.{n % 200}")
            for n in range(2_000)
        ],
    ],
    ids=["one address", "many addresses", "many reasons"],
)
@pytest.mark.parametrize("is_before", [True, False])
async def test_flood_of_forged_posts_hides_no_other_refusal(
    work: Work, forged: list[Refusal], is_before: bool, is_long: bool
) -> None:
    keeper = Refusals(work.store, RefusalLimits(write_every_s=0.001))
    matters = Refusal(at=NINE, status=401, reason="this hook has no secret", next_step="apply", address="203.0.113.9")
    count = 10_000 if is_long else 200
    for number in range(count):
        if number == (0 if is_before else count // 2):
            keeper.keep(matters)
        keeper.keep(forged[number % len(forged)])
        if number % 50 == 0:
            await asyncio.sleep(0)
    kept = await all_written(keeper, work)

    assert matters in kept
    assert len(kept) <= 50


@pytest.mark.databases("sqlite", "postgres")
async def test_flood_in_the_table_displaces_itself_alone(work: Work) -> None:
    matters = Refusal(at=NINE, status=401, reason="this hook has no secret", next_step="apply", count=3)
    await work.store.write(refusals.keep, matters)
    for number in range(60):
        other = Refusal(at=NINE, status=401, reason="not signed", next_step="sign", address=f"192.0.2.{number}")
        await work.store.write(refusals.keep, other)
    await work.store.write(refusals.keep, matters)

    kept = await work.store.read(refusals.latest)

    assert len(kept) == 50
    assert kept[0] == replace(matters, count=6)
    assert [refusal.address for refusal in kept[1:]] == [f"192.0.2.{number}" for number in range(59, 10, -1)]


@pytest.mark.databases("sqlite", "postgres")
async def test_each_hook_has_one_row_whatever_its_addresses(work: Work) -> None:
    keeper = Refusals(work.store, RefusalLimits(write_every_s=0.001))
    known = [replace(OURS, id=f"hook-{number}") for number in range(15)]
    await work.store.write(hooks.record, known, [])
    for number in range(300):
        hook = known[number % 15]
        assert await keeper.find_hook(hook.id)
        reason = f"this hook has no secret: {hook.id}"
        keeper.keep(
            Refusal(
                at=NINE, status=401, reason=reason, next_step="apply", address=f"10.0.0.{number % 250}", hook_id=hook.id
            )
        )
    kept = await all_written(keeper, work)

    assert sorted(refusal.reason for refusal in kept) == sorted(f"this hook has no secret: {hook.id}" for hook in known)


async def test_hook_that_is_put_on_record_later_is_known_soon(work: Work) -> None:
    keeper = Refusals(work.store)
    assert await keeper.find_hook(HOOK) is None

    await work.store.write(hooks.record, [OURS], [])

    for _ in range(3_000):
        if await keeper.find_hook(HOOK) == OURS:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the hook is not known")


@pytest.mark.parametrize(("path", "status"), [("/", 405), ("/hooks/circle", 404), ("/webhooks?x=1", 404)])
async def test_webhook_that_is_posted_elsewhere_is_told_with_the_right_address(
    instance: Instance, path: str, status: int
) -> None:
    answer = await instance.http.post(path, content=b"{}", headers={"circleci-event-type": "workflow-completed"})

    [refusal] = await on_record(instance, 1)
    assert answer.status_code == refusal["status"] == status
    assert refusal["reason"] == f"a webhook was posted to {path.partition('?')[0]}, where no hook is"
    assert refusal["next_step"] == "correct the webhook's URL at CircleCI: it ends in /hooks/circleci"


async def test_other_posts_to_nowhere_are_no_refusals(instance: Instance) -> None:
    await instance.http.post("/wp-login.php", content=b"{}")

    assert await listed(instance) == []


@pytest.mark.databases("sqlite", "postgres")
async def test_only_the_last_fifty_stay(work: Work) -> None:
    for number in range(60):
        refusal = Refusal(at=NINE + timedelta(seconds=number), status=401, reason=f"refusal {number}")
        await work.store.write(refusals.keep, refusal)

    kept = await work.store.read(refusals.latest)
    assert [refusal.reason for refusal in kept] == [f"refusal {number}" for number in range(59, 9, -1)]


@pytest.mark.databases("sqlite", "postgres")
async def test_hook_is_known_until_it_is_gone(work: Work) -> None:
    await work.store.write(hooks.record, [OURS], [])
    await work.store.write(hooks.record, [OURS], [])
    assert await work.store.read(hooks.find_all) == [OURS]

    await work.store.write(hooks.record, [], [HOOK])
    assert await work.store.read(hooks.find_all) == []


async def test_refusals_take_no_parameters(instance: Instance) -> None:
    assert (await instance.http.get("/api/v1/refusals?limit=3")).status_code == 400


async def test_signed_posts_leave_no_refusal(instance: Instance) -> None:
    await instance.http.post("/hooks/circleci", content=b"{}", headers={"circleci-signature": signature(b"{}")})

    assert await listed(instance) == []


async def test_refusals_stay_in_sight_once_others_were_accepted(instance: Instance, terminal: Terminal) -> None:
    await instance.http.post("/hooks/circleci", content=b"{}", headers={"user-agent": "CircleCI-Webhook/1.0"})
    await on_record(instance, 1)
    await instance.finish(RED)
    await instance.drain()

    page = await instance.http.get("/dead-letters")
    terminal.set(ROUNDSMAN_DATABASE_URL=instance.settings.database_url)
    said = await asyncio.to_thread(terminal.run, "refusals")
    as_json = await asyncio.to_thread(terminal.run, "refusals", "--json")

    assert "The last posts that were refused" in page.text
    assert "the post is not signed" in page.text
    assert said.lines[-3:] == [
        "2026-03-02 09:30:00 UTC from 127.0.0.1: 401, the post is not signed, it has no circleci-signature header",
        "  give the webhook at CircleCI a secret that is in ROUNDSMAN_WEBHOOK_SECRETS",
        "  sent by CircleCI-Webhook/1.0",
    ]
    assert as_json.json["items"] == await listed(instance)


async def test_no_refusal_is_said(instance: Instance, terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_DATABASE_URL=instance.settings.database_url)

    assert (await asyncio.to_thread(terminal.run, "refusals")).out == "no post was refused\n"
    assert "were refused" not in (await instance.http.get("/dead-letters")).text
