"""A flood of forged posts from many addresses hides no hook of ours that has no secret."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.db.database import Store
from service.model import KnownHook
from service.store.circleci import hooks
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.web.request_body import BodyLimits
from service.web.server.server import listen, serving
from tests.support.app_fixture import NINE, RED, RED_TO_WEB, Instance, environ, signature
from tests.support.databases import database_of
from tests.support.log_capture import logged
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.processes import ENDS_WITHIN_S, Served, serve, until

OURS = [
    KnownHook(id=str(uuid4()), project=f"gh/acme/{project}", name="Roundsman", seen_at=NINE)
    for project in ("web", "api")
]
LIKE_CIRCLECI = {"user-agent": "CircleCI-Webhook/1.0", "circleci-event-type": "workflow-completed"}


def naming(hook_id: str) -> bytes:
    """A webhook as CircleCI sends it, of this hook."""
    payload = json.loads(as_bytes(workflow_completed(RED)))
    return json.dumps({**payload, "webhook": {"id": hook_id, "name": "Roundsman"}}).encode()


def forged(number: int) -> dict[str, Any]:
    """The arguments of a post that is not CircleCI's, though it looks so; each from another address."""
    claims: list[dict[str, str]] = [
        {},
        {"circleci-signature": signature(b"another body")},
        {"circleci-signature": "v2=0"},
    ]
    headers = (
        LIKE_CIRCLECI | claims[number % 3] | {"x-forwarded-for": f"10.{number % 7}.{number // 250}.{number % 250}"}
    )
    return {"content": naming(str(uuid4())), "headers": headers}


def of_ours(hook: KnownHook) -> dict[str, Any]:
    return {"content": naming(hook.id), "headers": LIKE_CIRCLECI | {"x-forwarded-for": "203.0.113.9"}}


def sentence(hook: KnownHook) -> str:
    return f"this hook has no secret: Roundsman of {hook.project}, {hook.id}"


@pytest.mark.long
@pytest.mark.limits(bodies=BodyLimits(unsigned_timeout_s=ENDS_WITHIN_S))
async def test_hook_without_a_secret_is_told_amid_a_flood(instance: Instance) -> None:
    await instance.service.context.store.write(hooks.record, OURS, [])
    with logged() as talk:
        async with (
            serving(instance.service.asgi, listen("127.0.0.1", 0)) as url,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            for number in range(120):
                given = of_ours(OURS[number // 40 % 2]) if number % 40 == 39 else forged(number)
                assert (await http.post(f"{url}/hooks/circleci", **given)).status_code == 401

    said = [line["reason"] for line in talk.lines if line["event"] == "delivery"]
    steps = "; run `roundsman hooks apply`"
    assert [reason for reason in said if reason.startswith("this hook")] == [
        sentence(OURS[0]) + steps,
        sentence(OURS[1]) + steps,
        sentence(OURS[0]) + steps,
    ]


@contextmanager
def flooded(served: Served, per_second: int) -> Iterator[list[int]]:
    """Posts forged ones at this pace, until the block ends; their statuses so far."""
    is_over = threading.Event()
    statuses: list[int] = []

    def post(first: int) -> None:
        with httpx.Client(trust_env=False, timeout=ENDS_WITHIN_S) as http:
            for number in range(first, 100_000, 8):
                if is_over.wait(8 / per_second):
                    return
                statuses.append(http.post(f"{served.address}/hooks/circleci", **forged(number)).status_code)

    threads = [threading.Thread(target=post, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.mark.long
@pytest.mark.parametrize("per_second", [50, 200])
def test_hook_without_a_secret_is_told_by_a_process_amid_a_flood(tmp_path: Path, per_second: int) -> None:
    with serve(tmp_path, environ(tmp_path, RED_TO_WEB)) as served:
        asyncio.run(put_on_record(tmp_path))
        reader = threading.Thread(target=lambda: served.log.extend(map(json.loads, served.process.stderr or ())))
        reader.start()
        with flooded(served, per_second) as statuses, httpx.Client(trust_env=False, timeout=ENDS_WITHIN_S) as http:
            until(lambda: len(statuses) > per_second)
            for hook in OURS:
                assert post_at_once(served.address, **of_ours(hook)).startswith(b"HTTP/1.1 401")
            until(lambda: len(statuses) > 3 * per_second)
            until(lambda: len(refusals_of_ours(http, served)) == len(OURS))
            kept = refusals_of_ours(http, served)
        served.process.terminate()
        reader.join(ENDS_WITHIN_S)

    assert set(statuses) == {401}
    assert [refusal["reason"] for refusal in kept] == [sentence(hook) for hook in reversed(OURS)]
    said = [
        line["reason"] for line in served.log if line["event"] == "delivery" and line["reason"].startswith("this hook")
    ]
    assert said == [f"{sentence(hook)}; run `roundsman hooks apply`" for hook in OURS]


def post_at_once(address: str, content: bytes, headers: dict[str, str]) -> bytes:
    """Post with head and body in one piece, as a proxy does; the answer."""
    lines = {**headers, "host": "x", "connection": "close", "content-length": str(len(content))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port), timeout=ENDS_WITHIN_S) as wire, wire.makefile("rb") as answer:
        wire.sendall(f"POST /hooks/circleci HTTP/1.1\r\n{head}\r\n".encode() + content)
        return answer.read()


def refusals_of_ours(http: httpx.Client, served: Served) -> list[Any]:
    """The last refusals that name a hook of ours."""
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    items = http.get(f"{served.address}/api/v1/refusals", headers=headers).json()["items"]
    assert len(items) <= 50
    return [item for item in items if item["reason"].startswith("this hook has no secret")]


async def put_on_record(folder: Path) -> None:
    """Write our hooks into the table, as ``roundsman hooks apply`` does beside a running service."""
    store = Store(database_of(folder).url)
    await store.write(hooks.record, OURS, [])
    await store.close()
