"""A call to the API, and the meaning of its answer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote

from service.circleci.api.endpoint import Endpoint, Right
from service.circleci.api.rate_limit import read_retry_after, wait_after
from service.circleci.api.responses import ErrorShape
from service.circleci.json_fields import read_object
from service.errors import Permanent, Temporary

HIDDEN = "***"
TOKEN_SETTING = "ROUNDSMAN_CIRCLECI_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of an endpoint.

    parts    the values for the names in the endpoint's path; a slug keeps its slashes
    start    the first byte of the answer to ask for
    secret   goes into the body under ``body_key``, of which one with a slash leads into an object; it is never
             logged or shown
    """

    endpoint: Endpoint
    parts: Mapping[str, str | int] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    start: int = 0
    body: Mapping[str, object] | None = None
    secret: str | None = field(default=None, repr=False)
    body_key: str = "signing-secret"

    def __post_init__(self) -> None:
        """Raise Permanent for a part that would lead elsewhere in the API."""
        segments = {segment for part in self.parts.values() for segment in str(part).split("/")}
        if segments & {"", ".", ".."}:
            raise Permanent(f"cannot ask CircleCI ({self}): a part of the address is empty or made of dots")

    def __str__(self) -> str:
        return str(self.endpoint)

    @property
    def method(self) -> str:
        """The method of HTTP."""
        return self.endpoint.method

    @property
    def path(self) -> str:
        """Return the path below ``/api``, with its parts filled in.

        Each is percent-encoded; only slugs keep their slashes.
        """
        parts = {
            name: quote(str(part), safe="/" if name in {"slug", "org"} else "", errors="replace")
            for name, part in self.parts.items()
        }
        return f"/{self.endpoint.version}{self.endpoint.path.format(**parts)}"

    def at_page(self, token: str) -> "Call":
        """Return the call for another page of a list."""
        if self.endpoint.version != "v3":
            return replace(self, query={**self.query, "page-token": token})
        if self.endpoint.method == "GET":
            return replace(self, query={**self.query, "page[cursor]": token})
        asked = (self.body or {}).get("page")
        return replace(
            self, body={**(self.body or {}), "page": {**(asked if isinstance(asked, dict) else {}), "cursor": token}}
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers of its own."""
        return {"Range": f"bytes={self.start}-"} if self.start else {}

    @property
    def json(self) -> Mapping[str, object] | None:
        """Return the body to send, with its secret."""
        if self.secret is None:
            return self.body
        outer, _, inner = self.body_key.partition("/")
        return {**(self.body or {}), outer: {inner: self.secret} if inner else self.secret}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The response to a call; header names are in lower case.

    content_encoding   the compression of the body, which we did not ask for: then the body was not read at all
    is_too_large       the body is cut off: only its beginning was read
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    content_encoding: str = ""
    is_too_large: bool = False


class EndpointError(Temporary):
    """CircleCI answered 500 or 501: this call fails, for now or forever.

    Other 5xx mean that CircleCI as a whole is down for now: they raise Temporary itself.
    """


class EndpointNotFound(Permanent):
    """CircleCI answered 404: there is no such thing, or the token may not see it."""


class NothingThere(EndpointNotFound):
    """API v3 answered 404 in its own words: it has the endpoint, but not the thing."""


class EndpointMissing(EndpointNotFound):
    """CircleCI lacks an endpoint of API v3.

    It answered 404, 410 or 501, and not in the words of v3.
    """


def raise_for_status(call: Call, answer: Answer, now: datetime, *, setting: str = TOKEN_SETTING) -> None:
    """Raise Temporary or Permanent unless the answer is a success.

    setting   the variable of the token that was sent
    """
    if 200 <= answer.status < 300:
        return
    if answer.status == 429:
        wait = wait_after(answer.status, answer.headers, now)
        raise Temporary("CircleCI answered 429: too many calls for now", retry_after_s=wait)
    if answer.status >= 500:
        wait = read_retry_after(answer.headers.get("retry-after"), now)
        if _lacks_endpoint(call, answer):
            raise EndpointMissing(f"CircleCI answered {answer.status}: it does not have {call}")
        kind = EndpointError if answer.status in {500, 501} else Temporary
        raise kind(f"CircleCI answered {answer.status}{_reference(call, answer)}", retry_after_s=wait)
    raise _refusal(call, answer)(
        f"CircleCI answered {answer.status}{refusal_message(call, answer, setting)}{_reference(call, answer)}"
    )


def _lacks_endpoint(call: Call, answer: Answer) -> bool:
    """Return whether CircleCI lacks the endpoint.

    Only API v3 may be missing as a whole. INF, by the forms of its errors: it was seen in fakes alone.
    """
    error = _error(answer).error
    return call.endpoint.version == "v3" and answer.status in {404, 410, 501} and not (error.type or error.id)


def _refusal(call: Call, answer: Answer) -> type[Permanent]:
    if _lacks_endpoint(call, answer):
        return EndpointMissing
    if answer.status != 404:
        return Permanent
    error = _error(answer).error
    return NothingThere if error.type or error.id else EndpointNotFound


def refusal_message(call: Call, answer: Answer, setting: str = TOKEN_SETTING) -> str:
    """Return the rest of the sentence about a refusal."""
    match answer.status:
        case 401:
            return f": the API token is not accepted; put a valid personal token into {setting}"
        case 403:
            return f" to {call}: {_forbidden(call, setting)}"
        case 404 if call.method == "GET":
            return f" to {call}: there is no such thing, or the token may not see it"
        case 404:
            return f" to {call}: there is no such thing, or the token may not see it, or may only read"
        case status if 300 <= status < 400:
            return f" to {call}: a redirect, not followed to keep the token safe; check ROUNDSMAN_CIRCLECI_URL"
    return f" to {call}: {error_message(call, answer) or 'it does not say why'}"


def _forbidden(call: Call, setting: str) -> str:
    match call.endpoint.right:
        case Right.ADMIN if call.method == "GET":
            return f"an organization admin's token is needed to see {call.endpoint.purpose}; put one into {setting}"
        case Right.ADMIN:
            return "the API token may not do this, organization admin needed"
        case Right.WRITE:
            return "the API token may not do this; its owner needs write access to the project"
        case _ if call.method != "GET":
            return "the API token may not do this"
        case Right.PERSON if not call.endpoint.is_optional:
            return f"the API token may not read this, so it is no person's; put a personal token into {setting}"
    return "the API token may not read this"


def error_message(call: Call, answer: Answer) -> str | None:
    """Return CircleCI's own message, if there is one, with our secret masked."""
    words = _error(answer).text
    return words.replace(call.secret, HIDDEN) if words and call.secret else words


def _reference(call: Call, answer: Answer) -> str:
    """Return the id of a write's error for CircleCI's support, in brackets.

    A GET's id is left out: many run at once, and their missing details are merged by the text of the reason.
    """
    reference = _error(answer).error.id if call.method != "GET" else None
    return f" (CircleCI's id of this error: {reference})" if reference else ""


def _error(answer: Answer) -> ErrorShape:
    try:
        return ErrorShape.model_validate(read_object(answer.body))
    except ValueError:
        return ErrorShape()
