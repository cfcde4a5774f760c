"""Read posted forms, and the local paths to redirect to afterwards."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request

from service.errors import BadRequest
from service.text import clean

MAX_FORM_BYTES = 16_384
# A browser takes two slashes or backslashes for the start of another host, and skips blanks and line breaks
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form by name; of a repeated one, the last value.

    Raises BadRequest.
    """
    return dict(await read_fields(request))


async def read_fields(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a posted form, in order. Raises BadRequest."""
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
    """Return the path of the page that sent a form; None if the browser hides it."""
    try:
        path = local_path(urlsplit(request.headers.get("referer", "")).path)
    except ValueError:  # brackets without an IPv6 address
        return None
    return None if path == "/" else path
