"""A channel service: all that is particular to one service that channels lead to."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from service.channels.refusal_forms import RefusalForm, TextForm, WaitField
from service.message import Form
from service.model import Message

NOT_LOOKED_UP = "not looked up"

SMS = (
    "3GPP TS 23.040: a short message is characters, without any markup; github.com/moezbhatti/qksms/issues/522: an app "
    "that shows one links a bare name"
)
MAIL = "RFC 5322 and RFC 2045: a subject and a text part are characters; our HTML is escaped"
RADIO = "APRS101 and POCSAG: a radio message is ASCII characters"
PROGRAM = "a program of the operator's own reads it"


class Dialect(StrEnum):
    """The way in which untrusted text is kept from acting.

    LITERAL   the service shows text, or a program reads it, as it is
    LINKED    the service shows text as it is, but links names of hosts and addresses in it: those are broken
    CODE      text is rendered as Markdown that knows code spans, in which nothing acts
    GUARDED   something in a text may act, or the service was not looked up: untrusted text is broken by
              ``markup_guard``, which is safe everywhere
    """

    LITERAL = "literal"
    LINKED = "linked"
    CODE = "code"
    GUARDED = "guarded"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The longest text that a service accepts, title included, and the unit of it."""

    max_length: int
    is_bytes: bool
    source: str


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The minimum interval between two messages to a channel, as documented.

    blocked_for   the time for which the service refuses all messages after too many; None: not documented
    """

    interval: timedelta
    source: str
    blocked_for: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Incidents:
    """Incidents that each message opens.

    Or an alert that rings, or an issue that a person must close.

    actions             values of ``action=`` in its URL in Apprise's order, the default first
    closes_on_success   our own form sends a success as the end of the incident, where the action would open one
    """

    actions: tuple[str, ...] = ()
    closes_on_success: bool = False


@dataclass(frozen=True, kw_only=True)
class OwnForm:
    """A form of the service's own in place of one text, such as a card.

    apply   lets an Apprise plugin send the message in this form
    look    the form in words, for docs/services.md
    limit   the longest text in it; None: that of the service
    """

    apply: Callable[[Any, Message], None]
    look: str
    limit: Limit | None = None


def set_message(plugin: Any, message: Message) -> None:
    """Give a plugin of ours the message, which it sends in the service's own form."""
    plugin.message = message


@dataclass(frozen=True, kw_only=True)
class ChannelService:
    """A service as Apprise knows it, and what we know of it beyond that.

    name                   Apprise's name of it
    schemes                the schemes of its URLs, in Apprise's order
    addresses              patterns of the webhook URLs that it shows its users, which Apprise takes too
    dialect                its treatment of a text, by the page that is ``dialect_source``
    guarded_modes          values of Apprise's ``mode=`` in which the text goes elsewhere: it is guarded there
    limit                  None: Apprise's limit, in characters
    format                 the only format to send; None: the URL or the plugin decides
    is_text_markdown       text is rendered as Markdown there
    has_title_inside       Apprise puts the title before the body, unescaped
    own_form               None: one text
    pace                   None: as fast as it answers, one message at a time
    refusals               fields of an answer in which it accepts or refuses, before the general ones
    text_refusals, waits   the same of answers that are not JSON, and of the time to wait
    is_program             it is a program of the operator, whose answers follow no rule but HTTP's
    incidents              None: a message opens nothing
    is_mail_server         a mail server, which may take minutes to answer
    max_deadline_s         the longest time for which a send may occupy a slot
    """

    name: str
    schemes: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    dialect: Dialect = Dialect.GUARDED
    dialect_source: str = NOT_LOOKED_UP
    guarded_modes: frozenset[str] = frozenset()
    limit: Limit | None = None
    format: Form | None = None
    is_text_markdown: bool = False
    has_title_inside: bool = False
    own_form: OwnForm | None = None
    pace: Pace | None = None
    refusals: tuple[RefusalForm, ...] = ()
    text_refusals: tuple[TextForm, ...] = ()
    waits: tuple[WaitField, ...] = ()
    is_program: bool = False
    incidents: Incidents | None = None
    is_mail_server: bool = False
    max_deadline_s: float = math.inf

    def dialect_of(self, plugin: Any) -> Dialect:
        """Return the dialect in the mode of an Apprise plugin."""
        return Dialect.GUARDED if getattr(plugin, "mode", None) in self.guarded_modes else self.dialect

    @property
    def is_short_message(self) -> bool:
        """True if it sends SMS."""
        return self.dialect_source is SMS

    @property
    def sends_mail(self) -> bool:
        """True if it sends mail, by SMTP or by an API."""
        return self.dialect_source is MAIL
