"""Links in messages that lead to an act at CircleCI, and the tokens in them. Pure.

A token names a notification, an act and its last second, and is signed with a key made of the admin token: a new admin
token makes all links invalid. It holds no secret but its signature. Whether it was used, the database says.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid5

from service.message.blocks import Block, Link, Words, untrusted
from service.message.compose import with_story
from service.message.sanitize import safe_url
from service.model import Event, EventKind, Message
from service.model.build_acts import ActVerb

CODES = {ActVerb.RERUN_FAILED: b"r", ActVerb.APPROVE: b"a", ActVerb.CANCEL: b"c"}
VERBS = {code: verb for verb, code in CODES.items()}
RED = frozenset({"failed", "error", "canceled", "unauthorized"})
RED_JOBS = frozenset({"failed", "infrastructure_fail", "timedout", "unauthorized"})
TIME_BYTES, MAC_BYTES = 5, 20
ENCODED = 16 + 1 + TIME_BYTES + MAC_BYTES


@dataclass(frozen=True, kw_only=True)
class ActLink:
    """The contents of a token.

    until  the last second in which it may be used
    """

    notification_id: UUID
    verb: ActVerb
    until: datetime

    @property
    def act_id(self) -> UUID:
        """The id of the record of the act: one for all copies of a message."""
        return uuid5(self.notification_id, f"link:{self.verb}")


class ActLinkSigner:
    """Makes and reads the tokens of links."""

    def __init__(self, admin_token: str) -> None:
        self._key = hmac.digest(admin_token.encode(), b"roundsman link that acts", sha256)

    def make(self, link: ActLink) -> str:
        """Return a token: id, act, time and signature, in letters of an address."""
        until = int(link.until.timestamp()).to_bytes(TIME_BYTES, "big")
        content = link.notification_id.bytes + CODES[link.verb] + until
        return urlsafe_b64encode(content + self._mac(content)).decode()

    def read(self, token: str) -> ActLink | None:
        """Return the contents of a token; None unless it is ours, letter for letter."""
        try:
            whole = urlsafe_b64decode(token.encode("ascii"))
        except ValueError:
            return None
        content, mac = whole[:-MAC_BYTES], whole[-MAC_BYTES:]
        if len(whole) != ENCODED or not hmac.compare_digest(mac, self._mac(content)):
            return None
        until = datetime.fromtimestamp(int.from_bytes(content[17:], "big"), UTC)
        link = ActLink(notification_id=UUID(bytes=content[:16]), verb=VERBS[content[16:17]], until=until)
        return link if self.make(link) == token else None

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, sha256)[:MAC_BYTES]


@dataclass(frozen=True, kw_only=True)
class ActLinks:
    """The maker of the links in messages.

    url  our address, as people see it
    """

    signer: ActLinkSigner
    url: str

    def add(self, message: Message, notification_id: UUID, event: Event, *, until: datetime) -> Message:
        """Return a message with a link for each act that its event suggests."""
        return add_links(message, self.make(notification_id, event, until=until))

    def make(self, notification_id: UUID, event: Event, *, until: datetime, about: str | None = None) -> Sequence[Link]:
        """Return a link for each act that an event suggests.

        about   what it is of, where a message tells of several
        """
        links = []
        for verb in verbs_of(event):
            token = self.signer.make(ActLink(notification_id=notification_id, verb=verb, until=until))
            if url := safe_url(f"{self.url}/builds/{event.workflow.id}/link/{token}"):
                of = () if about is None else (": ", *untrusted(about, 60))
                links.append(Link(words=(*_words(verb, event), *of), url=url))
        return links


def last_second(now: datetime, valid_for_s: int) -> datetime:
    """Return the end of a link that is made now."""
    return now + timedelta(seconds=valid_for_s)


def verbs_of(event: Event) -> Sequence[ActVerb]:
    """Return the acts that an event suggests: those of a failure, or of a hold."""
    if not is_id(event.workflow.id):
        return ()
    if event.kind == EventKind.WORKFLOW_HELD:  # of the end of a hold too
        return (ActVerb.APPROVE, ActVerb.CANCEL) if event.status == "on_hold" else ()
    if event.kind == EventKind.WORKFLOW_COMPLETED and event.status in RED:
        return (ActVerb.RERUN_FAILED,)
    if event.kind == EventKind.JOB_COMPLETED and event.status in RED_JOBS:
        return (ActVerb.CANCEL, ActVerb.RERUN_FAILED)
    return ()


def is_id(text: str | None) -> bool:
    """Return whether a text is the id of a workflow."""
    try:
        return text is not None and str(UUID(text)) == text
    except ValueError:
        return False


def _words(verb: ActVerb, event: Event) -> Words:
    match verb:
        case ActVerb.APPROVE:
            return ("Approve ", *(untrusted(event.job.name, 60) if event.job else ("it",)))
        case ActVerb.CANCEL:
            return ("Cancel the workflow",)
        case _:
            return ("Rerun from failed",)


def add_links(message: Message, links: Sequence[Link]) -> Message:
    """Return a message with links above the one to our page, and as buttons."""
    if not links:
        return message
    block = Block(lines=tuple((link, " (asks first)") for link in links), has_acts=True)
    before, page = (message.story[:-1], message.story[-1:]) if message.page else (message.story, ())
    return replace(with_story(message, (*before, block, *page)), buttons=(*message.buttons, *links))
