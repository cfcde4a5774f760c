"""Projects that build while their hook is silent, with the reason if it is known.

A build is known by a run that was found by asking, because no delivery came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.circleci.circleci import CircleCI
from service.model import HookState
from service.operations.hooks.hook_drift import remedy_of

LATE_AFTER = timedelta(minutes=30)  # a delivery comes within seconds; CircleCI repeats one that failed
UNKNOWN = "CircleCI posts nothing that arrives here: Test Ping Event in the project's settings shows at once"


@dataclass(frozen=True, kw_only=True)
class SilenceFacts:
    """The facts on record of builds and deliveries.

    history   slugs of projects that posted here, or whose hooks are known
    posted    the last delivery of each project, by the short spelling of its slug
    asked     the end of the last run of each that was found by asking
    refused   the reason why posts of a hook were refused, by the hook's id
    """

    now: datetime
    history: Sequence[str] = ()
    posted: Mapping[str, datetime] = field(default_factory=dict)
    asked: Mapping[str, datetime] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


async def find_silence(source: CircleCI, state: HookState, facts: SilenceFacts) -> str | None:
    """Return why a hook is silent though its project builds, after the project's name.

    None if it is not silent. Raises Temporary or Permanent.
    """
    built_at = facts.asked.get(state.project)
    posted_at = facts.posted.get(state.project)
    if built_at is None or facts.now - built_at < LATE_AFTER or (posted_at and posted_at >= built_at):
        return None
    since = f"since {posted_at:%Y-%m-%d %H:%M} UTC" if posted_at else "as long as is on record"
    return (
        f"builds (a workflow ended at {built_at:%Y-%m-%d %H:%M} UTC), and its hook has been silent {since}: "
        f"{_reason(state, facts)}"
    )


def _reason(state: HookState, facts: SilenceFacts) -> str:
    if refused := facts.refused.get(state.hook_id or ""):
        return f"its posts are refused, since {refused}; `roundsman hooks apply` mends it, with --rotate for a secret"
    return "; ".join(filter(None, (state.drift, remedy_of(state.drift)))) if state.drift else UNKNOWN
