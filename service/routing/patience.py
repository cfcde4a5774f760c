"""The time for which news of a red run wait for its rerun. Pure.

CircleCI can rerun a failed workflow by itself. While such a rerun is to be expected, the news of a red run wait for it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from service.model import Event, Run

MIN_WAIT, MAX_WAIT = timedelta(minutes=5), timedelta(minutes=30)
MARGIN = timedelta(minutes=2)  # for a rerun to begin, and for its end to reach us
MAX_WAITS = 3  # in all, however many automatic reruns there are


def may_be_rerun(event: Event) -> bool:
    """Return whether CircleCI may rerun a workflow by itself.

    It reruns what is exactly ``failed``, while automatic reruns are left. Without these facts it is not expected to.
    """
    facts = event.workflow
    if event.status != "failed" or facts.max_auto_reruns is None:
        return False
    return (facts.auto_rerun_number or 0) < facts.max_auto_reruns


def is_manual_rerun(event: Event, run: Run, siblings: Iterable[Run]) -> bool:
    """Return whether a person reran a workflow: CircleCI does not rerun that.

    siblings   the runs of the same workflow in the same pipeline

    A manual rerun bears no number, and began after another run of its pipeline had ended.
    """
    if event.workflow.auto_rerun_number:
        return False
    others = (one for one in siblings if one.id != run.id and one.setup_color is None)
    return any(one.stopped_at < run.created_at for one in others)


def default_wait(usual: timedelta | None) -> timedelta:
    """Return the time to wait for a rerun, by the usual duration of a workflow."""
    return min(max((usual or MAX_WAIT) + MARGIN, MIN_WAIT), MAX_WAIT)


def wait_ends_at(*, ended_at: datetime, first_red_at: datetime, wait: timedelta) -> datetime:
    """Return the time at which a red run is told, unless a rerun ends before.

    ended_at       the end of the newest red run
    first_red_at   the end of the first red run that is not told yet
    """
    return min(ended_at + wait, first_red_at + MAX_WAITS * wait)
