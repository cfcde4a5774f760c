"""Read posted forms, and the local paths to redirect to afterwards."""

import re
from collections import Counter
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request

from service.errors import BadRequest
from service.message import one_line
from service.text import clean

MAX_FORM_BYTES = 16_384
MAX_NAME_CHARACTERS = 40
# A browser takes two slashes or backslashes for the start of another host, and skips blanks and line breaks
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form by name, each of which may be given once.

    Raises BadRequest.
    """
    fields = await _read_fields(request)
    names = Counter(name for name, _ in fields)
    if repeated := next((name for name, count in names.items() if count > 1), None):
        raise BadRequest(f"the form has {one_line(repeated, MAX_NAME_CHARACTERS)!r} twice; send it once")
    return dict(fields)


async def _read_fields(request: Request) -> list[tuple[str, str]]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise BadRequest(f"this form is larger than {MAX_FORM_BYTES} bytes", status=413)
    fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return [(clean(name), clean(value)) for name, value in fields]


def local_path(text: str | None) -> str:
    """Return the path if it is local, else ``/``.

    A login link must not lead to another site after the login.
    """
    return text if text and LOCAL_PATH.fullmatch(text) else "/"


def login_path(wanted: str) -> str:
    """Return the path of the login page, which redirects to the page wanted."""
    return "/login?" + urlencode({"next": local_path(wanted)})


def request_path(request: Request) -> str:
    """Return the path and query of a request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def referring_path(request: Request) -> str | None:
    """Return the path and query of the page that sent a form.

    None if the browser hides it: a bare ``/`` is what some leave of any page.
    """
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:  # brackets without an IPv6 address
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return None if local_path(path) == "/" else path
