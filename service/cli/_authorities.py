"""Whose certificates are trusted: one variable for what we ask ourselves and for what channels ask."""

from collections.abc import MutableMapping
from pathlib import Path

from service.errors import BadConfig

OURS = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # heeded by OpenSSL, and so by httpx and mail
CHANNELS = "REQUESTS_CA_BUNDLE"  # heeded by requests, before curl's variable; a file or a folder


def share_authorities(environ: MutableMapping[str, str]) -> None:
    """Have channels trust what SSL_CERT_FILE names, and us what REQUESTS_CA_BUNDLE names, where only one is set.

    Raises BadConfig for one that is not there: the libraries would fail at the first connection, and not say which.
    """
    for name in (*OURS, CHANNELS):
        if environ.get(name) and not Path(environ[name]).exists():
            raise BadConfig(f"{name}: {environ[name]} does not exist; name a file of certificates in PEM form")
    ours = next((environ[name] for name in OURS if environ.get(name)), None)
    channels = environ.get(CHANNELS)
    if ours and not channels:
        environ[CHANNELS] = ours
    elif channels and not ours:
        environ[OURS[Path(channels).is_dir()]] = channels
