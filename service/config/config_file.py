"""roundsman.yaml: read and check receivers, routes and hooks.

All problems are reported at once, each as ``file:line: place claim; next step``.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from service.config.active_hours import ActiveShape, to_active_hours
from service.config.audit import AuditShape, to_seal_copies
from service.config.budgets import BudgetShape, to_budgets
from service.config.channel_urls import SecretSources, channels
from service.config.claims import LINES, claim_of
from service.config.digests import to_digests
from service.config.groups import GroupShape, to_group
from service.config.hooked_projects import to_hook_spec
from service.config.known_problems import KnownProblemShape, to_problems
from service.config.match_shape import MatchShape
from service.config.matchers import to_matcher
from service.config.operators import OperatorsShape
from service.config.people import PersonShape, author_warnings, to_people
from service.config.projects import ProjectShape, to_project_rules
from service.config.reminders import EscalateShape, to_escalation
from service.config.route_tests import shape_of, to_route_test
from service.config.schedules import ScheduleShape, to_schedules
from service.config.schema import DigestShape, FileShape, HookShape, ReceiverShape, RouteShape
from service.config.shapes import Context, likely_words, suggest
from service.config.warnings import find_warnings
from service.config.yaml_document import Document, YamlPath, parse
from service.errors import BadConfig
from service.model import (
    Budget,
    Channel,
    Digest,
    HookSpec,
    KnownProblem,
    Person,
    Receiver,
    Route,
    RouteTest,
    SealCopies,
)
from service.model.schedules import ScheduleSpec
from service.routing.patterns import to_nfc
from service.routing.projects import ProjectRules

_ROUTE_PARTS: Mapping[str, type[BaseModel]] = {
    "match": MatchShape,
    "active": ActiveShape,
    "escalate": EscalateShape,
    "group": GroupShape,
}


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The contents of roundsman.yaml.

    operators  the receiver of Roundsman's own alarms; None: no one hears of them; ``seal_copies`` likewise
    tests      those of the routes, for ``routes check``
    warnings   sentences about entries that are allowed but look like mistakes
    """

    receivers: Mapping[str, Receiver]
    routes: tuple[Route, ...]
    hooks: tuple[HookSpec, ...]
    schedules: tuple[ScheduleSpec, ...]
    operators: str | None
    seal_copies: SealCopies | None
    known_problems: tuple[KnownProblem, ...]
    tests: tuple[RouteTest, ...]
    people: tuple[Person, ...]
    digests: tuple[Digest, ...]
    budgets: tuple[Budget, ...]
    projects: ProjectRules
    warnings: tuple[str, ...]


PLACEHOLDER_KIND = "secret"
_PLACEHOLDER = f"{PLACEHOLDER_KIND}://secret"  # a valid address if all of one is a secret, and valid as a part of one


def read_file(path: Path, environ: Mapping[str, str], *, sending: bool = True) -> Contents:
    """Read and check the file; raise BadConfig with all problems at once.

    sending   fill in the channels' secrets, from ``environ`` and mounted files; they must be there
    """
    document = parse(str(path), _text(path))
    if document.tree is None:
        raise BadConfig(f"{path} is empty; start from roundsman.example.yaml")

    receivers = document.at(("receivers",))
    context = Context(
        sources=SecretSources(environ=environ, folder=path.parent, placeholder=None if sending else _PLACEHOLDER),
        receivers=tuple(receivers) if isinstance(receivers, dict) else None,
    )
    problems = list(_duplicates(document))
    try:
        shape = FileShape.model_validate(document.tree, context=context)
    except ValidationError as error:
        problems += [_problem(document, each) for each in _told_once(error.errors())]
    if problems:
        raise BadConfig(*problems)
    return _contents(shape, document)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadConfig(
            f"{path} does not exist; copy roundsman.example.yaml to it, or name your file in ROUNDSMAN_CONFIG"
        ) from None
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}; name a file that this user may read") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadConfig(f"{path}:{line}: is not UTF-8 text; save it as UTF-8") from None


def _told_once(errors: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the errors, but no missing key that stands there misspelled."""
    strange = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    meant = {(*path[:-1], word) for path in strange for word in likely_words(str(path[-1]), _keys(path[:-1]))}
    yield from (error for error in errors if error["type"] != "missing" or error["loc"] not in meant)


def _problem(document: Document, error: Mapping[str, Any]) -> str:
    path = tuple(step for step in error["loc"] if step != "[key]")
    if error["type"] == "extra_forbidden":
        claim = f"is not a key here; {suggest(str(path[-1]), _keys(path[:-1]))}"
    elif error["type"] != "missing" and error["input"] is None:
        claim = "has no value; give it one or remove the line"
    elif error["type"] == "tuple_type" and _takes_one_value(path):
        claim = "must be one value, or a list of them"
    else:
        claim = claim_of(error)
    if claim == LINES and document.lines.get(path, 0) < document.texts.get(path, 0):
        return document.text_problem(path, claim)
    return document.problem(path, claim)


def _takes_one_value(path: YamlPath) -> bool:
    """Return True if a single value is allowed in place of a list."""
    match path:
        case ("routes" | "digests", _, "match", _) | ("hooks", _, "events" | "project") | ("routes", _, "mention"):
            return True
        case ("schedules", _, "hours" | "days" | "days_of_month" | "months"):
            return True
        case ("people", _, "circleci" | "vcs"):
            return True
        case _:
            return False


_ENTRY_SHAPES: Mapping[str, type[BaseModel]] = {
    "hooks": HookShape,
    "schedules": ScheduleShape,
    "digests": DigestShape,
    "budgets": BudgetShape,
    "known_problems": KnownProblemShape,
    "people": PersonShape,
    "projects": ProjectShape,
}


def _keys(path: YamlPath) -> tuple[str, ...]:
    """Return the keys that are allowed at a path."""
    shape: type[BaseModel]
    match path:
        case ("receivers", _):
            shape = ReceiverShape
        case ("routes", _):
            shape = RouteShape
        case ("routes", _, str() as part):
            shape = _ROUTE_PARTS.get(part, FileShape)
        case ("digests", _, "match"):
            shape = MatchShape
        case ("tests", _, *part):
            shape = shape_of(part)
        case ("audit",):
            shape = AuditShape
        case ("operators",):
            shape = OperatorsShape
        case (str(section), _) if section in _ENTRY_SHAPES:
            shape = _ENTRY_SHAPES[section]
        case _:
            shape = FileShape
    return tuple(field.alias or name for name, field in shape.model_fields.items())


def _duplicates(document: Document) -> Iterator[str]:
    """Yield a problem for each repeated name of a route, digest or hooked project.

    It reads the file as written, so that other mistakes do not hide these.
    """
    names = {
        path: _text_at(document, (*path, "name")) or f"route {path[1] + 1}" for path in _entry_paths(document, "routes")
    }
    yield from _duplicate_problems(document, names, "give each route its own name")
    digests = {path: _text_at(document, (*path, "name")) for path in _entry_paths(document, "digests")}
    yield from _duplicate_problems(document, digests, "give each digest its own name")
    projects = {path: _text_at(document, (*path, "project")) for path in _entry_paths(document, "hooks")}
    plain = {path: re.sub("^github/", "gh/", re.sub("^bitbucket/", "bb/", slug)) for path, slug in projects.items()}
    yield from _duplicate_problems(
        document, plain, "keep one hook for each project, since all would post to one address"
    )
    schedules = {
        path: f"{_text_at(document, (*path, 'name'))} of {_text_at(document, (*path, 'project'))}"
        for path in _entry_paths(document, "schedules")
    }
    yield from _duplicate_problems(document, schedules, "give each schedule of a project its own name")


def _entry_paths(document: Document, section: str) -> list[tuple[str, int]]:
    entries = document.at((section,))
    return [(section, index) for index in range(len(entries))] if isinstance(entries, list) else []


def _text_at(document: Document, path: YamlPath) -> str:
    word = document.at(path)
    return word if isinstance(word, str) else ""


def _duplicate_problems(document: Document, words: Mapping[tuple[str, int], str], remedy: str) -> Iterator[str]:
    first: dict[str, YamlPath] = {}
    for path, word in ((path, to_nfc(word)) for path, word in words.items()):
        if word and first.setdefault(word, path) != path:
            yield document.problem(path, f"is called {word}, as line {document.lines[first[word]]} is; {remedy}")


def _contents(shape: FileShape, document: Document) -> Contents:
    keys: dict[str, str] = {}
    routes = tuple(_route(position, route) for position, route in enumerate(shape.routes))
    operators = shape.operators.receiver if shape.operators else None
    people = to_people(shape.people)
    own = {person.receiver: shape.people[name].channels for name, person in zip(shape.people, people, strict=True)}
    owners = {person.receiver: ("people", name) for name, person in zip(shape.people, people, strict=True)}
    addresses = {name: receiver.channels for name, receiver in shape.receivers.items()} | {
        name: found for name, found in own.items() if found
    }
    digests = to_digests(shape.digests)
    escalated = {route.escalation.receiver for route in routes if route.escalation}
    seal_copies = to_seal_copies(shape.audit)
    used = {operators, *escalated, *(digest.receiver for digest in digests)}
    if seal_copies is not None:
        used.add(seal_copies.receiver)
    return Contents(
        receivers={
            name: _receiver(name, channels(name, found, keys, place=place), shape.receivers.get(name))
            for name, found in addresses.items()
            for place in [_places(document, owners.get(name, ("receivers", name)))]
        },
        people=people,
        routes=routes,
        hooks=tuple(to_hook_spec(hook.project, name=hook.name, events=hook.events) for hook in shape.hooks),
        schedules=to_schedules(shape.schedules),
        operators=operators,
        seal_copies=seal_copies,
        known_problems=to_problems(shape.known_problems),
        tests=tuple(map(to_route_test, shape.tests)),
        digests=digests,
        budgets=to_budgets(shape.budgets),
        projects=to_project_rules(shape.projects),
        warnings=(
            *find_warnings(document, tuple(shape.receivers), routes, used=used),
            *author_warnings(document, routes, has_channels=any(own.values())),
        ),
    )


def _places(document: Document, owner: YamlPath) -> Callable[[int], str]:
    """Return a function that returns the file and line of a channel by its number."""
    return lambda number: document.place((*owner, "channels", number))


def _receiver(name: str, own: tuple[Channel, ...], shape: ReceiverShape | None) -> Receiver:
    headline, body = (shape.headline, shape.body) if shape else (None, None)
    return Receiver(name=name, channels=own, headline=headline, body=body)


def _route(position: int, shape: RouteShape) -> Route:
    matchers = tuple(to_matcher(key, written) for key, written in vars(shape.match).items() if written is not None)
    return Route(
        name=shape.name or f"route {position + 1}",
        receiver=shape.receiver,
        matchers=matchers,
        mention=shape.mention,
        continues=shape.continues,
        active=to_active_hours(shape.active),
        is_urgent=shape.urgent,
        has_log=shape.log,
        repeat_s=shape.repeat,
        escalation=to_escalation(shape.escalate),
        group=to_group(shape.group),
        act_links_s=shape.act_links,
    )
