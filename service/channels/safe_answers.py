"""Limits for HTTP answers, applied before a plugin reads them.

Answers are uncompressed, short, not deeply nested and complete in time. The limits are applied in
``HTTPAdapter.send``: all code above it, redirects and digest logins too, unpacks whole bodies.
"""

import json
import re
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import requests

from service.channels.apprise_capture import current_trace

MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 250_000  # a hundred times the size of services' answers
MAX_DEPTH = 100  # of nested lists and objects: far below the depth at which Python's json raises RecursionError
CONNECT_S = 10.0
READ_S = 20.0  # for protocols other than HTTP and mail
CHUNK_BYTES = 16_384

Send = Callable[..., requests.Response]
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
_DEPTH_CHANGE = {"[": 1, "{": 1, "]": -1, "}": -1}


@cache
def install_answer_limits() -> None:
    """Wrap ``HTTPAdapter.send`` for the whole process, once."""
    requests.adapters.HTTPAdapter.send = _with_limits(requests.adapters.HTTPAdapter.send)  # type: ignore[method-assign] # reason: see above


def _with_limits(send: Send) -> Send:
    """Return ``HTTPAdapter.send`` with limits.

    It asks for an uncompressed answer, and returns no more of it than can be read without harm.
    """

    @wraps(send)
    def send_with_limits(adapter: object, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        budget = current_trace().budget
        request.headers["Accept-Encoding"] = "identity"
        kwargs |= {"stream": True, "timeout": (CONNECT_S, budget.answer_s)}
        with budget.limit(max_bytes=MAX_HEAD_BYTES + 2 * MAX_BODY_BYTES, seconds=budget.answer_s):
            with budget.limit(max_bytes=MAX_HEAD_BYTES):
                response = send(adapter, request, **kwargs)
            _set_content(response, *_read(response))
        return response

    return send_with_limits


def _set_content(response: requests.Response, body: bytes, flaw: str | None) -> None:
    """Set the content of the response, also for plugins that read it in pieces."""
    response.raw.close()  # closes its connection too, which may hold more bytes
    response._content = body  # as requests does after it has read all
    response._content_consumed = True
    response.encoding = "utf-8"  # never the answer's or a guessed one: some codecs take minutes for a megabyte
    if flaw is not None and response.status_code < 300:
        current_trace().flaws.append(flaw)


def _read(response: requests.Response) -> tuple[bytes, str | None]:
    """Return the body as far as it can be read, and its flaw, or None.

    The flaw continues a sentence that begins "its answer": "is longer than 250 kB". A compressed body is not unpacked:
    a kilobyte may hold gigabytes, and we asked for an uncompressed one. A connection that the other side closes too
    early raises an error, as without these limits.
    """
    if response.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        return b"", "came compressed, though we asked for a plain one"
    body, flaw = bytearray(), None
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                flaw = f"is longer than {MAX_BODY_BYTES // 1_000} kB"
                break
    except requests.RequestException:
        if not current_trace().budget.is_used_up:
            raise
        flaw = "did not end in time"
    if is_deep(bytes(body)):
        return b"", f"is nested deeper than {MAX_DEPTH} levels"
    return bytes(body[:MAX_BODY_BYTES]), flaw


def is_deep(body: bytes) -> bool:
    """Tell whether JSON is nested deeper than MAX_DEPTH, without parsing it."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    text = body.decode(json.detect_encoding(body), "replace").lstrip("\ufeff \t\r\n")
    depth = 0
    for token in _JSON_TOKEN.finditer(text) if text.startswith(("[", "{")) else ():
        depth += _DEPTH_CHANGE.get(token[0], 0)
        if depth > MAX_DEPTH:
            return True
    return False
