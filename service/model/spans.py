"""Spans: what CircleCI's OpenTelemetry exporter says of pipelines and their parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

WEBHOOK_WAIT = timedelta(minutes=10)
"""The time after a span within which the webhook of its workflow should have come."""

UNEXPLAINED_WINDOW = timedelta(days=1)
"""The time for which a workflow without a webhook is counted and shown."""

Fact = str | int | float | bool


class SpanLevel(StrEnum):
    """The part of a pipeline that a span is about.

    TASK is one parallel execution of a job.
    """

    PIPELINE = "pipeline"
    WORKFLOW = "workflow"
    JOB = "job"
    TASK = "task"
    STEP = "step"


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span of CircleCI's, with what we keep of it.

    status     CircleCI's own word, such as ``failed``
    result     the word of OpenTelemetry, such as ``failure``
    ended_at   None while its part runs, if such a span is sent at all
    facts      the attributes that we read, under our names
    """

    level: SpanLevel
    org_id: str | None
    project_id: str | None
    pipeline_id: UUID
    workflow_id: UUID | None
    job_id: UUID | None
    task_index: int | None
    span_id: str
    name: str
    status: str | None
    result: str | None
    started_at: datetime | None
    ended_at: datetime | None
    facts: Mapping[str, Fact]

    @property
    def id(self) -> UUID:
        """Return the id of the part that the span is about.

        A later span of it has the same. Of steps only the span's own id tells two of a name apart.
        """
        parts: tuple[object, ...] = (self.pipeline_id,)
        match self.level:
            case SpanLevel.WORKFLOW:
                parts = (self.workflow_id,)
            case SpanLevel.JOB:
                parts = (self.job_id,)
            case SpanLevel.TASK:
                parts = (self.job_id, self.task_index)
            case SpanLevel.STEP:
                parts = (self.job_id, self.task_index, self.span_id)
        written = "/".join(map(str, (self.level, *parts)))
        return UUID(bytes=blake2b(written.encode(), digest_size=16).digest())


@dataclass(frozen=True, kw_only=True)
class UnexplainedRun:
    """A workflow that ended by a span, and of which no webhook has told.

    project_slug, project_name   as the webhooks of its project have them; None: there was none
    received_at                  when its first span came
    """

    workflow_id: UUID
    pipeline_id: UUID
    project_id: str | None
    project_slug: str | None
    project_name: str | None
    name: str
    status: str | None
    started_at: datetime | None
    ended_at: datetime
    received_at: datetime
    facts: Mapping[str, Fact]
