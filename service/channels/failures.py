"""Why a message was not accepted, and whether trying again makes sense."""

import smtplib
import socket
import ssl
from dataclasses import dataclass

import requests

from service.channels import answer_bodies
from service.channels.apprise_capture import Seen
from service.channels.rate_limits import rest_after
from service.channels.secrets import hidden
from service.channels.verdicts import Refusal, is_doubtful, judge
from service.errors import AccessRefused, Permanent, Temporary
from service.message import one_line
from service.network_errors import REFUSED, UNANSWERED, UNREACHABLE, UNRESOLVED, UNTRUSTED, describe

MAX_WORDS_BYTES = 2_000  # of a mail server's reply, which may have thousands of lines

NEXT_STEP = {
    400: "it does not take messages of this kind; correct the channel's URL",
    401: "it does not accept our credentials; correct the channel's URL",
    403: "we may not post there; correct the channel's URL or its permissions",
    404: "the address is not known there; correct the channel's URL",
    410: "the address was taken out of service; correct the channel's URL",
    429: "it gets too many messages",
}
UNAUTHORIZED = frozenset({401, 403, 404, 410})  # services forget an address whose token was revoked
BARE_YES = frozenset({"ok", "okay", "success", "true", "1"})
MOVED = "it sends us to another address; correct the channel's URL"

# Most telling first: what requests raises is also an OSError.
TROUBLES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((requests.exceptions.SSLError, ssl.SSLError), UNTRUSTED),
    ((requests.Timeout, TimeoutError), UNANSWERED),
    ((socket.gaierror,), UNRESOLVED),
    ((ConnectionRefusedError,), REFUSED),
    ((smtplib.SMTPServerDisconnected, requests.ConnectionError, OSError), UNREACHABLE),
    ((smtplib.SMTPException,), "does not speak SMTP as we need it; correct the channel's URL"),
)


@dataclass(frozen=True, kw_only=True)
class Addressee:
    """The other side of a send.

    label     how sentences call it
    service   how Apprise does
    url       its address, whose parts are hidden in what it says
    others    the addresses of other channels: so are their longer parts
    """

    label: str
    service: str
    url: str
    others: frozenset[str] = frozenset()

    def hide(self, words: str) -> str:
        """Return words of the other side on one line, without secrets."""
        return hidden(words, self.url, self.others)


def refusal(to: Addressee, seen: Seen) -> Temporary | Permanent:
    """Return the error that tells of a send that Apprise says did not work.

    A send that reached some of a channel's recipients is not repeated: they would hear twice.
    """
    error = _of_errors(to, seen) or _of_responses(to, seen.responses)
    if is_accepted_in_part(to, seen):
        return Permanent(f"Only some recipients of {to.label} got the message. {error or ''}".rstrip())
    return error or _of_flaws(to, seen) or _of_surprises(to, seen) or _of_silence(to, seen)


def refusal_of_answers(to: Addressee, seen: Seen) -> Temporary | Permanent | None:
    """Return the error of a send that Apprise takes for a success, if an answer says otherwise."""
    found = [(one, judge(to.service, one)) for one in seen.responses if one.status_code < 300]
    refused = [_error(to, response, no) for response, no in found if no is not None]
    if refused and is_accepted_in_part(to, seen):
        return Permanent(f"Only some recipients of {to.label} got the message. {refused[0]}")
    return _mildest(refused) or _of_pages(to, seen)


def receipt(to: Addressee, seen: Seen) -> str:
    """Return the sentence that tells of a success; with the other side's words, where these are more than a yes."""
    said = f"{to.label} accepted the message"
    if not seen.responses:
        return said
    words = "" if seen.flaws else _words(to, seen.responses[-1])
    words = "" if words.removeprefix(": ").strip(".!").lower() in BARE_YES or words.startswith(": {") else words
    flaw = f"; its answer {seen.flaws[-1]}" if seen.flaws else ""
    return f"{said}, it answered {seen.responses[-1].status_code}{words}{flaw}"


def is_accepted_in_part(to: Addressee, seen: Seen) -> bool:
    """Tell whether a recipient got the message, by its own answer and not only by Apprise's word."""
    return any(
        response is None or not (judge(to.service, response) or is_doubtful(to.service, response))
        for response in seen.reached
    )


def _of_pages(to: Addressee, seen: Seen) -> Permanent | None:
    """Return the error of a web page where a service's own answer should be, such as a proxy's sign-in page."""
    for response in seen.responses:
        if response.status_code < 300 and is_doubtful(to.service, response):
            said = f"{to.label} answered {response.status_code} with a web page{_words(to, response)}"
            return Permanent(f"{said}; see whether a proxy stands between, and send the message again")
    return None


def _of_flaws(to: Addressee, seen: Seen) -> Permanent | None:
    """Return the error of a success that the plugin could not read; another try might tell people twice."""
    if not seen.flaws:
        return None
    status, step = seen.responses[-1].status_code, "it may have the message; look there, and send it again if not"
    return Permanent(f"{to.label} answered {status}, but its answer {seen.flaws[-1]}: {step}")


def _of_surprises(to: Addressee, seen: Seen) -> Temporary | Permanent | None:
    """Return the error of what no plugin expects."""
    if not seen.surprises:
        return None
    error = seen.surprises[-1]
    if isinstance(error, UnicodeEncodeError):
        return Permanent(f"{to.label} was not asked: its URL holds a character that cannot be sent; correct the URL")
    said = answer_bodies.shortened(to.hide(str(error)))
    return Temporary(f"{to.label} did not get the message: Apprise's plugin failed with {type(error).__name__}: {said}")


def _of_silence(to: Addressee, seen: Seen) -> Temporary:
    if not seen.responses or not (said := _words(to, seen.responses[-1])):
        return Temporary(f"{to.label} did not accept the message, and Apprise did not say why")
    response = seen.responses[-1]
    page = " with a web page" if answer_bodies.is_page(response.content) else ""
    return Temporary(f"{to.label} answered {response.status_code}{page}, but did not take the message{said}")


def _of_responses(to: Addressee, responses: list[requests.Response]) -> Temporary | Permanent | None:
    found = [(response, judge(to.service, response)) for response in responses]
    return _mildest([_error(to, response, no) for response, no in found if no is not None])


def _mildest(errors: list[Temporary | Permanent]) -> Temporary | Permanent | None:
    return next((error for error in errors if isinstance(error, Temporary)), next(iter(errors), None))


def _error(to: Addressee, response: requests.Response, no: Refusal) -> Temporary | Permanent:
    status = response.status_code
    if status < 300:
        said = f"{to.label} answered {status}, but did not take the message{_words(to, response, no.code)}"
        return Temporary(said, retry_after_s=no.wait_s) if no.is_passing else Permanent(said)
    words = _words(to, response)
    said = f"{to.label} answered {status}{words}"
    if step := _next_step(status, no, has_words=bool(words)):
        said = f"{said} ({step})" if words else f"{said}: {step}"
    if no.is_passing:
        return Temporary(said, retry_after_s=no.wait_s)
    return AccessRefused(said) if status in UNAUTHORIZED else Permanent(said)


def _next_step(status: int, no: Refusal, *, has_words: bool) -> str | None:
    """Return what to do about a status; nothing where the other side's own words know better."""
    if status < 400:
        return MOVED
    if status in NEXT_STEP and status != 400:
        return NEXT_STEP[status]
    return None if has_words or no.is_passing else NEXT_STEP[400]


def _words(to: Addressee, response: requests.Response, code: str = "") -> str:
    """Return a colon and the other side's own words; nothing if it has none."""
    said = to.hide(answer_bodies.words(response.content)).strip()
    told = said if code in {"false", "true"} or code in said else f"{to.hide(code)} {said}"
    return f": {words}" if (words := answer_bodies.shortened(told)) else ""


def _of_errors(to: Addressee, seen: Seen) -> Temporary | Permanent | None:
    if seen.budget.is_overdrawn:
        return Temporary(f"{to.label} answered with more than we read; look at what its URL leads to")
    return next((_of_error(to, error, age_s=seen.budget.age_s) for error in seen.errors), None)


def _of_error(to: Addressee, error: Exception, *, age_s: float) -> Temporary | Permanent:
    code, words = _smtp_answer(error)
    if code is None:
        trouble = next(words for kinds, words in TROUBLES if isinstance(error, kinds))
        if trouble is UNREACHABLE:  # mail's library says so of a timeout too, and only the cause tells
            trouble = describe(error)
        return Temporary(f"{to.label} {trouble}", retry_after_s=rest_after(age_s) if trouble is UNANSWERED else None)
    said = f"{to.label} answered {code}: {one_line(to.hide(words[:MAX_WORDS_BYTES].decode('utf-8', 'replace')))}"
    if code < 500:
        return Temporary(said)
    return AccessRefused(said) if isinstance(error, smtplib.SMTPAuthenticationError) else Permanent(said)


def _smtp_answer(error: Exception) -> tuple[int | None, bytes]:
    """Return the code and text a mail server answered with; the mildest if it refused several recipients."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min(error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else str(text).encode()
    return None, b""
