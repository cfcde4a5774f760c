"""Alarms about hooks: drift, and silent projects.

An alarm is of one project. When many begin at once, as after a change of our address, one alarm is about all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.db.tables import Transaction
from service.model import AlarmKind, HookState
from service.operations.hooks.hook_drift import remedy_of
from service.pipeline.alarms.own_alarms import AlarmLook, make_alarm, settle_alarms
from service.pipeline.context import Context
from service.pipeline.reconciling.reconciled_projects import follow_hooked
from service.store.circleci import hook_states
from service.store.upkeep import alarms

MAX_NEW = 5  # alarms of one kind that a look begins; of more there is one about all
KINDS = frozenset({AlarmKind.HOOK_DRIFT, AlarmKind.HOOK_SILENT})
IF_NOT_MEANT = "If it was not meant so"
UNREAD, MANY = "unread", "many"


@dataclass(kw_only=True)
class Look:
    """The findings of one look, by project.

    ids   the projects that have a hook of ours, by their ids
    """

    ids: dict[str, str] = field(default_factory=dict)
    states: dict[str, HookState] = field(default_factory=dict)
    drift: dict[str, str] = field(default_factory=dict)
    silence: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def settle_look(transaction: Transaction, context: Context, found: Look, now: datetime) -> None:
    """Record the states, and begin and end the alarms."""
    hook_states.record(transaction, found.states.values())
    follow_hooked(transaction, context.projects, found.ids, now)
    look = AlarmLook(kinds=KINDS)
    open_ = {alarm.key for alarm in alarms.find_all(transaction) if alarm.kind in KINDS}
    for kind in (AlarmKind.HOOK_DRIFT, AlarmKind.HOOK_SILENT):
        look.unknown |= {f"{kind}:{project}" for project in found.unknown}
    drift = {project: _drift_sentence(project, words) for project, words in found.drift.items()}
    _add(look, AlarmKind.HOOK_DRIFT, drift, open_=open_, now=now)
    silence = {project: f"{project} {words}." for project, words in found.silence.items()}
    _add(look, AlarmKind.HOOK_SILENT, silence, open_=open_, now=now)
    if found.refused:
        names = _names(list(found.refused))
        first = next(iter(found.refused.values()))
        words = f"The hooks of {names} could not be compared with roundsman.yaml: {first}."
        look.add(make_alarm(AlarmKind.HOOK_DRIFT, words, now, about=UNREAD))
    settle_alarms(transaction, context, look, now)


def _drift_sentence(project: str, words: str) -> str:
    remedy = remedy_of(words)
    return f"{project}: {words}. {IF_NOT_MEANT}: {remedy}." if remedy else f"{project}: {words}."


def has_mended(transaction: Transaction) -> bool:
    """Return True if a command set a hook right whose drift an alarm is about."""
    open_ = [alarm for alarm in alarms.find_all(transaction) if alarm.kind is AlarmKind.HOOK_DRIFT]
    states = hook_states.find_all(transaction) if open_ else {}
    right = {project: one.looked_at for project, one in states.items() if one.drift is None and one.looked_at}
    for alarm in open_:
        about = alarm.key.removeprefix(f"{alarm.kind}:")
        looks = list(right.values()) if about == MANY else [at for project, at in right.items() if project == about]
        if any(at > alarm.seen_at for at in looks):
            return True
    return False


def _add(look: AlarmLook, kind: AlarmKind, sentences: Mapping[str, str], *, open_: set[str], now: datetime) -> None:
    """Add an alarm for each project; of many new ones at once there is one about all."""
    many = f"{kind}:{MANY}"
    new = [project for project in sentences if f"{kind}:{project}" not in open_]
    is_many = len(new) > MAX_NEW or (many in open_ and bool(new))
    for project, sentence in sentences.items():
        if not (is_many and project in new):
            look.add(make_alarm(kind, sentence, now, about=project))
    if is_many:
        words = f"{len(new)} projects: {_names(new)}. The first: {sentences[new[0]]} The page /health has all."
        look.add(make_alarm(kind, words, now, about=MANY))


def _names(projects: Sequence[str]) -> str:
    more = f" and {len(projects) - MAX_NEW} more" if len(projects) > MAX_NEW else ""
    return f"{', '.join(projects[:MAX_NEW])}{more}"
