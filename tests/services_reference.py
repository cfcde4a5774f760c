"""What docs/services.md says of each service, read from the tables by which messages are sent."""

from typing import Any

from service.channels import plugin
from service.channels.cards import MAX_EMBED_TEXT, MAX_TEAMS_BYTES, SERVICE_FORMS
from service.channels.dialects import DIALECTS, LIMITS, NOT_LOOKED_UP, Dialect, dialect_of, is_mail_service
from service.channels.incident_services import OPENS_INCIDENTS
from service.channels.rate_limits import MIN_INTERVALS
from service.message import Form
from service.message.mail import MAX_CHARACTERS
from tests.apprise_services import plugins, schemes_of
from tests.cli_reference import table

OWN_FORMS = {
    "Power Automate / Workflows (for MSTeams)": "a card with buttons",
    "Discord": "an embed with its color",
    "Fluxer": "Markdown",
    "Guilded": "Markdown",
    "ntfy": "text; a tap leads to the logs, a failure has high priority",
    "Pager Duty": "an incident: one line, a link, the rest as details",
}
LOOKS = {Form.TEXT: "text, addresses written out", Form.MARKDOWN: "Markdown with links", Form.HTML: "HTML with links"}
MAIL_LOOK = "HTML for a phone, text with addresses beside it"
ROOM = {
    "Power Automate / Workflows (for MSTeams)": f"{MAX_TEAMS_BYTES} bytes",
    "Discord": f"{MAX_EMBED_TEXT} characters",
    "E-Mail": f"{MAX_CHARACTERS} characters a part",
}
WORDS = {Dialect.LITERAL: "as they are", Dialect.CODE: "in code spans", Dialect.GUARDED: "broken where they could act"}


def services() -> str:
    """Return one row for each service that Apprise has."""
    assert set(OWN_FORMS) == set(SERVICE_FORMS)
    rows = [_row(one) for one in plugins()]
    return table(("service", "URL", "a message is", "outside words are", "by", "room, pace"), rows)


def _row(made: Any) -> tuple[str, ...]:
    service, schemes = str(made.service_name), list(schemes_of(made))
    source = DIALECTS.get(service, (None, NOT_LOOKED_UP))[1]
    looks = OWN_FORMS.get(service) or _looks(made, service)
    news = "; good news opens nothing" if service in OPENS_INCIDENTS else ""
    shown = source.replace("<", "&lt;")
    return service, f"`{schemes[0]}://`", f"{looks}{news}", WORDS[dialect_of(service)], shown, _room(made, schemes)


def _looks(made: Any, service: str) -> str:
    if service in plugin.FORCED_FORMATS:
        return LOOKS[plugin.FORCED_FORMATS[service]]
    formats = made.notify_format if isinstance(made.notify_format, tuple) else (made.notify_format,)
    first = Form.MARKDOWN if service in plugin.RENDERS_TEXT_AS_MARKDOWN else Form(formats[0].value)
    return MAIL_LOOK if is_mail_service(service) and first is Form.HTML else LOOKS[first]


def _room(made: Any, schemes: list[str]) -> str:
    limit = LIMITS.get(str(made.service_name))
    room = made.body_maxlen if isinstance(made.body_maxlen, int) else None
    counted = f"{limit.max_length} bytes" if limit else f"{room} characters" if room else "by its target"
    max_length = ROOM.get(str(made.service_name), counted)
    pause = next((MIN_INTERVALS[scheme].total_seconds() for scheme in schemes if scheme in MIN_INTERVALS), None)
    return f"{max_length}, one in {pause:g} s" if pause else max_length
