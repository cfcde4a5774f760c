"""Refusals in answers, by status and by body, and whether they are transient."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import requests

from service.channels import answer_bodies
from service.channels.channel_service import ChannelService
from service.channels.rate_limits import RATE_LIMIT_PAUSE_S
from service.channels.refusal_forms import (
    FORMS,
    RATE_LIMIT_WORDS,
    TEXT_FORMS,
    WAITS,
    WRAPPERS,
    RefusalForm,
    TextForm,
)
from service.retry_after import read_retry_after, read_wait

MAX_TEXT = 2_000  # characters of a text that are searched for a refusal

# Transient statuses besides 5xx.
TOO_MANY = 429
TRY_AGAIN = frozenset({408, 425, TOO_MANY})


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A refusal: the code in the body if there is one, and the wait before a retry."""

    code: str = ""
    is_transient: bool = False
    wait_s: float | None = None


def find_refusal(service: ChannelService, response: requests.Response) -> Refusal | None:
    """Return the refusal in an answer; None if it is an acceptance."""
    body = answer_bodies.parse_json(response.content)
    found = _in_body(service, body, answer_bodies.as_text(response.content)[:MAX_TEXT])
    if response.status_code < 300 and found is None:
        return None
    form, code = found or (None, "")
    status = response.status_code
    is_rate_limited = (
        status == TOO_MANY or (form is not None and code in form.rate_limited) or _says_rate_limited(code, body)
    )
    is_transient = (
        status in TRY_AGAIN or status >= 500 or is_rate_limited or (form is not None and code in form.transient)
    )
    if not is_transient:
        return Refusal(code=code)
    wait_s = _wait_s(service, response, body)
    if wait_s is None and is_rate_limited:
        wait_s = _block_s(service)
    return Refusal(code=code, is_transient=True, wait_s=wait_s)


def _block_s(service: ChannelService) -> float:
    """Return the time for which the service refuses after too many messages."""
    documented = service.pace.blocked_for if service.pace else None
    return documented.total_seconds() if documented else RATE_LIMIT_PAUSE_S


def _says_rate_limited(code: str, body: Any) -> bool:
    return (
        re.search(RATE_LIMIT_WORDS, f"{code} {answer_bodies.message_field(body)}"[:MAX_TEXT], re.IGNORECASE) is not None
    )


def is_unexpected_page(service: ChannelService, response: requests.Response) -> bool:
    """Tell whether the answer is a web page though the service has a form of its own."""
    return not service.is_program and answer_bodies.is_web_page(response.content)


def _in_body(service: ChannelService, body: Any, text: str) -> tuple[RefusalForm | TextForm, str] | None:
    """Return the form and the code of the refusal in a body, or None."""
    if not isinstance(body, dict | list):
        return _in_text(service, text)
    own = [(form, list(answer_bodies.find_values(body, form.code))) for form in service.refusals]
    settled = {form.code[0] for form, values in own if values}
    wrapped = [body, *(inner for path in WRAPPERS for inner in answer_bodies.find_values(body, path))]
    general = ((form, _values_in_any(wrapped, form)) for form in FORMS if form.code[0] not in settled)
    for form, values in chain(own, general):
        for value in values:
            code = answer_bodies.code_text(value)
            if form.refuses(code):
                return form, code if not isinstance(value, dict | list) else ""
    return None


def _values_in_any(bodies: Iterable[Any], form: RefusalForm) -> Iterator[Any]:
    """Yield the values at a form's path in each of the bodies."""
    for body in bodies:
        yield from answer_bodies.find_values(body, form.code)


def _in_text(service: ChannelService, text: str) -> tuple[TextForm, str] | None:
    for form in (*service.text_refusals, *TEXT_FORMS):
        if found := re.match(form.start, text, re.DOTALL):
            return form, next(iter(found.groups("")), "")
    return None


def _wait_s(service: ChannelService, response: requests.Response, body: Any) -> float | None:
    """Return the seconds to wait that an answer asks for, in its headers or body."""
    named = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
    if named is not None:
        return named
    for wait in (*service.waits, *WAITS):
        for value in answer_bodies.find_values(body, wait.path):
            seconds = read_wait(answer_bodies.code_text(value))
            if seconds is not None:
                return seconds * wait.unit_s
    return None
