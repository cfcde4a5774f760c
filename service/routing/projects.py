"""The settings of projects by the patterns of ``projects:``. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from service.model import DEFAULT_EXPIRY, ProjectRule, Track, slug_spellings
from service.routing.patterns import compile_pattern, to_nfc

T = TypeVar("T")


@dataclass(frozen=True)
class ProjectRules:
    """The settings of all projects.

    Of two patterns that fit a project, the first one that gives a setting counts.
    """

    rules: Sequence[ProjectRule] = ()

    def applied_to(self, track: Track) -> Track:
        """Return a track with what roundsman.yaml says of its project."""
        slug, name = track.project_slug, track.project_name
        expire = self._first(slug, name, lambda rule: rule.expire)
        return replace(
            track,
            own_default=self._first(slug, name, lambda rule: rule.default_branch),
            expire_s=round(expire.total_seconds()) if expire is not None else None,
        )

    @property
    def shortest_expiry(self) -> timedelta:
        """Return the shortest time after which a silent red of any project expires."""
        return min((DEFAULT_EXPIRY, *(rule.expire for rule in self.rules if rule.expire is not None)))

    def rerun_wait(self, slug: str | None, name: str | None) -> timedelta | None:
        """Return the time for which its news wait for an automatic rerun."""
        return self._first(slug, name, lambda rule: rule.rerun_wait)

    def is_reconciled(self, slug: str | None, name: str | None) -> bool:
        """Return whether webhooks that never came are looked for."""
        return self._first(slug, name, lambda rule: rule.reconcile) is not False

    def hears_of_holds(self, slug: str | None, name: str | None) -> bool:
        """Return whether workflows that wait for an approval are looked for."""
        return self._first(slug, name, lambda rule: rule.holds) is not False

    def _first(self, slug: str | None, name: str | None, read: Callable[[ProjectRule], T | None]) -> T | None:
        if not self.rules:
            return None
        spellings = [to_nfc(one) for one in (name, *(slug_spellings(slug) if slug else ())) if one]
        fitting = (rule for rule in self.rules if any(map(compile_pattern(rule.pattern), spellings)))
        return next((found for found in map(read, fitting) if found is not None), None)


NO_RULES = ProjectRules()
