"""Where everything is kept: the only place that speaks SQL.

Each module holds one noun's functions; they work within a transaction that the caller opens, so that what belongs
together is written together.
"""

from service.store import (
    actions,
    deliveries,
    events,
    heartbeats,
    history,
    hooks,
    ids,
    names,
    notifications,
    overdue,
    refusals,
    sessions,
    standing,
)
from service.store.arrival import look_up_revision
from service.store.backup import back_up, without_password
from service.store.database import Store
from service.store.engine import EngineRows
from service.store.filters import Search
from service.store.folder import database_file, held, holder, is_there, require_access, try_out
from service.store.notification_search import NotificationPage, NotificationSearch
from service.store.notification_search import find_page as find_notifications
from service.store.queue import JobRows
from service.store.schema import alembic_config, is_older, is_workable, migrate, newest_revision, revision

__all__ = [
    "EngineRows",
    "JobRows",
    "NotificationPage",
    "NotificationSearch",
    "Search",
    "Store",
    "actions",
    "alembic_config",
    "back_up",
    "database_file",
    "deliveries",
    "events",
    "find_notifications",
    "heartbeats",
    "held",
    "history",
    "holder",
    "hooks",
    "ids",
    "is_older",
    "is_there",
    "is_workable",
    "look_up_revision",
    "migrate",
    "names",
    "newest_revision",
    "notifications",
    "overdue",
    "refusals",
    "require_access",
    "revision",
    "sessions",
    "standing",
    "try_out",
    "without_password",
]
