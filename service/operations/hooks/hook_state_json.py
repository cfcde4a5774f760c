"""Findings of the looks at the hooks, as JSON for the page of health."""

from collections.abc import Mapping
from datetime import datetime

from service.model import HookState
from service.operations.json_shapes import Json, rfc3339

WELL = frozenset({"posts", "by_hand"})


def with_hook_states(hooks: Json, states: Mapping[str, HookState], most: int) -> Json:
    """Return the hooks with drift, silence and proof, the wrong ones first.

    hooks    each with its ``project``, in the short spelling
    most     the number of them to return
    """
    items = [{**one, **_facts(states.get(one["project"]))} for one in hooks["items"]]
    named = {one["project"] for one in items}
    items += [_alone(state) for project, state in states.items() if project not in named]
    for one in items:
        one["is_well"] = one["state"] in WELL and not (one["drift"] or one["silence"])
    items.sort(key=lambda one: not (one["drift"] or one["silence"]))
    return {"items": items[:most], "left_out": max(len(items) - most, 0)}


def _alone(state: HookState) -> Json:
    """Return a project that neither runs nor commands tell of."""
    own: Json = {"project": state.project, "state": "silent", "hooks": [], "seen_at": None, "last_run_at": None}
    return {**own, **_facts(state)}


def _facts(state: HookState | None) -> Json:
    if state is None:
        times = dict.fromkeys(("applied_at", "confirmed_at", "compared_at"))
        return {"drift": None, "silence": None, "waits_for_delivery": False, **times}
    return {
        "drift": state.drift,
        "silence": state.silence,
        "waits_for_delivery": state.is_waiting,
        "applied_at": _time(state.applied_at),
        "confirmed_at": _time(state.confirmed_at),
        "compared_at": _time(state.looked_at),
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
