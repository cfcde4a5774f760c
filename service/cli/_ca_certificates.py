"""Trusted CA certificates: one environment variable for all HTTP clients.

Our own requests go through OpenSSL, those of channels through requests, and each reads a variable of its own.
"""

from collections.abc import MutableMapping
from pathlib import Path

from service.errors import BadConfig

OPENSSL_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # read by OpenSSL, and so by httpx and mail
REQUESTS_VARIABLE = "REQUESTS_CA_BUNDLE"  # read by requests, before curl's variable; a file or a folder


def share_ca_certificates(environ: MutableMapping[str, str]) -> None:
    """Copy SSL_CERT_FILE to REQUESTS_CA_BUNDLE or back, if only one of them is set.

    Raises BadConfig for a file that does not exist: the libraries would fail at the first connection without naming it.
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
