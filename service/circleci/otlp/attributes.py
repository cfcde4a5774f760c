"""Turn the attributes of CircleCI's spans into our own words.

Source: CircleCI docs, "OpenTelemetry integration" (read 2026-11-27). It names no types: ids, numbers and flags are
read from texts too. The command line of a step may hold secrets: it is never read.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.circleci.otlp.raw_span import MAX_NAME_CHARACTERS, RawSpan, Value
from service.model import Fact, Span, SpanLevel
from service.text import clean

C = "com.circleci"
MAX_TEXT_CHARACTERS = 400
MAX_NUMBER = 2**63 - 1
FLAGS = {"true": True, "false": False}
DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
MAX_TASK_INDEX = 100_000
EARLIEST = datetime(2011, 1, 1, tzinfo=UTC)  # CircleCI's first year
MAX_AHEAD = timedelta(days=1)  # of a span's times, before our clock

FACT_KINDS: Mapping[str, type] = {
    "pull_request_number": int,
    "pull_request_title": str,
    "pipeline_number": int,
    "workflow_name": str,
    "is_setup": bool,
    "is_rerun": bool,
    "rerun_type": str,
    "branch": str,
    "repository": str,
    "revision": str,
    "job_name": str,
    "job_number": int,
    "job_type": str,
    "error_type": str,
    "exit_code": int,
    "is_background": bool,
    "is_insignificant": bool,
    "auto_rerun_number": int,
    "max_auto_reruns": int,
    "resource_class": str,
    "executor": str,
    "image": str,
    "cpu": float,
    "ram_mb": float,
    "cpu_mean": float,
    "cpu_max": float,
    "cpu_p90": float,
    "memory_mean_bytes": int,
    "memory_max_bytes": int,
    "memory_p90_bytes": int,
    "bytes_received": int,
    "bytes_sent": int,
    "step_type": str,
}
"""The facts that are kept of a span, and their types."""

FACTS: Mapping[str, str] = {
    "vcs.change.id": "pull_request_number",
    "vcs.change.title": "pull_request_title",
    "vcs.ref.head.name": "branch",
    "vcs.ref.head.revision": "revision",
    "vcs.repository.name": "repository",
    "error.type": "error_type",
    f"{C}.pipeline.number": "pipeline_number",
    f"{C}.workflow.setup": "is_setup",
    f"{C}.workflow.rerun": "is_rerun",
    f"{C}.workflow.rerun.type": "rerun_type",
    f"{C}.job.name": "job_name",
    f"{C}.job.number": "job_number",
    f"{C}.job.type": "job_type",
    f"{C}.step.exit_code": "exit_code",
    f"{C}.step.background": "is_background",
    f"{C}.step.insignificant": "is_insignificant",
    f"{C}.step.auto_rerun_number": "auto_rerun_number",
    f"{C}.step.max_auto_reruns": "max_auto_reruns",
    f"{C}.resource.class": "resource_class",
    f"{C}.resource.executor": "executor",
    f"{C}.resource.image": "image",
    f"{C}.resource.cpu": "cpu",
    f"{C}.resource.ram": "ram_mb",
    f"{C}.resource.usage.cpu.mean": "cpu_mean",
    f"{C}.resource.usage.cpu.max": "cpu_max",
    f"{C}.resource.usage.cpu.p90": "cpu_p90",
    f"{C}.resource.usage.memory.mean": "memory_mean_bytes",
    f"{C}.resource.usage.memory.max": "memory_max_bytes",
    f"{C}.resource.usage.memory.p90": "memory_p90_bytes",
    f"{C}.resource.usage.network.bytes_received": "bytes_received",
    f"{C}.resource.usage.network.bytes_sent": "bytes_sent",
}

NAMES: Mapping[SpanLevel, str] = {SpanLevel.WORKFLOW: "cicd.pipeline.name", SpanLevel.JOB: f"{C}.job.name"}
"""The attributes with the names of parts: the name of a span itself has a word before it."""

STATUSES: Mapping[SpanLevel, tuple[str, str]] = {
    SpanLevel.PIPELINE: ("", ""),
    SpanLevel.WORKFLOW: (f"{C}.workflow.status", "cicd.pipeline.result"),
    SpanLevel.JOB: (f"{C}.job.status", "cicd.pipeline.task.run.result"),
    SpanLevel.TASK: (f"{C}.task.result", "cicd.pipeline.task.run.result"),
    SpanLevel.STEP: ("", "cicd.pipeline.task.run.result"),
}
"""The attributes with CircleCI's word and OpenTelemetry's, by level."""

STEP_MARKS = (f"{C}.step.parallel", *(name for name in FACTS if name.startswith(f"{C}.step.")))
IDS = tuple(f"{C}.{name}.id" for name in ("org", "project", "pipeline", "workflow", "job"))
READ = frozenset(
    {
        *FACTS,
        *NAMES.values(),
        *IDS,
        *STEP_MARKS,
        *(name for names in STATUSES.values() for name in names if name),
        f"{C}.task.index",
        "cicd.pipeline.task.name",
        "cicd.pipeline.task.type",
    }
)
"""The names of all attributes that are read."""


class NotOurs(Exception):
    """A span that is not kept, with the reason."""


def to_span(raw: RawSpan, now: datetime) -> Span:
    """Return a span in our words. Raises NotOurs."""
    given = raw.attributes
    level = _level(given)
    if level is None:
        raise NotOurs("are none of a CircleCI pipeline")
    status, result = STATUSES[level]
    return Span(
        level=level,
        org_id=_text(given.get(f"{C}.org.id")),
        project_id=_text(given.get(f"{C}.project.id")),
        pipeline_id=_id(given, "pipeline"),
        workflow_id=None if level is SpanLevel.PIPELINE else _id(given, "workflow"),
        job_id=None if level in {SpanLevel.PIPELINE, SpanLevel.WORKFLOW} else _id(given, "job"),
        task_index=_task_index(given, level),
        span_id=raw.span_id.hex(),
        name=_name(raw, level),
        status=_text(given.get(status)),
        result=_text(given.get(result)),
        started_at=_time(raw.begin_ns, now),
        ended_at=_time(raw.end_ns, now),
        facts=_facts(given, level),
    )


def _level(given: Mapping[str, Value]) -> SpanLevel | None:
    """Return the level by the keys that are there.

    A name may read as that of another level.
    """
    if any(name in given for name in STEP_MARKS):
        return SpanLevel.STEP
    if f"{C}.task.index" in given:
        return SpanLevel.TASK
    return next(
        (level for level in (SpanLevel.JOB, SpanLevel.WORKFLOW, SpanLevel.PIPELINE) if f"{C}.{level}.id" in given), None
    )


def _id(given: Mapping[str, Value], part: str) -> UUID:
    written = given.get(f"{C}.{part}.id")
    try:
        return UUID(written if isinstance(written, str) else "")
    except ValueError as error:
        raise NotOurs(f"have no {C}.{part}.id that is a UUID") from error


def _task_index(given: Mapping[str, Value], level: SpanLevel) -> int | None:
    if level not in {SpanLevel.TASK, SpanLevel.STEP}:
        return None
    index = _number(given.get(f"{C}.task.index"))
    if index is None and level is SpanLevel.STEP:
        return 0
    if index is None or not 0 <= index <= MAX_TASK_INDEX:
        raise NotOurs(f"have no {C}.task.index that counts an execution")
    return index


def _name(raw: RawSpan, level: SpanLevel) -> str:
    """Return the name of a part.

    That is an attribute's, else the span's own without its first word.
    """
    attribute = NAMES.get(level, "cicd.pipeline.task.name")
    if level is not SpanLevel.PIPELINE and (name := _text(raw.attributes.get(attribute))):
        return name[:MAX_NAME_CHARACTERS]
    return clean(raw.name.removeprefix(f"{level.capitalize()}: "))


def _time(nanoseconds: int, now: datetime) -> datetime | None:
    if nanoseconds == 0:
        return None
    try:
        time = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotOurs("have a time that is none") from error
    if not EARLIEST <= time <= now + MAX_AHEAD:
        raise NotOurs("have a time before CircleCI's first year or after tomorrow")
    return time


def _facts(given: Mapping[str, Value], level: SpanLevel) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name, fact in FACTS.items():
        value = _of_kind(given.get(name), FACT_KINDS[fact])
        if value is not None:
            facts[fact] = value
    if level is not SpanLevel.PIPELINE and (workflow := _text(given.get("cicd.pipeline.name"))):
        facts["workflow_name"] = workflow
    if level is SpanLevel.STEP and (kind := _text(given.get("cicd.pipeline.task.type"))):
        facts["step_type"] = kind
    return facts


def _of_kind(value: Value | None, kind: type) -> Fact | None:
    """Return a value as the type of its fact; None where it has another one."""
    if kind is str:
        return _text(value)
    if kind is bool:
        return FLAGS.get(value.lower()) if isinstance(value, str) else value if isinstance(value, bool) else None
    if kind is int:
        return _number(value)
    if isinstance(value, str):
        value = float(value) if DECIMAL.fullmatch(value) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) <= MAX_NUMBER and math.isfinite(value) else None  # type: ignore[arg-type]


def _number(value: Value | None) -> int | None:
    """Return a whole number, which may stand as a text; None for others."""
    if isinstance(value, str):
        value = int(value) if len(value) <= len(str(MAX_NUMBER)) and value.isascii() and value.isdecimal() else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) <= MAX_NUMBER else None  # type: ignore[arg-type]


def _text(value: Value | None) -> str | None:
    """Return a text, as long as we keep it; None for other types and for an empty one."""
    return clean(value[:MAX_TEXT_CHARACTERS]) or None if isinstance(value, str) else None
