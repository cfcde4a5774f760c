"""What browsers send back: form fields, and the way to return."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request

from service.errors import BadRequest
from service.text import clean

MAX_FORM_BYTES = 16_384
# A browser takes two slashes, also crooked ones, for the start of another host, and skips blanks and line breaks
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form, of which each stands once. Raises BadRequest."""
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
    """The path if it leads to a page of ours, else ``/``: a link must not send people elsewhere after login."""
    return text if text and LOCAL_PATH.fullmatch(text) else "/"


def login_path(wanted: str) -> str:
    """Return the address of the login that leads on to a page of ours."""
    return "/login?" + urlencode({"next": local_path(wanted)})


def request_path(request: Request) -> str:
    """Return the path and query of a request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def referring_path(request: Request) -> str | None:
    """The path of the page that a form was sent from; None when the browser does not say, or only from which site."""
    try:
        path = local_path(urlsplit(request.headers.get("referer", "")).path)
    except ValueError:  # brackets that are no IPv6 address
        return None
    return None if path == "/" else path
