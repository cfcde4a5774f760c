"""A project that was renamed at CircleCI."""

from dataclasses import dataclass

from service.testing.fake_circleci.organization import Project


@dataclass(frozen=True, kw_only=True)
class Renamed(Project):
    """A project by another name than before; its id stays, and with it its hooks."""

    was: Project

    @property
    def id(self) -> str:
        """The project's id."""
        return self.was.id
