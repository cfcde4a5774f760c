"""Known problems: add, list and close them."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from service.config.known_problems import check_problem
from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Action, KnownProblem
from service.operations.json_shapes import Json, rfc3339
from service.operations.time_filters import to_later_time
from service.store.audit import actions
from service.store.incidents import known_problems
from service.text import clean

FIELDS = ("pattern", "fingerprint", "title", "link", "owner", "until", "mute")
MAX_CHARACTERS = {"pattern": 500, "fingerprint": 64, "title": 200, "link": 2_000, "owner": 100}
MAX_PROBLEMS = 500


def parse_problem(asked: Mapping[str, object], *, who: str, now: datetime) -> KnownProblem:
    """Return the known problem that a request asks for. Raises BadRequest."""
    if unknown := next((name for name in asked if name not in FIELDS), None):
        raise BadRequest(f"{unknown!a} is no field of a known problem; there are {', '.join(FIELDS)}")
    texts = {name: _text(asked, name) for name in MAX_CHARACTERS}
    if texts["title"] is None:
        raise BadRequest("title is missing; say what the problem is")
    is_muted = asked.get("mute", False)
    if not isinstance(is_muted, bool):
        raise BadRequest("mute must be true or false")
    check_problem(pattern=texts["pattern"], fingerprint=texts["fingerprint"], link=texts["link"])
    return KnownProblem(
        id=uuid4(),
        title=texts["title"],
        added_by=who,
        created_at=now,
        pattern=texts["pattern"],
        fingerprint=texts["fingerprint"],
        link=texts["link"],
        owner=texts["owner"],
        until=_until(asked.get("until"), now),
        is_muted=is_muted,
    )


def _text(asked: Mapping[str, object], name: str) -> str | None:
    written = asked.get(name)
    if written is None:
        return None
    if not isinstance(written, str):
        raise BadRequest(f"{name} must be a text")
    text = re.sub(r"\s+", " ", clean(written)).strip()
    if len(text) > MAX_CHARACTERS[name]:
        raise BadRequest(f"{name} may have {MAX_CHARACTERS[name]} characters, and has {len(text)}; shorten it")
    return text or None


def _until(written: object, now: datetime) -> datetime | None:
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        raise BadRequest("until must be a text, such as 30d or 2026-11-22")
    until = to_later_time(written, now)
    if until <= now:
        raise BadRequest("until must be later than now: else it is closed at once")
    return until


def add(transaction: Transaction, problem: KnownProblem) -> None:
    """Add a known problem. Raises BadRequest if there are too many."""
    if len(known_problems.find_all(transaction)) >= MAX_PROBLEMS:
        raise BadRequest(f"there are {MAX_PROBLEMS} known problems; match more with one pattern", status=409)
    known_problems.put(transaction, problem)
    actions.record(transaction, _action("add", problem, problem.added_by, problem.created_at))


def close(transaction: Transaction, problem_id: UUID, *, who: str, now: datetime) -> KnownProblem:
    """Close a known problem, and return it.

    Raises NotFound, or BadRequest if it is closed.
    """
    problem = known_problems.find(transaction, problem_id)
    if not known_problems.close(transaction, problem_id, now, who=who):
        raise BadRequest(f"known problem {problem_id} is closed already", status=409)
    actions.record(transaction, _action("close", problem, who, now))
    return known_problems.find(transaction, problem_id)


def _action(verb: str, problem: KnownProblem, who: str, at: datetime) -> Action:
    return Action(verb=verb, subject_id=problem.id, who=who, at=at, reason=problem.title)


def list_problems(
    transaction: Transaction, now: datetime, *, from_file: Sequence[KnownProblem] = (), every: bool = False
) -> Json:
    """Return known problems, those of roundsman.yaml first.

    The shape is ``{"items": [...], "next": None}``.

    every   closed ones too
    """
    found = [*from_file, *known_problems.find_all(transaction)]
    items = [problem_json(one, now) for one in found if every or one.is_open(now)]
    return {"items": items, "next": None}


def problem_json(problem: KnownProblem, now: datetime) -> Json:
    """Return the shape of a known problem."""
    times = {name: getattr(problem, name) for name in ("until", "created_at", "closed_at", "reopened_at")}
    shown = {name: rfc3339(time) if time else None for name, time in times.items()}
    return {
        "id": str(problem.id),
        "pattern": problem.pattern,
        "fingerprint": problem.fingerprint,
        "title": problem.title,
        "link": problem.link,
        "owner": problem.owner,
        "until": shown["until"],
        "mute": problem.is_muted,
        "state": "open" if problem.is_open(now) else "closed",
        "source": "file" if problem.is_from_file else "database",
        "added_by": problem.added_by,
        "created_at": None if problem.is_from_file else shown["created_at"],
        "closed_at": shown["closed_at"],
        "closed_by": problem.closed_by,
        "reopened_at": shown["reopened_at"],
    }
