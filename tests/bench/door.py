"""The service in a process of its own, as ``python -m tests.bench.door LINE [--work]``, configured by the environment.

``together``   the door as it is: who waits together is committed together
``alone``      one commit for each post
``nothing``    verifies and answers, and stores nothing: what the others are measured against

``--work``     the worker shares the process, as in `roundsman serve`
"""

import asyncio
import os
import sys
from contextlib import nullcontext
from unittest.mock import patch

from service.app.service import build
from service.config.configuration import load
from service.logs import configure_logs
from service.model import Delivery
from service.pipeline.receive import GroupCommitter, PendingDelivery, StoredDelivery
from service.web.server.server import listen, run, serving
from tests.bench.cores import stay_on


async def keep_nothing(_committer: GroupCommitter, delivery: Delivery) -> StoredDelivery:
    return StoredDelivery(id=delivery.id, is_duplicate=False)


async def keep_alone(committer: GroupCommitter, delivery: Delivery) -> StoredDelivery:
    [kept] = await committer._write_batch([PendingDelivery(delivery=delivery, kept=asyncio.Future())])
    return kept


WAYS = {"together": None, "alone": keep_alone, "nothing": keep_nothing}


async def serve(*, works: bool) -> None:
    config = load(os.environ)
    service = build(config)
    life = service.running() if works else service.open()
    async with life, serving(service.asgi, listen(config.settings.host, config.settings.port)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    stay_on("ours")
    configure_logs()
    keep = WAYS[sys.argv[1]]
    with patch.object(GroupCommitter, "keep", keep) if keep else nullcontext():
        run(serve(works="--work" in sys.argv))
