"""Read the values of settings.

Each function raises ValueError with the end of a sentence.
"""

import json
import os
import re
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationInfo

PREFIX = "ROUNDSMAN_"
_MIN_ADMIN_TOKEN_CHARACTERS = 16
_MIN_READ_TOKEN_CHARACTERS = 32  # a key of a signed address can be used to try tokens, away from every limit of ours
_MIN_READ_TOKEN_VARIETY = 10
_TOKEN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_DATABASES = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}
_EXAMPLE_ADDRESSES = {"public_url": "https://roundsman.example.com", "circleci_url": "https://circleci.example.com"}
_MAX_NAME_BYTES = 255
_POSTGRES = re.compile(r"(?:[^@/?]*@)?(?P<hosts>[^@/?#]*)(?:/[^@/?#]*)?(?:\?(?P<query>[^@#]*))?")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:[0-9]{1,5})?")
SECRET_ADVICE = "make one with: openssl rand -hex 32"  # noqa: S105 - advice, not a secret


def check_database_url(url: str) -> str:
    """Return the address of a database, if it is one that we can open."""
    scheme, _, rest = url.partition("://")
    database = _DATABASES.get(scheme.partition("+")[0])
    if database is None:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if "+" in scheme:
        raise ValueError(f"must begin with {database}://, without a driver; choosing one is our business")
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError("holds a control character, such as a line break; remove it")
    if database == "sqlite":
        _check_sqlite(rest)
    else:
        _check_postgres(rest)
    return url


def _check_sqlite(rest: str) -> None:
    if not rest.startswith("/") or rest in {"/", "/:memory:"}:
        raise ValueError("must name a file, as in sqlite:///data/roundsman.db or sqlite:////var/lib/roundsman.db")
    if "?" in rest:
        raise ValueError("must name a file and nothing else: no parameters, and no ? in its name")
    if any(len(os.fsencode(name)) > _MAX_NAME_BYTES for name in rest.split("/")):
        raise ValueError(f"has a name that is longer than {_MAX_NAME_BYTES} bytes, which no file can have")


def _check_postgres(rest: str) -> None:
    """Raise ValueError for a URL that Postgres' library would read in another way.

    Its own errors may show a piece of the password.
    """
    if not rest.strip("/"):
        raise ValueError("must name a host and a database, as in postgresql://user:password@host/roundsman")
    parts = _POSTGRES.fullmatch(rest)
    if parts is None or not rest.isprintable() or re.search(r"%(?![0-9A-Fa-f]{2})|%00", rest):
        raise ValueError(
            "cannot be taken apart: in user and password, percent-encode what is neither a letter nor a digit, "
            "such as @ as %40, / as %2F, # as %23, ? as %3F and % as %25"
        )
    if not all(_HOST_AND_PORT.fullmatch(host) for host in parts["hosts"].split(",")):
        raise ValueError("must name the port by its number, as in postgresql://user:password@host:5432/roundsman")
    if not all(re.fullmatch("[a-z_]+=[^=]*", parameter) for parameter in (parts["query"] or "_=").split("&")):
        raise ValueError("must have its parameters as name=value with & between them, as in ?sslmode=verify-full")


def check_origin(url: str, info: ValidationInfo[Any]) -> str:
    """Return a web address without its last slash; it has no path, query or user."""
    if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?/?", url) or not _has_valid_port(url):
        model = _EXAMPLE_ADDRESSES[info.field_name or ""]
        raise ValueError(f"must be an address like {model}, with nothing after the host and port")
    return url.removesuffix("/")


def check_slack_url(url: str) -> str:
    """Return the address that a method's name is appended to."""
    found = re.fullmatch(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::\d{1,5})?(/[\w./-]*)?", url)
    if found is None or not _has_valid_port(url):
        raise ValueError("must be an address like https://slack.com/api/, without a query")
    path = (found[1] or "/").strip("/") or "api"
    return f"{url[: found.start(1)] if found[1] else url}/{path}/"


def read_day(written: object) -> date | None:
    """Return a day, written as 2027-03-31; the value itself if it is one already."""
    if isinstance(written, date) or written is None:
        return written
    try:
        return date.fromisoformat(str(written).strip())
    except ValueError:
        raise ValueError("must be a day like 2027-03-31") from None


def check_watchdog(url: str) -> str:
    """Return the whole address of a service that waits for calls."""
    if not re.fullmatch(r"https?://[^\s/?#@]+([/?]\S*)?", url) or not _has_valid_port(url):
        raise ValueError("must be a whole address, as the service that waits for its call shows it: https://...")
    return url


def _has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:  # a port of no machine, or brackets that are no IPv6 address
        return False


def check_host(host: str) -> str:
    """Return a host name or an address, without a port."""
    if not _is_address(host) and not re.fullmatch(r"[\w.-]+", host):
        raise ValueError(f"must be a host name or an address; a port goes to {PREFIX}PORT")
    return host


def check_port(port: object) -> object:
    """Return a port; raise ValueError for an address that Kubernetes has set."""
    if isinstance(port, str) and port.startswith("tcp://"):
        raise ValueError("was set by Kubernetes for a Service called roundsman; give the pod enableServiceLinks: false")
    return port


def check_networks(written: str) -> str:
    """Return a list of networks, if all of them are some."""
    parse_networks(written)
    return written


def check_admin_token(token: str) -> str:
    """Return an admin token that cannot be guessed."""
    if len(token) < _MIN_ADMIN_TOKEN_CHARACTERS:
        raise ValueError(
            f"is shorter than {_MIN_ADMIN_TOKEN_CHARACTERS} characters and could be guessed; {SECRET_ADVICE}"
        )
    return token


def check_read_token(token: str) -> str:
    """Return a read token whose signed addresses do not give it away."""
    if len(token) < _MIN_READ_TOKEN_CHARACTERS or len(set(token)) < _MIN_READ_TOKEN_VARIETY:
        raise ValueError(
            f"needs {_MIN_READ_TOKEN_CHARACTERS} characters, {_MIN_READ_TOKEN_VARIETY} of them different: with the key "
            f"of a signed address anyone could guess a simpler one; {SECRET_ADVICE}"
        )
    return token


def check_operator_tokens(written: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tokens of operators, each with its name, that cannot be guessed."""
    for number, one in enumerate(written, start=1):
        name, mark, token = one.partition("=")
        if not mark or not _TOKEN_NAME.fullmatch(name.strip()) or name.strip().lower() == "admin":
            raise ValueError(
                f"has no name for token {number}: write NAME=TOKEN, where NAME says in the record which program acts, "
                "in up to 60 letters, digits, dots and dashes, and is not admin"
            )
        _check_token(token.strip(), f"has a token of {name.strip()} that ", "with it anyone could act as an operator")
    tokens = [token for _, token in named_tokens(written)]
    if len(set(tokens)) < len(tokens):
        raise ValueError(f"has one token under two names, and the record tells them apart by it; {SECRET_ADVICE}")
    return written


def named_tokens(written: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the name and the token of each NAME=TOKEN."""
    parts = (one.partition("=") for one in written)
    return [(name.strip(), token.strip()) for name, _, token in parts]


def check_otlp_tokens(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Return tokens that cannot be guessed, and that a header can carry."""
    for number, token in enumerate(tokens, start=1):
        _check_otlp_token(token, f"token {number} of {len(tokens)} " if len(tokens) > 1 else "")
    return tokens


def _check_otlp_token(token: str, which: str) -> None:
    _check_token(token, which, "with it anyone could send spans")


def _check_token(token: str, which: str, danger: str) -> None:
    if len(token) < _MIN_READ_TOKEN_CHARACTERS or len(set(token)) < _MIN_READ_TOKEN_VARIETY:
        raise ValueError(
            f"{which}needs {_MIN_READ_TOKEN_CHARACTERS} characters, {_MIN_READ_TOKEN_VARIETY} of them different: "
            f"{danger}; {SECRET_ADVICE}"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"{which}has a character that no header carries; {SECRET_ADVICE}")


def read_secrets(written: object) -> object:
    """Return the secrets of a list with commas or line breaks, in the order written.

    Blanks around a secret and repeats are dropped. A JSON list of texts is taken as it is: the way to write a secret
    that has a comma in it.
    """
    if not isinstance(written, str):
        return written
    if listed := _json_list(written):
        return listed
    if re.match(r"""\[\s*["']""", written):
        raise ValueError("begins like a JSON list of texts, and is none; write the secrets with commas between them")
    return tuple(dict.fromkeys(secret.strip() for secret in re.split(r"[\n,]", written) if secret.strip()))


def _json_list(written: str) -> tuple[str, ...] | None:
    if not written.startswith("["):
        return None
    try:
        listed = json.loads(written)
    except (ValueError, RecursionError):
        return None  # a secret may begin with a bracket
    if isinstance(listed, list) and listed and all(isinstance(each, str) and each.strip() for each in listed):
        return tuple(dict.fromkeys(listed))
    return None


def is_loopback(host: str) -> bool:
    """Return True if a host name or address leads to this machine only."""
    return host.lower() in {"localhost", "localhost."} or (_is_address(host) and ip_address(host).is_loopback)


def parse_networks(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a list with commas or blanks; ``none`` is an empty list.

    Raises ValueError with the end of a sentence.
    """
    if written.strip().lower() == "none":
        return ()
    networks = []
    for text in re.split(r"[,\s]+", written.strip(", ")):
        try:
            networks.append(ip_network(text))
        except ValueError:
            raise ValueError(_not_a_network(text)) from None
    return tuple(networks)


def _not_a_network(text: str) -> str:
    problem = f"holds {text[:50]!a}, which is no address or network like 10.0.0.0/8"
    try:
        return f"{problem}; did you mean {ip_network(text, strict=False)}?"
    except ValueError:
        return f"{problem}; separate them by commas"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
