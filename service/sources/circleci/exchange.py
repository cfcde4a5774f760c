"""A call to the API and its answer: where the call goes, and what the answer means. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from service.errors import Permanent, Temporary
from service.sources.circleci.answers import ErrorShape
from service.sources.circleci.leaves import read_object
from service.sources.circleci.limits import read_retry_after, wait_after

HIDDEN = "***"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A question, named as the API reference names it: ``GET /workflow/{id}``.

    parts    what stands for the names in the template; a slug keeps its slashes
    secret   goes into the body under ``signing-secret``; must never be seen again
    """

    method: str = "GET"
    template: str
    parts: Mapping[str, str | int] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise Permanent for a part that would lead elsewhere in the API."""
        segments = {segment for part in self.parts.values() for segment in str(part).split("/")}
        if segments & {"", ".", ".."}:
            raise Permanent(f"cannot ask CircleCI ({self}): a part of the address is empty or made of dots")

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def path(self) -> str:
        """The template filled in, each part percent-encoded; only the slashes of a slug lead anywhere."""
        parts = {
            name: quote(str(part), safe="/" if name == "slug" else "", errors="replace")
            for name, part in self.parts.items()
        }
        return self.template.format(**parts)

    @property
    def json(self) -> Mapping[str, object] | None:
        """The body to send, with its secret."""
        return self.body if self.secret is None else {**(self.body or {}), "signing-secret": self.secret}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; header names in lower case.

    packing        how the body is compressed, though we asked for it as it is: then it was not read at all
    is_too_large   the body is only the beginning of what there was
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    packing: str = ""
    is_too_large: bool = False


def judge(call: Call, answer: Answer, now: datetime) -> None:
    """Raise Temporary or Permanent unless the answer is a success."""
    if 200 <= answer.status < 300:
        return
    if answer.status == 429:
        wait = wait_after(answer.status, answer.headers, now)
        raise Temporary("CircleCI answered 429: too many calls for now", retry_after_s=wait)
    if answer.status >= 500:
        wait = read_retry_after(answer.headers.get("retry-after"), now)
        raise Temporary(f"CircleCI answered {answer.status}", retry_after_s=wait)
    raise Permanent(f"CircleCI answered {answer.status}{meaning(call, answer)}")


def meaning(call: Call, answer: Answer) -> str:
    """The rest of the sentence about a refusal."""
    match answer.status:
        case 401:
            return ": the API token is not accepted; put a valid personal token into ROUNDSMAN_CIRCLECI_TOKEN"
        case 403:
            return f" to {call}: {_forbidden(call)}"
        case 404:
            return f" to {call}: there is no such thing, or the token may not see it"
        case status if 300 <= status < 400:
            return f" to {call}: a redirect, not followed to keep the token safe; check ROUNDSMAN_CIRCLECI_URL"
    return f" to {call}: {said(call, answer) or 'it does not say why'}"


def _forbidden(call: Call) -> str:
    if call.method != "GET":
        return "the API token may not do this, organization admin needed"
    if call.template.startswith("/webhook"):
        return "an organization admin's token is needed to see webhooks; put one into ROUNDSMAN_CIRCLECI_TOKEN"
    return "the API token may not read this"


def said(call: Call, answer: Answer) -> str | None:
    """CircleCI's own words, if they are any, without the secret should they repeat it."""
    try:
        message = ErrorShape.model_validate(read_object(answer.body)).message
    except ValueError:
        return None
    return message.replace(call.secret, HIDDEN) if message and call.secret else message
