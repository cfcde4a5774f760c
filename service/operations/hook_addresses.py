"""Comparison of hook addresses with ours, in any spelling."""

from urllib.parse import urlsplit

from service.model import Hook


def posts_to_us(hook: Hook, our_url: str | None) -> bool:
    """Return True if a hook posts to our address, in any spelling.

    A hook of ours that is not recognized would be created a second time.
    """
    return hook.url == our_url or (our_url is not None and _address(hook.url) == _address(our_url))


def host_of(hook: Hook) -> str:
    """Return the host that a hook posts to.

    The rest of a foreign hook's address may be a secret.
    """
    try:
        return urlsplit(hook.url).hostname or "an address of its own"
    except ValueError:  # brackets that are no IPv6 address
        return "an address that cannot be read"


def _address(url: str) -> tuple[str, str, int | None, str] | str:
    """Return the comparable parts of a URL; the URL itself if it cannot be parsed."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return url
    return (parts.scheme, parts.hostname or "", port, f"{parts.path.rstrip('/')}?{parts.query}")
