"""Saved views: searches of builds that users have named."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class SavedView:
    """A search of builds under a name.

    owner       the user who made it
    query       the text of the search field
    is_shared   True: every user sees it; else the owner alone
    """

    id: UUID
    owner: str
    name: str
    query: str
    created_at: datetime
    is_shared: bool = False
