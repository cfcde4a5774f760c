"""The limits of the service's parts, handed in where it is built."""

from dataclasses import dataclass, field

from service.db.transactions import MAX_WAIT_S
from service.health import CheckLimits
from service.pipeline.context import BatchLimits
from service.pipeline.receive import GroupCommitter, IntakeLimits
from service.pipeline.refusals import RefusalLimits
from service.pipeline.worker import WorkerLimits
from service.web.live.changes import LiveLimits
from service.web.pages.context import PageLimits
from service.web.request_body import BodyLimits


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of every part; those of settings are in ``Settings``.

    transaction_wait_s   for a transaction to begin
    committer            the class that stores deliveries; a benchmark hands in one that stores none
    """

    transaction_wait_s: float = MAX_WAIT_S
    bodies: BodyLimits = field(default_factory=BodyLimits)
    refusals: RefusalLimits = field(default_factory=RefusalLimits)
    checks: CheckLimits = field(default_factory=CheckLimits)
    intake: IntakeLimits = field(default_factory=IntakeLimits)
    batches: BatchLimits = field(default_factory=BatchLimits)
    worker: WorkerLimits = field(default_factory=WorkerLimits)
    pages: PageLimits = field(default_factory=PageLimits)
    live: LiveLimits = field(default_factory=LiveLimits)
    committer: type[GroupCommitter] = GroupCommitter
