"""Whose certificates are trusted: one variable for what we ask ourselves and for what channels ask."""

from collections.abc import MutableMapping
from pathlib import Path

from service.errors import BadConfig

OPENSSL_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # heeded by OpenSSL, and so by httpx and mail
REQUESTS_VARIABLE = "REQUESTS_CA_BUNDLE"  # heeded by requests, before curl's variable; a file or a folder


def share_ca_certificates(environ: MutableMapping[str, str]) -> None:
    """Have channels trust what SSL_CERT_FILE names, and us what REQUESTS_CA_BUNDLE names, where only one is set.

    Raises BadConfig for one that is not there: the libraries would fail at the first connection, and not say which.
    """
    for name in (*OPENSSL_VARIABLES, REQUESTS_VARIABLE):
        if environ.get(name) and not Path(environ[name]).exists():
            raise BadConfig(f"{name}: {environ[name]} does not exist; name a file of certificates in PEM form")
    openssl = next((environ[name] for name in OPENSSL_VARIABLES if environ.get(name)), None)
    requests = environ.get(REQUESTS_VARIABLE)
    if openssl and not requests:
        environ[REQUESTS_VARIABLE] = openssl
    elif requests and not openssl:
        environ[OPENSSL_VARIABLES[Path(requests).is_dir()]] = requests
