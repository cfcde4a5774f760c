"""The full-text search index: words of events, and names of projects and actors.

Each stands in the table with its place in time, so that the events of one can be walked newest first.
"""

import re
from collections.abc import Collection, Iterable
from operator import itemgetter
from uuid import UUID

from sqlalchemy import bindparam, delete, select

from service.db.tables import Transaction, events, words
from service.model import slug_spellings
from service.store.bulk import BulkInsert
from service.store.names import full_name
from service.store.rows import Row

SEARCHED = (
    *("project_slug", "project_name", "org", "branch", "tag", "revision", "workflow_name", "job_name"),
    *("commit_subject", "commit_author_name", "actor_login", "actor_name"),
)
SHORT_REVISION = 7
_MAX_WORDS = 100  # of one event: a subject may be a whole essay
_MAX_CHARACTERS = 400  # an index takes no entry of any length
_INSERT = BulkInsert(words, "ON CONFLICT DO NOTHING")


def words_in(text: str) -> list[str]:
    """Return the words of a text: runs of letters and digits, in lower case."""
    return [word[:_MAX_CHARACTERS] for word in re.findall(r"[^\W_]+", text.casefold())]


def actor_word(name: str) -> str:
    """Return the term of an actor's login or name; its sign keeps it apart from words."""
    return f"@{name}"[:_MAX_CHARACTERS]


def project_word(name: str) -> str:
    """Return the term of a project's slug, in any spelling, or of its name.

    The name with or without its organization.
    """
    return f"#{slug_spellings(name)[0]}"[:_MAX_CHARACTERS]


def words_of(row: Row) -> set[str]:
    """Return the terms of an event; a revision also by its first seven digits."""
    found = dict.fromkeys(word for name in SEARCHED if row[name] for word in words_in(row[name]))
    actors = {actor_word(row[name]) for name in ("actor_login", "actor_name") if row[name]}
    projects = {project_word(name) for name in (row["project_slug"], row["project_name"], full_name(row)) if name}
    short = {row["revision"][:SHORT_REVISION].casefold()} if row["revision"] else set()
    return {*list(found)[:_MAX_WORDS], *actors, *projects, *short}


def put(transaction: Transaction, rows: Iterable[Row]) -> None:
    """Insert the terms of events; those that they have already stay."""
    terms = [
        {"word": word, "happened_at": row["happened_at"], "event_id": row["id"]}
        for row in rows
        for word in words_of(row)
    ]
    # in the order of the key: two workers that put one event must not wait for each other crosswise
    _INSERT(transaction, sorted(terms, key=itemgetter("word", "happened_at", "event_id")))


def forget(transaction: Transaction, event_ids: Collection[UUID]) -> None:
    """Delete the terms of events, before the events that name them are deleted."""
    columns = (events.c.id, events.c.happened_at, *(events.c[name] for name in SEARCHED))
    rows = transaction.execute(select(*columns).where(events.c.id.in_(event_ids))).mappings().all()
    keys = [{"b_word": word, "b_at": row["happened_at"], "b_id": row["id"]} for row in rows for word in words_of(row)]
    if keys:
        same = (
            words.c.word == bindparam("b_word"),
            words.c.happened_at == bindparam("b_at"),
            words.c.event_id == bindparam("b_id"),
        )
        transaction.execute(delete(words).where(*same), sorted(keys, key=itemgetter("b_word")))
