"""The whole configuration: the settings and roundsman.yaml, read once and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from service.config.act_links import missing_links
from service.config.blind_matches import blind_matches
from service.config.channel_urls import fingerprint
from service.config.config_file import Contents, read_file
from service.config.env import load_settings, settings_warnings
from service.config.settings import Settings, variable
from service.errors import BadConfig
from service.model import Budget, Digest, HookSpec, KnownProblem, Person, Receiver, Route, RouteTest, SealCopies
from service.model.schedules import ScheduleSpec
from service.routing.projects import ProjectRules

__all__ = ["Config", "Settings", "fingerprint", "load", "load_settings"]

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole configuration, as frozen values that are passed by hand.

    operators  the receiver of Roundsman's own alarms; None: no one hears of them; ``seal_copies`` likewise
    tests      those of the routes, for ``routes check``
    warnings   sentences about entries that are allowed but look like mistakes
    """

    settings: Settings
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


def load(environ: Mapping[str, str], *, serving: bool = True, sending: bool = True, has_pages: bool = True) -> Config:
    """Read the environment and the file it names.

    serving     also require the settings that are needed to receive webhooks
    sending     also require the secrets of channels
    has_pages   with ``serving``: also require the settings that protect the pages

    Raises BadConfig with all problems of both at once.
    """
    path = Path(environ.get(variable("config"), Settings.model_fields["config"].default))
    settings, problems = _attempt(lambda: load_settings(environ, serving=serving, has_pages=has_pages))
    contents, more_problems = _attempt(lambda: read_file(path, environ, sending=sending))
    if settings is None or contents is None:
        raise BadConfig(*problems, *more_problems)
    return _config(settings, contents)


def _attempt(read: Callable[[], _T]) -> tuple[_T | None, tuple[str, ...]]:
    try:
        return read(), ()
    except BadConfig as error:
        return None, error.problems


def _config(settings: Settings, contents: Contents) -> Config:
    blind = () if settings.circleci_token else tuple(blind_matches(contents.routes))
    missing = tuple(missing_links(settings, contents.routes))
    return Config(
        settings=settings,
        receivers=contents.receivers,
        routes=contents.routes,
        hooks=contents.hooks,
        schedules=contents.schedules,
        operators=contents.operators,
        seal_copies=contents.seal_copies,
        known_problems=contents.known_problems,
        tests=contents.tests,
        people=contents.people,
        digests=contents.digests,
        budgets=contents.budgets,
        projects=contents.projects,
        warnings=settings_warnings(settings) + contents.warnings + blind + missing,
    )
