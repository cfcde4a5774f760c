"""The service in a process of its own, put together otherwise: ``python -m tests.bench.door FORM``.

``nothing``    verifies and answers, and stores nothing: the same app, against which intake is measured
``receive``    stores, and has no worker: a backlog grows, on SQLite too
``freely``     stores, and its worker does not give way to posts
"""

import asyncio
import os
import sys

from service.app.limits import Limits
from service.app.service import build
from service.config.configuration import load
from service.logs import configure_logs
from service.model import Delivery
from service.pipeline.receive import GroupCommitter, IntakeLimits, StoredDelivery
from service.web.server.server import listen, run, serving


class Forgetful(GroupCommitter):
    """A committer that answers as if it had stored."""

    async def keep(self, delivery: Delivery) -> StoredDelivery:
        return StoredDelivery(id=delivery.id, is_duplicate=False)


FORMS = {
    "nothing": Limits(committer=Forgetful),
    "receive": Limits(),
    "freely": Limits(intake=IntakeLimits(worker_share=1)),
}


async def serve(form: str) -> None:
    """Serve in this form until the process is ended."""
    config = load(os.environ)
    service = build(config, limits=FORMS[form])
    life = service.running() if form == "freely" else service.open()
    async with life, serving(service.asgi, listen(config.settings.host, config.settings.port)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logs()
    run(serve(sys.argv[1]))
