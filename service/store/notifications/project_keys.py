"""The slug and the name of each notification's project, by which it is found."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update

from service.db.tables import Transaction, events, notifications
from service.model import slug_spellings
from service.store.search import names

MAX_RANGES = 100  # of an index, which are read side by side
_TO_FILL_IN = (
    select(notifications.c.id, events.c.project_slug, events.c.project_name, events.c.org)
    .join(events, events.c.id == notifications.c.event_id)
    .where(
        and_(
            notifications.c.event_id.is_not(None),
            notifications.c.project_slug.is_(None),
            notifications.c.project_name.is_(None),
        )
    )
    .limit(bindparam("at_most"))
)
_FILL_IN = (
    update(notifications)
    .where(notifications.c.id == bindparam("own_id"))
    .values(project_slug=bindparam("slug"), project_name=bindparam("name"))
)


def conditions_of(transaction: Transaction, written: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return conditions, of which notifications of these projects meet one or two.

    Each is a range of an index. A name may lack its organization, and be in any case.
    """
    known = {name for one in written for name in _on_record(transaction, one)}
    slugs = {spelling for one in known for spelling in slug_spellings(one)}
    other_names = {one for one in known if len(slug_spellings(one)) == 1}
    conditions = [
        *(notifications.c.project_slug == names.cut_for_index(one) for one in sorted(slugs)),
        *(notifications.c.project_name == names.cut_for_index(one) for one in sorted(other_names)),
    ]
    return conditions if len(conditions) <= MAX_RANGES else [or_(*conditions)]


def _on_record(transaction: Transaction, written: str) -> set[str]:
    same = names.find_same(transaction, "project", written)
    ending = names.find_ending(transaction, "project", f"/{written}") if written else []
    return {written, *same, *ending}


def fill_in(transaction: Transaction, *, limit: int) -> int:
    """Fill in the projects of some that have none; return their number.

    A process of the release before these columns may plan such for as long as it runs.
    """
    rows = transaction.execute(_TO_FILL_IN, {"at_most": limit}).mappings().all()
    for row in rows:
        named = {
            "slug": names.cut_for_index(row["project_slug"]),
            "name": names.cut_for_index(names.full_name(row)) or "",
        }
        transaction.execute(_FILL_IN, {"own_id": row["id"], **named})
    return len(rows)
