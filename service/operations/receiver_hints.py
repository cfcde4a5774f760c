"""Names like a receiver or channel that no notification was found for."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from service.db.tables import Transaction
from service.operations.unknown_projects import unknown_projects
from service.store.notifications.notification_search import NotificationSearch, recent_names

MAX_NEAR = 3


def find_hints(transaction: Transaction, search: NotificationSearch, *, receivers: Collection[str] = ()) -> list[str]:
    """Return a sentence for each unknown name of a search, with names like it.

    receivers   those of roundsman.yaml; a receiver that was told of late is known too
    """
    told, labels = recent_names(transaction)
    known = [*dict.fromkeys([*receivers, *told])]
    return [
        *_sentences("receiver", search.receiver, known),
        *_sentences("channel", search.channel, labels),
        *unknown_projects(transaction, search.project),
    ]


def _sentences(noun: str, written: Sequence[str], known: Sequence[str]) -> list[str]:
    return [describe_near(noun, one, near(one, known)) for one in written if one not in known]


def describe_near(noun: str, written: str, names: Sequence[str]) -> str:
    """Return the sentence on a name that is not known."""
    hint = f"; did you mean {' or '.join(names)}?" if names else ""
    return f"there is no {noun} {written!a}{hint}"


def near(written: str, known: Sequence[str]) -> list[str]:
    """Return the known names like one: those that hold it, then those spelled like it."""
    folded = {name.casefold(): name for name in reversed(known)}
    wanted = written.casefold().strip()
    holding = sorted((name for name in folded if wanted and (wanted in name or name in wanted)), key=len)
    alike = get_close_matches(wanted, folded, n=MAX_NEAR)
    return [folded[name] for name in dict.fromkeys([*holding, *alike])][:MAX_NEAR]
