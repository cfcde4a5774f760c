"""Runs that infrastructure broke, and no change of theirs: by facts alone. Pure."""

import re

from service.model import DetailKind, Details, JobReport

FAILED = frozenset({"failed", "timedout", "infrastructure_fail"})
_SET_UP_STEP = re.compile(
    r"spin(?:ning)? up\b|check(?:ing )?out(?: code)?$|restor(?:e|ing)[ _]cache\b|docker pull\b|pull(?:ing)? images?\b",
    re.IGNORECASE,
)


def is_infrastructure(details: Details) -> bool:
    """Return whether infrastructure broke each failed job of a run.

    Its status says so; a step of its set-up failed; or it failed without a step that ended with an exit code of its
    own, which is known only of jobs whose steps were read. A job that timed out says nothing of its cause.
    """
    failed = [job for job in details.jobs or () if job.status in FAILED]
    asked = details.wanted & {DetailKind.LOG, DetailKind.STEPS}
    has_steps = bool(asked - {one.want for one in details.missing})
    return bool(failed) and all(_is_broken(job, has_steps=has_steps) for job in failed)


def _is_broken(job: JobReport, *, has_steps: bool) -> bool:
    if job.status != "failed" or job.tests is not None:  # tests that ran failed by themselves
        return job.status == "infrastructure_fail"
    if job.step is None:
        return has_steps
    return bool(_SET_UP_STEP.match(job.step.name.strip())) or not job.step.exit_code
