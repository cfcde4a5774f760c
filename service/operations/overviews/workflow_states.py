"""The states of the workflows of default branches, by project."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from service.model import Color, Track, slug_spellings
from service.store.runs.tracks import StoredTrack

NO_PROJECT = "a project"


class WorkflowState(StrEnum):
    """The state of a workflow on a branch, the most urgent first."""

    RED = "red"
    GREEN = "green"
    UNKNOWN = "unknown"  # no run of it was red or green yet
    STALE = "stale"  # it was red, and then had no run for long


@dataclass(frozen=True, kw_only=True)
class BranchWorkflow:
    """A workflow on a branch, and its state."""

    stored: StoredTrack
    state: WorkflowState

    @property
    def track(self) -> Track:
        """Return the workflow on its branch, without its state."""
        return self.stored.track


@dataclass(frozen=True, kw_only=True)
class ProjectState:
    """A project with the workflows of its default branch.

    slug   in the short spelling; None: it is known by its name alone
    """

    slug: str | None
    name: str
    workflows: tuple[BranchWorkflow, ...]

    @cached_property
    def counts(self) -> Counter[WorkflowState]:
        """Return the number of workflows in each state."""
        return Counter([one.state for one in self.workflows])

    @cached_property
    def state(self) -> WorkflowState:
        """Return red if any workflow is red, else green if any is, and so on."""
        return next((state for state in WorkflowState if self.counts[state]), WorkflowState.UNKNOWN)


def with_state(stored: StoredTrack, now: datetime) -> BranchWorkflow:
    """Return a workflow on a branch with its state."""
    return BranchWorkflow(stored=stored, state=_state(stored, now))


def _state(stored: StoredTrack, now: datetime) -> WorkflowState:
    if stored.state.color is None:
        return WorkflowState.UNKNOWN if stored.colored_pipeline is None else WorkflowState.STALE
    if stored.state.color is Color.GREEN:
        return WorkflowState.GREEN
    return WorkflowState.STALE if stored.track.is_silent(stored.state.last_at, now) else WorkflowState.RED


def project_name(track: Track) -> str:
    """Return the name of a track's project for people: ``acme/web``."""
    return track.project_name or track.project_slug or NO_PROJECT


def organization(track: Track) -> str | None:
    """Return the organization of a track's project; None if its name has none."""
    name, slash, _ = project_name(track).partition("/")
    return name if slash else None


def group_by_project(workflows: Iterable[BranchWorkflow]) -> Sequence[ProjectState]:
    """Return the projects of workflows: red ones first, then by name."""
    grouped: dict[tuple[str, str], list[BranchWorkflow]] = {}
    for one in workflows:
        grouped.setdefault(_key(one.track), []).append(one)
    projects = [_project(slug, some) for (slug, _), some in grouped.items()]
    order = list(WorkflowState)
    return sorted(projects, key=lambda one: (order.index(one.state), one.name.casefold(), one.slug or ""))


def _project(slug: str, found: list[BranchWorkflow]) -> ProjectState:
    ordered = tuple(sorted(found, key=lambda one: one.stored.track.workflow or ""))
    return ProjectState(slug=slug or None, name=project_name(ordered[0].track), workflows=ordered)


def _key(track: Track) -> tuple[str, str]:
    slug = slug_spellings(track.project_slug)[0] if track.project_slug else ""
    return (slug, "" if slug else track.project_name or NO_PROJECT)
