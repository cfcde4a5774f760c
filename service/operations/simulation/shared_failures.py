"""Find the red runs of a history that may share a cause with other projects.

Most red runs share theirs with none: those are played many at a time, and what CircleCI said of them is not recorded.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from service.model import Color, EventKind, color_of
from service.pipeline.judgment.record_tests import common_fingerprint, observed_failures, run_remark
from service.pipeline.plans import PendingDecision
from service.routing.shared_cause import MIN_PROJECTS, WITHIN

MAX_DISORDER = timedelta(minutes=10)  # of posts, beside the ends of their runs
_GUARDED = ""  # no fingerprint: nearly all tests failed, or a job timed out


@dataclass(frozen=True, kw_only=True)
class _Red:
    at: datetime
    project: str
    post: PendingDecision


@dataclass(kw_only=True)
class SharedFailures:
    """The red runs of the last half hour of a history, by their failure.

    They go beyond a page of it: a cause may be shared by runs of two.
    """

    _reds: dict[str, list[_Red]] = field(default_factory=lambda: defaultdict(list))

    def find(self, posts: Sequence[PendingDecision]) -> dict[UUID, PendingDecision]:
        """Return those that share a failure with two other projects, by their events.

        Among them are posts of pages before, which were played already.
        """
        for post in posts:
            for failure in _failures(post):
                event = post.event
                at = event.workflow.stopped_at or event.happened_at
                project = event.project.id or event.project.slug or ""
                self._reds[failure].append(_Red(at=at, project=project, post=post))
        found = {red.post.event.id: red.post for reds in self._reds.values() for red in _shared(reds)}
        if posts:
            self._forget(posts[-1].event.received_at - WITHIN - MAX_DISORDER)
        return found

    def _forget(self, before: datetime) -> None:
        kept = {failure: [red for red in reds if red.at >= before] for failure, reds in self._reds.items()}
        self._reds = defaultdict(list, {failure: reds for failure, reds in kept.items() if reds})


def _failures(post: PendingDecision) -> Iterator[str]:
    """Yield what a red run may share with others."""
    event, details = post.event, post.details
    if event.kind is not EventKind.WORKFLOW_COMPLETED or color_of(event.status) is not Color.RED or not details:
        return
    if fingerprint := common_fingerprint(list(observed_failures(details))):
        yield fingerprint
    if run_remark(details) is not None:
        yield _GUARDED


def _shared(reds: Sequence[_Red]) -> Iterator[_Red]:
    """Yield those that stopped within half an hour with those of two other projects."""
    ordered = sorted(reds, key=lambda red: red.at)
    projects: Counter[str] = Counter()
    begin = told = 0
    for end, red in enumerate(ordered, start=1):
        projects[red.project] += 1
        while red.at - ordered[begin].at > WITHIN:
            projects[ordered[begin].project] -= 1
            begin += 1
        if len(+projects) >= MIN_PROJECTS:
            yield from ordered[max(begin, told) : end]
            told = end
