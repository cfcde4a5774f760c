"""Settings at CircleCI that guard builds, and how they change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class GuardArea(StrEnum):
    """The kinds of settings that are compared."""

    WEBHOOKS = "webhooks"
    ENV_VARS = "env_vars"
    CHECKOUT_KEYS = "checkout_keys"
    PROJECT_SETTINGS = "project_settings"
    PROJECT_CLAIMS = "project_claims"
    CHANNELS = "channels"
    SCHEDULES = "schedules"
    CONTEXTS = "contexts"
    CONTEXT_VARIABLES = "context_variables"
    ORG_CLAIMS = "org_claims"
    POLICIES = "policies"
    INTEGRATIONS = "integrations"
    EXPORTERS = "exporters"


class ChangeKind(StrEnum):
    """The kinds of changes of a setting."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class GuardSnapshot:
    """The settings of one area of a project or organization, as last seen.

    scope      the slug of the project or organization
    states     what is shown of each setting, by its name; never a value of a variable
    taken_at   the time at which CircleCI was last asked
    lacking    the reason why it did not answer then; the states are older
    since      the time from which on changes are seen; None: it was never read
    """

    scope: str
    area: GuardArea
    states: Mapping[str, str]
    taken_at: datetime
    lacking: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class GuardChange:
    """A change of a setting; its row never changes.

    before, after   the state of the setting; None: it was not there
    """

    id: UUID
    at: datetime
    scope: str
    area: GuardArea
    name: str
    kind: ChangeKind
    before: str | None
    after: str | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class SettingsNews:
    """The changes of one look at a project or organization, as one message tells them.

    sentences   the first ones
    count       the number of all
    """

    sentences: tuple[str, ...]
    count: int
