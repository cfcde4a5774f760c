"""Calls of Slack's Web API, within the limits of a send, as errors of ours.

slack_sdk builds the requests and reads the answers. They go through ``requests``, whose answers are limited in bytes,
seconds and depth here, and without the retries of slack_sdk: after a connection that was cut it would post twice.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import requests
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from service.channels import answer_bodies
from service.channels.apprise_capture import current_trace, install_hooks
from service.channels.failures import Recipient, network_problem
from service.channels.rate_limits import RATE_LIMIT_PAUSE_S, timeout_pause_s
from service.channels.safe_answers import install_answer_limits
from service.channels.slack_bot import refusals
from service.errors import AccessRefused, Permanent, Temporary
from service.network_errors import REFUSED, UNANSWERED, UNRESOLVED, UNTRUSTED
from service.retry_after import read_retry_after

NEVER_SENT = frozenset({REFUSED, UNRESOLVED, UNTRUSTED})  # the request did not leave us

MAX_STANDSTILL_S = 20.0  # an attempt is taken for dead after 45 s

_Error = TypeVar("_Error", Temporary, Permanent)

_SILENT = logging.getLogger("roundsman.slack_sdk")
_SILENT.setLevel(logging.CRITICAL + 1)  # slack_sdk logs bodies, and logs failures that we report ourselves

install_hooks()
install_answer_limits()


class Refused(Exception):
    """Slack answered a call with an error code.

    status, headers, needed   of the answer; ``needed`` is the scope that the token lacks
    """

    def __init__(self, method: str, error: SlackApiError) -> None:
        data = error.response.data
        super().__init__(method)
        self.method = method
        self.code = str(data.get("error") or "")
        self.needed = str(data.get("needed") or "")
        self.status = int(error.response.status_code)
        self.headers: Mapping[str, str] = error.response.headers


class Unreadable(Exception):
    """The answer is no JSON object: Slack, or something between, said something else."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(str(response.status_code))
        self.response = response


class SlackApi:
    """Slack's Web API for one channel.

    to   the channel, for the sentences of errors
    """

    def __init__(self, base_url: str, token: str, to: Recipient) -> None:
        self._client = _Client(token=token, base_url=base_url, retry_handlers=[], logger=_SILENT)
        self._to = to
        self._active_at_s = 0.0  # of the budget's age

    def call(self, method: str, *, arguments: Mapping[str, Any], is_json: bool = True) -> Mapping[str, Any]:
        """Return the answer to a call.

        Raises Refused for an error code that is not transient, and Temporary.
        """
        self._refuse_after_standstill()
        given = dict(arguments)
        try:
            answer = self._client.api_call(method, json=given if is_json else None, params=None if is_json else given)
        except SlackApiError as error:
            refused = Refused(method, error)
            if (temporary := self._temporary(refused)) is not None:
                raise temporary from error
            raise refused from error
        except Unreadable as error:
            raise self._unreadable(error.response) from error
        except OSError as error:  # those of requests are, too
            raise self._network_error(error) from error
        self._active_at_s = current_trace().budget.age_s
        data = answer.data
        scopes = {name.lower(): value for name, value in answer.headers.items()}.get("x-oauth-scopes")
        return {**data, "scopes": scopes} if isinstance(data, dict) else {}

    def to_error(self, refused: Refused) -> Permanent:
        """Return the error of a refusal: the sentence has a next step."""
        code = answer_bodies.shorten(self._to.redact(refused.code)) or "no reason"
        step = refusals.next_step(refused.code, refused.method)
        if refused.needed:
            needed = answer_bodies.shorten(self._to.redact(refused.needed))
            step = f"the app lacks the scope {needed}; add it to the app and install the app anew"
        sentence = f"{self._to.label} answered {refused.status}, but did not take the message: {code} ({step})"
        return _certain(AccessRefused(sentence) if refused.code in refusals.OF_ACCESS else Permanent(sentence))

    def _refuse_after_standstill(self) -> None:
        """Raise Temporary if this process stood still: another may post by now."""
        gap_s = current_trace().budget.age_s - self._active_at_s
        if gap_s > MAX_STANDSTILL_S:
            raise _certain(Temporary(f"{self._to.label} was not asked: this process stood still for {gap_s:.0f} s"))

    def _temporary(self, refused: Refused) -> Temporary | None:
        """Return the error of a refusal that may pass; None for any other."""
        code = answer_bodies.shorten(self._to.redact(refused.code))
        named = read_retry_after(_header(refused.headers, "retry-after"), datetime.now(UTC))
        if refused.status == 429 or refused.code in refusals.RATE_LIMITED:
            wait_s = RATE_LIMIT_PAUSE_S if named is None else named
            sentence = f"{self._to.label} answered {refused.status}: {code or 'too many messages'}"
            return _certain(Temporary(f"{sentence} (it gets too many messages)", retry_after_s=wait_s))
        if refused.status >= 500 or refused.code in refusals.UNSURE:
            return Temporary(f"{self._to.label} answered {refused.status}: {code}", retry_after_s=named)
        if refused.code in refusals.TRANSIENT:
            return _certain(Temporary(f"{self._to.label} answered {refused.status}: {code}", retry_after_s=named))
        return None

    def _unreadable(self, response: requests.Response) -> Temporary:
        status = response.status_code
        wait_s = read_retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        if status == 429:
            sentence = f"{self._to.label} answered 429 (it gets too many messages)"
            return _certain(Temporary(sentence, retry_after_s=RATE_LIMIT_PAUSE_S if wait_s is None else wait_s))
        page = " with a web page" if answer_bodies.is_web_page(response.content) else ""
        text = answer_bodies.shorten(self._to.redact(answer_bodies.message_text(response.content)))
        words = f": {text}" if text else ""
        step = "see whether a proxy stands between"
        return Temporary(f"{self._to.label} answered {status}{page}, not as Slack does{words}; {step}")

    def _network_error(self, error: OSError) -> Temporary:
        budget = current_trace().budget
        if budget.is_exceeded:
            return Temporary(f"{self._to.label} answered with more than we read; see whether a proxy stands between")
        found = network_problem(error)
        wait_s = timeout_pause_s(budget.age_s) if found is UNANSWERED else None
        temporary = Temporary(f"{self._to.label} {found}", retry_after_s=wait_s)
        never_sent = found in NEVER_SENT or isinstance(error, requests.ConnectTimeout)
        return _certain(temporary) if never_sent else temporary


class _Client(WebClient):
    """slack_sdk's client, whose requests are sent by ``requests``."""

    def _perform_urllib_http_request(self, *, url: str, args: dict[str, dict[str, Any]]) -> dict[str, Any]:
        body = {"json": args["json"]} if args["json"] else {"data": args["params"]}
        response = requests.post(url, headers=args["headers"], timeout=current_trace().budget.answer_s, **body)  # type: ignore[arg-type] # reason: one of two keys
        parsed = answer_bodies.parse_json(response.content)
        if not isinstance(parsed, dict) or "ok" not in parsed:
            raise Unreadable(response)
        return {
            "status": response.status_code,
            "headers": response.headers,
            "body": response.text,
            "parsed_body": parsed,
        }


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def _certain(error: _Error) -> _Error:
    """Return the error, which says that the message was surely not taken."""
    error.was_not_taken = True
    return error
