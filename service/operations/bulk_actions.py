"""Actions on several deliveries and notifications, each with its own outcome."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from service.db.database import Store
from service.errors import BadRequest, NotFound, RoundsmanError, Temporary
from service.model import NotificationState
from service.operations import ids
from service.operations.ids import Noun
from service.store.deliveries import deliveries
from service.store.notifications.notification_search import NotificationSearch
from service.store.notifications.notification_search import find_page as find_notifications

MAX_SUBJECTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A delivery or notification to act on."""

    noun: Noun
    id: UUID


@dataclass(frozen=True, kw_only=True)
class ActionOutcome:
    """The outcome of an action on one subject: done, or the reason why not.

    noun   None if the id names no subject
    """

    noun: Noun | None
    id: str
    reason: str | None = None


async def find_by_ids(store: Store, names: Sequence[str], *nouns: Noun) -> tuple[list[Subject], list[ActionOutcome]]:
    """Return the subjects that ids name, and a failed outcome for each other id.

    A subject that is named by several spellings of its id is returned once. Raises BadRequest or NotFound if only one
    id is given and it names no subject: the command has nothing else to do.
    """
    found: dict[Subject, None] = {}
    unknown: dict[str, ActionOutcome] = {}
    for name in names:
        try:
            noun, subject_id = await ids.find(store, name, *nouns)
        except (BadRequest, NotFound) as error:
            if len(names) == 1:
                raise
            unknown[name] = ActionOutcome(noun=None, id=name, reason=str(error))
        else:
            found[Subject(noun=noun, id=subject_id)] = None
    return list(found), list(unknown.values())


async def find_dead(
    store: Store, wanted: NotificationSearch, *nouns: Noun, limit: int = MAX_SUBJECTS
) -> tuple[list[Subject], bool]:
    """Return the matching dead letters, and whether there are more.

    Deliveries come before notifications, each newest first, at most ``limit`` together. A delivery that was not
    understood has no receiver and no channel: it matches only if neither is asked for.
    """
    dead: list[Subject] = []
    if Noun.DELIVERY in nouns and not wanted.receiver and not wanted.channel:
        unread = await store.read(deliveries.find_dead_ids, since=wanted.since, until=wanted.until, limit=limit + 1)
        dead += [Subject(noun=Noun.DELIVERY, id=one) for one in unread]
    if Noun.NOTIFICATION in nouns:
        unsent = NotificationSearch(**{**vars(wanted), "state": [NotificationState.DEAD]})
        page = await store.read(find_notifications, unsent, limit=limit + 1)
        dead += [Subject(noun=Noun.NOTIFICATION, id=one.id) for one in page.items]
    return dead[:limit], len(dead) > limit


async def act_on_each(
    subjects: Sequence[Subject], act: Callable[[Subject], Awaitable[object]]
) -> AsyncIterator[ActionOutcome]:
    """Run the action on each subject in order, and yield each outcome at once.

    After the first Temporary error (the database is away) the remaining subjects are not tried.
    """
    away: str | None = None
    for subject in subjects:
        reason = away
        if away is None:
            try:
                await act(subject)
            except Temporary as error:
                reason, away = str(error), f"not tried: {error}"
            except RoundsmanError as error:
                reason = str(error)
        yield ActionOutcome(noun=subject.noun, id=str(subject.id), reason=reason)
