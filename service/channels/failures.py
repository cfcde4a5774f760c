"""Errors of failed sends: the reason, and whether another attempt makes sense."""

import smtplib
import socket
import ssl
from dataclasses import dataclass

import requests

from service.channels import answer_bodies
from service.channels.apprise_capture import SendTrace
from service.channels.channel_service import ChannelService
from service.channels.rate_limits import timeout_pause_s
from service.channels.secrets import redact
from service.channels.verdicts import Refusal, find_refusal, is_unexpected_page
from service.errors import AccessRefused, Permanent, Temporary
from service.message import one_line
from service.network_errors import REFUSED, UNANSWERED, UNREACHABLE, UNRESOLVED, UNTRUSTED, describe

MAX_REPLY_BYTES = 2_000  # of a mail server's reply, which may have thousands of lines

NEXT_STEP = {
    400: "it does not take messages of this kind; correct the channel's URL",
    401: "it does not accept our credentials; correct the channel's URL",
    403: "we may not post there; correct the channel's URL or its permissions",
    404: "the address is not known there; correct the channel's URL",
    410: "the address was taken out of service; correct the channel's URL",
    429: "it gets too many messages",
}
UNAUTHORIZED = frozenset({401, 403, 404, 410})  # services forget an address whose token was revoked
SUCCESS_WORDS = frozenset({"ok", "okay", "success", "true", "1"})
REDIRECTED = "it sends us to another address; correct the channel's URL"

# The most specific type first: the exceptions of requests are OSErrors too.
NETWORK_ERRORS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((requests.exceptions.SSLError, ssl.SSLError), UNTRUSTED),
    ((requests.Timeout, TimeoutError), UNANSWERED),
    ((socket.gaierror,), UNRESOLVED),
    ((ConnectionRefusedError,), REFUSED),
    ((smtplib.SMTPServerDisconnected, requests.ConnectionError, OSError), UNREACHABLE),
    ((smtplib.SMTPException,), "does not speak SMTP as we need it; correct the channel's URL"),
)


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """The other side of a send.

    label     its name in our sentences
    service   the service that it is one of
    url       its URL, whose parts are redacted in its answers
    others    URLs of other channels, whose longer parts are redacted too
    """

    label: str
    service: ChannelService
    url: str
    others: frozenset[str] = frozenset()

    def redact(self, words: str) -> str:
        """Return text of the other side on one line, without secrets."""
        return redact(words, self.url, self.others)


def classify_failure(to: Recipient, trace: SendTrace) -> Temporary | Permanent:
    """Return the error of a send that failed, by Apprise's word.

    A send that reached some of a channel's recipients is Permanent: a repeat would reach them twice.
    """
    error = _network_error(to, trace) or _refusal_error(to, trace.responses)
    if is_partly_accepted(to, trace):
        return Permanent(f"Only some recipients of {to.label} got the message. {error or ''}".rstrip())
    return error or _unreadable_answer_error(to, trace) or _unexpected_error(to, trace) or _no_reason_error(to, trace)


def classify_answers(to: Recipient, trace: SendTrace) -> Temporary | Permanent | None:
    """Return the error of a send that worked by Apprise's word, if an answer refuses."""
    refusals = [(one, find_refusal(to.service, one)) for one in trace.responses if one.status_code < 300]
    refused = [_to_refusal_error(to, response, refusal) for response, refusal in refusals if refusal is not None]
    if refused and is_partly_accepted(to, trace):
        return Permanent(f"Only some recipients of {to.label} got the message. {refused[0]}")
    return _prefer_temporary(refused) or _web_page_error(to, trace)


def receipt(to: Recipient, trace: SendTrace) -> str:
    """Return the receipt: a sentence, with the answer's text if it is more than a yes."""
    sentence = f"{to.label} accepted the message"
    if not trace.responses:
        return sentence
    words = "" if trace.flaws else _answer_text(to, trace.responses[-1])
    words = "" if words.removeprefix(": ").strip(".!").lower() in SUCCESS_WORDS or words.startswith(": {") else words
    flaw = f"; its answer {trace.flaws[-1]}" if trace.flaws else ""
    return f"{sentence}, it answered {trace.responses[-1].status_code}{words}{flaw}"


def is_partly_accepted(to: Recipient, trace: SendTrace) -> bool:
    """Tell whether a recipient accepted the message, by its own answer.

    Apprise's word alone does not count where there is an answer.
    """
    return any(
        response is None or not (find_refusal(to.service, response) or is_unexpected_page(to.service, response))
        for response in trace.reached
    )


def _web_page_error(to: Recipient, trace: SendTrace) -> Permanent | None:
    """Return the error of a web page in place of a service's own answer.

    Such as a proxy's sign-in page.
    """
    for response in trace.responses:
        if response.status_code < 300 and is_unexpected_page(to.service, response):
            sentence = f"{to.label} answered {response.status_code} with a web page{_answer_text(to, response)}"
            return Permanent(f"{sentence}; see whether a proxy stands between, and send the message again")
    return None


def _unreadable_answer_error(to: Recipient, trace: SendTrace) -> Permanent | None:
    """Return the error of an answer of 2xx that the plugin could not read.

    Permanent: another attempt might reach people twice.
    """
    if not trace.flaws:
        return None
    status, step = trace.responses[-1].status_code, "it may have the message; look there, and send it again if not"
    return Permanent(f"{to.label} answered {status}, but its answer {trace.flaws[-1]}: {step}")


def _unexpected_error(to: Recipient, trace: SendTrace) -> Temporary | Permanent | None:
    """Return the error of an exception that no plugin expects."""
    if not trace.unexpected_errors:
        return None
    error = trace.unexpected_errors[-1]
    if isinstance(error, UnicodeEncodeError):
        return Permanent(f"{to.label} was not asked: its URL holds a character that cannot be sent; correct the URL")
    sentence = answer_bodies.shorten(to.redact(str(error)))
    return Temporary(
        f"{to.label} did not get the message: Apprise's plugin failed with {type(error).__name__}: {sentence}"
    )


def _no_reason_error(to: Recipient, trace: SendTrace) -> Temporary:
    if not trace.responses or not (text := _answer_text(to, trace.responses[-1])):
        return Temporary(f"{to.label} did not accept the message, and Apprise did not say why")
    response = trace.responses[-1]
    page = " with a web page" if answer_bodies.is_web_page(response.content) else ""
    return Temporary(f"{to.label} answered {response.status_code}{page}, but did not take the message{text}")


def _refusal_error(to: Recipient, responses: list[requests.Response]) -> Temporary | Permanent | None:
    refusals = [(response, find_refusal(to.service, response)) for response in responses]
    return _prefer_temporary(
        [_to_refusal_error(to, response, refusal) for response, refusal in refusals if refusal is not None]
    )


def _prefer_temporary(errors: list[Temporary | Permanent]) -> Temporary | Permanent | None:
    return next((error for error in errors if isinstance(error, Temporary)), next(iter(errors), None))


def _to_refusal_error(to: Recipient, response: requests.Response, refusal: Refusal) -> Temporary | Permanent:
    status = response.status_code
    if status < 300:
        sentence = (
            f"{to.label} answered {status}, but did not take the message{_answer_text(to, response, refusal.code)}"
        )
        return Temporary(sentence, retry_after_s=refusal.wait_s) if refusal.is_transient else Permanent(sentence)
    words = _answer_text(to, response)
    sentence = f"{to.label} answered {status}{words}"
    if step := _next_step(status, refusal, has_words=bool(words)):
        sentence = f"{sentence} ({step})" if words else f"{sentence}: {step}"
    if refusal.is_transient:
        return Temporary(sentence, retry_after_s=refusal.wait_s)
    return AccessRefused(sentence) if status in UNAUTHORIZED else Permanent(sentence)


def _next_step(status: int, refusal: Refusal, *, has_words: bool) -> str | None:
    """Return the next step for a status; None where the answer's own text is better."""
    if status < 400:
        return REDIRECTED
    if status in NEXT_STEP and status != 400:
        return NEXT_STEP[status]
    return None if has_words or refusal.is_transient else NEXT_STEP[400]


def _answer_text(to: Recipient, response: requests.Response, code: str = "") -> str:
    """Return a colon and the answer's text, redacted; empty if it has none."""
    text = to.redact(answer_bodies.message_text(response.content)).strip()
    with_code = text if code in {"false", "true"} or code in text else f"{to.redact(code)} {text}"
    return f": {words}" if (words := answer_bodies.shorten(with_code)) else ""


def _network_error(to: Recipient, trace: SendTrace) -> Temporary | Permanent | None:
    if trace.budget.is_exceeded:
        return Temporary(f"{to.label} answered with more than we read; look at what its URL leads to")
    return next((_to_network_error(to, error, age_s=trace.budget.age_s) for error in trace.errors), None)


def _to_network_error(to: Recipient, error: Exception, *, age_s: float) -> Temporary | Permanent:
    code, words = _smtp_answer(error)
    if code is None:
        problem = network_problem(error)
        return Temporary(
            f"{to.label} {problem}", retry_after_s=timeout_pause_s(age_s) if problem is UNANSWERED else None
        )
    sentence = f"{to.label} answered {code}: {one_line(to.redact(words[:MAX_REPLY_BYTES].decode('utf-8', 'replace')))}"
    if code < 500:
        return Temporary(sentence)
    return AccessRefused(sentence) if isinstance(error, smtplib.SMTPAuthenticationError) else Permanent(sentence)


def network_problem(error: Exception) -> str:
    """Return the predicate of a sentence whose subject is the other side's name.

    The error is one of NETWORK_ERRORS.
    """
    problem = next(words for kinds, words in NETWORK_ERRORS if isinstance(error, kinds))
    # smtplib raises this for a timeout too; only the cause tells them apart
    return describe(error) if problem is UNREACHABLE else problem


def _smtp_answer(error: Exception) -> tuple[int | None, bytes]:
    """Return the code and text of a mail server's answer.

    The lowest code if it refused several recipients.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min(error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else str(text).encode()
    return None, b""
