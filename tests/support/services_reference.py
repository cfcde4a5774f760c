"""What docs/services.md says of each service, read from the registry by which messages are sent."""

from textwrap import fill
from typing import Any

from service.channels.channel_service import ChannelService, Dialect, Limit, Pace
from service.channels.incident_services import CLOSING_ACTIONS
from service.channels.registry import SERVICES, find_service
from service.message import Form
from service.message.mail import MAX_CHARACTERS
from service.message.status_text import join_words
from tests.support.apprise_services import plugins, schemes_of
from tests.support.cli_reference import table

LOOKS = {Form.TEXT: "text, addresses written out", Form.MARKDOWN: "Markdown with links", Form.HTML: "HTML with links"}
MAIL_LOOK = "HTML for a phone, text with addresses beside it"
WORDS = {
    Dialect.LITERAL: "as they are",
    Dialect.LINKED: "as they are but for hosts",
    Dialect.CODE: "in code spans",
    Dialect.GUARDED: "broken where they could act",
}


def services() -> str:
    """Return one row for each service that Apprise has."""
    rows = [_row(one, find_service(str(one.service_name))) for one in plugins()]
    return table(("service", "URL", "a message is", "outside words are", "by", "room, pace"), rows)


def incidents() -> str:
    """Return a sentence of the services of incidents that a success does not close by itself."""
    opening = [one for one in SERVICES if one.incidents and not one.incidents.closes_on_success]
    closing = {one.name: one.incidents and CLOSING_ACTIONS & set(one.incidents.actions) for one in opening}
    by_default = {one.name for one in opening if one.incidents and {*one.incidents.actions[:1]} & CLOSING_ACTIONS}
    asked = [name for name in closing if closing[name] and name not in by_default]
    never = [name for name in closing if not closing[name]]
    saying = f"The URL has to say so at {join_words(asked)}; " if asked else ""
    return fill(f"{saying}{join_words(never)} close nothing.", 120)


def _row(made: Any, service: ChannelService) -> tuple[str, ...]:
    look = service.own_form.look if service.own_form else _look(made, service)
    news = "; good news opens nothing" if service.incidents else ""
    source = service.dialect_source.replace("<", "&lt;")
    url = f"`{next(schemes_of(made))}://`"
    return str(made.service_name), url, f"{look}{news}", WORDS[service.dialect], source, _room(made, service)


def _look(made: Any, service: ChannelService) -> str:
    if service.format is not None:
        return LOOKS[service.format]
    formats = made.notify_format if isinstance(made.notify_format, tuple) else (made.notify_format,)
    first = Form.MARKDOWN if service.is_text_markdown else Form(formats[0].value)
    return MAIL_LOOK if service.sends_mail and first is Form.HTML else LOOKS[first]


def _room(made: Any, service: ChannelService) -> str:
    own = service.own_form.limit if service.own_form else None
    limit = own or service.limit or _limit_of_apprise(made)
    room = f"{limit.max_length} {'bytes' if limit.is_bytes else 'characters'}" if limit else "by its target"
    if service.sends_mail and service.is_mail_server:
        room = f"{MAX_CHARACTERS} characters a part"
    return f"{room}, {_pace(service.pace)}" if service.pace else room


def _pace(pace: Pace) -> str:
    block = f", and none for {pace.blocked_for.total_seconds() / 60:g} min after more" if pace.blocked_for else ""
    return f"one in {pace.interval.total_seconds():g} s{block}"


def _limit_of_apprise(made: Any) -> Limit | None:
    room = made.body_maxlen
    return Limit(max_length=room, is_bytes=False, source="Apprise") if isinstance(room, int) and room else None
