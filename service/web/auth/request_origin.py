"""Check Sec-Fetch-Site and Origin to block cross-site requests.

Browsers set both headers, and no page can change them, so no form needs a token. The check is that of Go 1.25
(``net/http.CrossOriginProtection``) and Datasette, but for one thing: where the public URL is known, a page of its host
must have its scheme too.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_cross_origin(headers: Headers, public_url: str | None) -> bool:
    """Return whether a browser sent the request for a page of another origin.

    Sec-Fetch-Site decides if it is there: browsers send it to HTTPS and loopback addresses, and it is true behind a
    proxy that changes Host. Else Origin decides, which every browser sends with a post. Clients other than browsers
    send neither header; their requests count as ours.

    Source: Fetch standard, "The Origin header"; W3C, "Fetch Metadata Request Headers".
    """
    if sites := headers.getlist("sec-fetch-site"):
        return not {"same-origin", "none"}.issuperset(sites)
    host = headers.get("host", "")
    return not all(_is_ours(origin, host, public_url) for origin in headers.getlist("origin"))


def _is_ours(origin: str, host: str, public_url: str | None) -> bool:
    """Return whether an origin has the host of this request or of the public URL.

    A proxy may change Host and end TLS, so only the public URL tells the scheme.
    """
    try:
        theirs = urlsplit(origin.lower())
    except ValueError:  # brackets without an IPv6 address
        return False
    public = urlsplit((public_url or "").lower())
    if theirs.scheme not in _DEFAULT_PORTS or not theirs.netloc:
        return False
    default_port = _DEFAULT_PORTS[theirs.scheme]
    their_host = theirs.netloc.removesuffix(default_port)
    if their_host == public.netloc.removesuffix(_DEFAULT_PORTS.get(public.scheme, "")):
        return theirs.scheme == public.scheme
    return their_host == host.lower().removesuffix(default_port)
