"""The page of health: the service, webhooks, CircleCI, channels, hooks, routes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from service.config.configuration import Config
from service.db.tables import Transaction
from service.model import HookSpec, KnownHook, Receiver, Refusal, Route, Verdict, slug_spellings
from service.operations.hooks.hook_state_json import with_hook_states
from service.operations.json_shapes import Json, coverage_json, gaps_json, refusal_json, rfc3339
from service.queue import lane_heads
from service.queue.base import WORKER_ALIVE_WITHIN
from service.routing.flakes import RATE_AGE
from service.store.audit import seals
from service.store.circleci import hook_states, hooks
from service.store.circleci.webhook_gaps import read_gaps
from service.store.deliveries import dead_counts, deliveries, refusals
from service.store.events import fetches
from service.store.reports import health_rows
from service.store.runs import project_names
from service.store.test_history.test_coverage import coverage_of
from service.store.test_history.test_list import TestFilter
from service.store.upkeep import alarms

DAY = timedelta(days=1)
ROUTES_SINCE = timedelta(days=30)
SILENT_AFTER = timedelta(days=30)
REACHED = frozenset(Verdict) - {Verdict.NOT_MATCHED, Verdict.PRECEDED}
MAX_CHANNELS = 200
MAX_HOOKS = 150


@dataclass(frozen=True, kw_only=True)
class HealthSetting:
    """The parts of the configuration that the page is about."""

    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    routes: Sequence[Route] = ()
    hooks: Sequence[HookSpec] = ()
    keep_days: int | None = None
    has_token: bool = False
    token_expires: date | None = None


def read_setting(config: Config) -> HealthSetting:
    """Return the parts of a configuration that the page is about."""
    return HealthSetting(
        receivers=config.receivers,
        routes=config.routes,
        hooks=config.hooks,
        keep_days=config.settings.keep_days,
        has_token=config.settings.circleci_token is not None,
        token_expires=config.settings.circleci_token_ends,
    )


def read_health(transaction: Transaction, setting: HealthSetting, now: datetime) -> Json:
    """Return what the rows say of Roundsman's health.

    What a process knows beside them, such as whether CircleCI takes its token, is added by its surface.
    """
    known, refused = hooks.find_all(transaction), refusals.latest(transaction)
    accepted = health_rows.last_accepted(transaction)
    hooked = with_hook_states(
        _hooks(health_rows.last_runs(transaction), setting.hooks, (known, refused), now),
        hook_states.find_all(transaction),
        MAX_HOOKS,
    )
    return {
        "as_of": rfc3339(now),
        "service": _service(transaction, setting, now),
        "alarms": [
            {"sentence": one.sentence, "begun_at": rfc3339(one.begun_at)} for one in alarms.find_all(transaction)
        ],
        "webhooks": {
            "last_accepted_at": _time(accepted),
            "refusals": [refusal_json(one) for one in refused],
            "is_refusal_recent": is_worrying(refused, known, accepted, now),
            "gaps": gaps_json(read_gaps(transaction, now)),
        },
        "circleci": {
            "has_token": setting.has_token,
            "token_expires": setting.token_expires.isoformat() if setting.token_expires else None,
            "coverage": coverage_json(coverage_of(transaction, TestFilter(), since=now - RATE_AGE)),
        },
        "channels": _channels(transaction, setting, now),
        "hooks": {**hooked, "items": _named(transaction, hooked["items"])},
        "routes": _routes(transaction, setting, now),
    }


def is_worrying(
    refused: Sequence[Refusal], known: Sequence[KnownHook], accepted: datetime | None, now: datetime
) -> bool:
    """Return whether refusals of a day are of a hook of ours, or all that came.

    Strangers post to any address: their posts alone are no trouble of ours.
    """
    ours = {hook.id for hook in known}
    recent = [one for one in refused if one.at >= now - DAY]
    return any(one.hook_id in ours or accepted is None or accepted < now - DAY for one in recent)


def lacks_hook(
    transaction: Transaction,
    wanted_hooks: Sequence[HookSpec],
    on_record: tuple[Sequence[KnownHook], Sequence[Refusal]],
    now: datetime,
) -> bool:
    """Return whether the page of health lists a hook as refused or missing."""
    known, refused = on_record
    bad = _refused_ids(refused)
    if any(hook.id in bad for hook in known):
        return True
    missing = _wanted(wanted_hooks) - {slug_spellings(hook.project)[0] for hook in known}
    if not missing:
        return False
    runs = {slug_spellings(slug)[0]: at for slug, at in health_rows.last_runs(transaction).items()}
    return any(_hook_state([], runs.get(slug), now, is_wanted=True, bad=bad) == "missing" for slug in missing)


def _wanted(specs: Sequence[HookSpec]) -> set[str]:
    return {slug_spellings(spec.project)[0] for spec in specs if not spec.patterns}


def _refused_ids(refused: Sequence[Refusal]) -> set[str | None]:
    return {one.hook_id for one in refused if one.status == 401}


def _service(transaction: Transaction, setting: HealthSetting, now: datetime) -> Json:
    backlog = deliveries.backlog(transaction, now) + fetches.backlog(transaction, now)
    backlog += lane_heads.backlog(transaction, now)
    return {
        "database": {"kind": transaction.dialect.name, "bytes": health_rows.database_bytes(transaction)},
        "keep_days": setting.keep_days,
        "queue": {"due": backlog.depth, "oldest_age_s": round(backlog.oldest_age_s)},
        "dead_letters": sum(dead_counts.count_dead_letters(transaction).values()),
        "sealed": _sealed(transaction),
        "processes": [
            {"role": role, "beat_at": rfc3339(at)}
            for role, at in health_rows.processes(transaction, since=now - 2 * WORKER_ALIVE_WITHIN)
        ],
    }


def _sealed(transaction: Transaction) -> Json | None:
    """Return until when the audit chain covers the record; None before its first seal."""
    seal = seals.last(transaction)
    if seal is None:
        return None
    return {"number": seal.number, "at": rfc3339(seal.sealed_at), "covered_until": rfc3339(seal.covered_until)}


def _channels(transaction: Transaction, setting: HealthSetting, now: datetime) -> Json:
    """Return the channels, each once for each receiver that has it."""
    every = [(receiver.name, one) for receiver in setting.receivers.values() for one in receiver.channels]
    shown = every[:MAX_CHANNELS]
    facts = health_rows.channel_facts(transaction, {one.label for _, one in shown}, since=now - DAY)
    items = [
        {
            "receiver": receiver,
            "channel": one.label,
            "kind": one.kind,
            "last_told_at": _time(facts[one.label].last_told_at),
            "told_in_24_h": facts[one.label].told,
            "dead_letters": facts[one.label].dead,
        }
        for receiver, one in shown
    ]
    return {"items": items, "left_out": len(every) - len(shown)}


def _hooks(
    runs: Mapping[str, datetime],
    wanted_hooks: Sequence[HookSpec],
    on_record: tuple[Sequence[KnownHook], Sequence[Refusal]],
    now: datetime,
) -> Json:
    """Return the projects with a hook of ours, wanted or known, or that post here.

    runs   the time of the last run by project
    """
    known, refused = on_record
    last_runs = {slug_spellings(slug)[0]: at for slug, at in runs.items()}
    own: dict[str, list[KnownHook]] = {}
    for hook in known:
        own.setdefault(slug_spellings(hook.project)[0], []).append(hook)
    wanted = _wanted(wanted_hooks)
    posting = {slug for slug, at in last_runs.items() if at >= now - SILENT_AFTER}
    bad = _refused_ids(refused)
    items = []
    for slug in sorted(wanted | own.keys() | posting):
        of_it, at = own.get(slug, []), last_runs.get(slug)
        items.append(
            {
                "project": slug,
                "state": _hook_state(of_it, at, now, is_wanted=slug in wanted, bad=bad),
                "hooks": [hook.name for hook in of_it],
                "seen_at": _time(max((hook.seen_at for hook in of_it), default=None)),
                "last_run_at": _time(at),
            }
        )
    items.sort(key=lambda one: STATES.index(one["state"]))
    return {"items": items, "left_out": 0}


def _named(transaction: Transaction, items: Sequence[Json]) -> Sequence[Json]:
    """Return projects with their names: slugs of the GitHub App are ids."""
    names = project_names.name_by_slug(transaction, [one["project"] for one in items])
    return [{**one, "name": names.get(one["project"])} for one in items]


STATES = ("refused", "missing", "silent", "by_hand", "posts")
"""The states of a project's hook, those that ask for a person first."""


def _hook_state(
    own: Sequence[KnownHook], last_run: datetime | None, now: datetime, *, is_wanted: bool, bad: set[str | None]
) -> str:
    if any(hook.id in bad for hook in own):
        return "refused"
    is_posting = last_run is not None and last_run >= now - SILENT_AFTER
    if own:
        return "posts" if is_posting else "silent"
    if is_posting:
        return "by_hand"
    return "missing" if is_wanted else "silent"


def _routes(transaction: Transaction, setting: HealthSetting, now: datetime) -> Json:
    """Return the routes with the events of 30 days that each fitted and told of."""
    counts = health_rows.route_counts(transaction, since=now - ROUTES_SINCE)
    items = []
    for route in setting.routes:
        verdicts: Mapping[Verdict, int] = counts.verdicts.get(route.name, {})
        fitted = sum(count for verdict, count in verdicts.items() if verdict in REACHED)
        preceded = verdicts.get(Verdict.PRECEDED, 0)
        items.append(
            {
                "route": route.name,
                "receiver": route.receiver,
                "matches": fitted,
                "told": verdicts.get(Verdict.MATCHED, 0),
                "preceded": preceded,
            }
        )
    return {"items": items, "events": counts.events, "is_partial": counts.is_partial}


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
