"""Why a message was not accepted, and whether trying again makes sense."""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import requests

from service.channels.limits import TIRED_REST_S, rest_after
from service.channels.witness import Seen
from service.errors import AccessRefused, Permanent, Temporary
from service.message import one_line
from service.network_errors import REFUSED, UNANSWERED, UNREACHABLE, UNRESOLVED, UNTRUSTED, describe
from service.retry_after import read_retry_after

MAX_WORDS_BYTES = 2_000  # of a reply, which may have thousands of lines

# Besides 5xx.
TOO_MANY = 429
TRY_AGAIN = frozenset({408, 425, TOO_MANY})

NEXT_STEP = {
    400: "it does not take messages of this kind; correct the channel's URL",
    401: "it does not accept our credentials; correct the channel's URL",
    403: "we may not post there; correct the channel's URL or its permissions",
    404: "the address is not known there; correct the channel's URL",
    410: "the address was taken out of service; correct the channel's URL",
    TOO_MANY: "it gets too many messages",
}
UNAUTHORIZED = frozenset({401, 403, 404, 410})  # services forget an address whose token was revoked

# Slack answers its bots 200 with the name of an error; these pass by themselves, the others need a person.
# Source: docs.slack.dev/reference/methods/chat.postMessage, "Errors".
TIRED = frozenset({"ratelimited", "rate_limited"})
PASSING = TIRED | {"internal_error", "fatal_error", "service_unavailable"}

# Most telling first: what requests raises is also an OSError.
TROUBLES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((requests.exceptions.SSLError, ssl.SSLError), UNTRUSTED),
    ((requests.Timeout, TimeoutError), UNANSWERED),
    ((socket.gaierror,), UNRESOLVED),
    ((ConnectionRefusedError,), REFUSED),
    ((smtplib.SMTPServerDisconnected, requests.ConnectionError, OSError), UNREACHABLE),
    ((smtplib.SMTPException,), "does not speak SMTP as we need it; correct the channel's URL"),
)


def refusal(label: str, seen: Seen, hide: Callable[[str], str]) -> Temporary | Permanent:
    """The error that tells of a send that did not work.

    A send that reached some of a channel's recipients is not repeated: they would hear twice.

    hide   takes the channel's secrets out of what a server said
    """
    error = _of_errors(label, seen, hide) or _of_responses(label, seen.responses)
    if seen.accepted and not is_refused_in_part(seen):
        return Permanent(f"Only some recipients of {label} got the message. {error or ''}".rstrip())
    return (
        error or _of_flaws(label, seen) or Temporary(f"{label} did not accept the message, and Apprise did not say why")
    )


def is_refused_in_part(seen: Seen) -> bool:
    """Tell whether an answer that could not be read to its end says no as far as it goes."""
    return bool(seen.flaws) and any(_named_error("", response) for response in seen.responses)


def _of_flaws(label: str, seen: Seen) -> Permanent | None:
    """The error of a success that the plugin could not read; another try might tell people twice."""
    if not seen.flaws:
        return None
    status, step = seen.responses[-1].status_code, "it may have the message; look there, and send it again if not"
    return Permanent(f"{label} answered {status}, but its answer {seen.flaws[-1]}: {step}")


def _of_responses(label: str, responses: list[requests.Response]) -> Temporary | Permanent | None:
    answers = [_answer(label, response) for response in responses]
    refused = [answer for answer in answers if answer]
    return next((answer for answer in refused if isinstance(answer, Temporary)), next(iter(refused), None))


def _answer(label: str, response: requests.Response) -> Temporary | Permanent | None:
    status = response.status_code
    if status < 300:
        return _named_error(label, response)
    said = f"{label} answered {status}"
    if status in TRY_AGAIN or status >= 500:
        step = NEXT_STEP.get(status)
        wait_s = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        if wait_s is None and status == TOO_MANY:
            wait_s = TIRED_REST_S
        return Temporary(f"{said}: {step}" if step else said, retry_after_s=wait_s)
    moved = "it sends us to another address; correct the channel's URL"
    kind = AccessRefused if status in UNAUTHORIZED else Permanent
    return kind(f"{said}: {moved if status < 400 else NEXT_STEP.get(status, NEXT_STEP[400])}")


def _named_error(label: str, response: requests.Response) -> Temporary | Permanent | None:
    """What a 2xx answer says went wrong, in Slack's manner: ``{"ok": false, "error": "channel_not_found"}``."""
    name = re.search(rb'"error": ?"([a-z_]{1,40})"', response.content[:2000])
    if name is None:
        return None
    word = name[1].decode()
    said = f"{label} answered {response.status_code}, but did not take the message: {word}"
    if word not in PASSING:
        return Permanent(said)
    return Temporary(said, retry_after_s=TIRED_REST_S if word in TIRED else None)


def _of_errors(label: str, seen: Seen, hide: Callable[[str], str]) -> Temporary | Permanent | None:
    if seen.budget.is_overdrawn:
        return Temporary(f"{label} answered with more than we read; look at what its URL leads to")
    return next((_of_error(label, error, hide, age_s=seen.budget.age_s) for error in seen.errors), None)


def _of_error(label: str, error: Exception, hide: Callable[[str], str], *, age_s: float) -> Temporary | Permanent:
    code, words = _smtp_answer(error)
    if code is None:
        trouble = next(words for kinds, words in TROUBLES if isinstance(error, kinds))
        if trouble is UNREACHABLE:  # mail's library says so of a timeout too, and only the cause tells
            trouble = describe(error)
        return Temporary(f"{label} {trouble}", retry_after_s=rest_after(age_s) if trouble is UNANSWERED else None)
    said = f"{label} answered {code}: {hide(one_line(words[:MAX_WORDS_BYTES].decode('utf-8', 'replace')))}"
    if code < 500:
        return Temporary(said)
    return AccessRefused(said) if isinstance(error, smtplib.SMTPAuthenticationError) else Permanent(said)


def _smtp_answer(error: Exception) -> tuple[int | None, bytes]:
    """The code and text a mail server answered with; the mildest if it refused several recipients."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min(error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else str(text).encode()
    return None, b""
