"""The settings: each has its name, type, default and description here only.

The variable of a field is ``ROUNDSMAN_`` and its name in capitals. A field with ``repr=False`` is a secret: it is never
shown, and may also come from a file.
"""

import json
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from service.config.roles import NO_ROLE, RoleRules, check_header, check_issuer, check_names, parse_names
from service.model import AccessRole

PREFIX = "ROUNDSMAN_"
_MIN_ADMIN_TOKEN_CHARACTERS = 16
_MIN_READ_TOKEN_CHARACTERS = 32  # a key of a signed address can be used to try tokens, away from every limit of ours
_MIN_READ_TOKEN_VARIETY = 10
_DATABASES = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}
_EXAMPLE_ADDRESSES = {"public_url": "https://roundsman.example.com", "circleci_url": "https://circleci.example.com"}
_MAX_NAME_BYTES = 255
_POSTGRES = re.compile(r"(?:[^@/?]*@)?(?P<hosts>[^@/?#]*)(?:/[^@/?#]*)?(?:\?(?P<query>[^@#]*))?")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:[0-9]{1,5})?")
SECRET_ADVICE = "make one with: openssl rand -hex 32"  # noqa: S105 - advice, not a secret


def _database_url(url: str) -> str:
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


def _origin(url: str, info: ValidationInfo[Any]) -> str:
    """Return a web address without its last slash; it has no path, query or user."""
    if not re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?/?", url) or not _has_valid_port(url):
        model = _EXAMPLE_ADDRESSES[info.field_name or ""]
        raise ValueError(f"must be an address like {model}, with nothing after the host and port")
    return url.removesuffix("/")


def _slack_url(url: str) -> str:
    """Return the address that a method's name is appended to."""
    found = re.fullmatch(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::\d{1,5})?(/[\w./-]*)?", url)
    if found is None or not _has_valid_port(url):
        raise ValueError("must be an address like https://slack.com/api/, without a query")
    path = (found[1] or "/").strip("/") or "api"
    return f"{url[: found.start(1)] if found[1] else url}/{path}/"


def _watchdog(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+([/?]\S*)?", url) or not _has_valid_port(url):
        raise ValueError("must be a whole address, as the service that waits for its call shows it: https://...")
    return url


def _has_valid_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:  # a port of no machine, or brackets that are no IPv6 address
        return False


def _host(host: str) -> str:
    if not _is_address(host) and not re.fullmatch(r"[\w.-]+", host):
        raise ValueError(f"must be a host name or an address; a port goes to {PREFIX}PORT")
    return host


def _port(port: object) -> object:
    if isinstance(port, str) and port.startswith("tcp://"):
        raise ValueError("was set by Kubernetes for a Service called roundsman; give the pod enableServiceLinks: false")
    return port


def _networks(written: str) -> str:
    parse_networks(written)
    return written


def _admin_token(token: str) -> str:
    if len(token) < _MIN_ADMIN_TOKEN_CHARACTERS:
        raise ValueError(
            f"is shorter than {_MIN_ADMIN_TOKEN_CHARACTERS} characters and could be guessed; {SECRET_ADVICE}"
        )
    return token


def _read_token(token: str) -> str:
    if len(token) < _MIN_READ_TOKEN_CHARACTERS or len(set(token)) < _MIN_READ_TOKEN_VARIETY:
        raise ValueError(
            f"needs {_MIN_READ_TOKEN_CHARACTERS} characters, {_MIN_READ_TOKEN_VARIETY} of them different: with the key "
            f"of a signed address anyone could guess a simpler one; {SECRET_ADVICE}"
        )
    return token


def _secrets(written: object) -> object:
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


class Settings(BaseModel):
    """The settings, checked. Secrets are plain text, and no repr shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        default="sqlite:///data/roundsman.db",
        repr=False,
        description="The address of the database, which holds all data: `sqlite:///relative/path`, "
        "`sqlite:////absolute/path` or `postgresql://user:password@host/name`; "
        "more on that in [scaling](scaling.md#the-address-of-postgres).",
    )
    config: Path = Field(default=Path("roundsman.yaml"), description="The file with the receivers, routes and hooks.")
    webhook_secrets: Annotated[tuple[str, ...], BeforeValidator(_secrets)] = Field(
        default=(),
        repr=False,
        description="The secrets that CircleCI signs with, separated by line breaks or commas, newest first. "
        "Each is accepted, so that one can be replaced without losing a webhook. Required to serve. "
        'A secret that has a comma in it is written in a JSON list: `["a,b", "another"]`.',
    )
    circleci_token: str | None = Field(
        default=None,
        repr=False,
        description="A personal API token of CircleCI. Without it messages lack failed jobs, tests and the actor, "
        "and hooks cannot be set up.",
    )
    circleci_url: Annotated[str, AfterValidator(_origin)] = Field(
        default="https://circleci.com", description="The address of CircleCI; change it for CircleCI Server."
    )
    circleci_api: Literal["auto", "v3", "v2"] = Field(
        default="auto",
        description="The version of CircleCI's API from which test results and the logs of failed steps are read: "
        "`v3`, and v2 where that fails, `v2` (with v1.1, as a CircleCI Server has them), or `auto`: v3 at "
        "circleci.com, v2 elsewhere.",
    )
    public_url: Annotated[str, AfterValidator(_origin)] | None = Field(
        default=None,
        description="Our own address as CircleCI and people see it: for links in messages and for hooks. "
        "Anything but loopback requires the admin token.",
    )
    host: Annotated[str, AfterValidator(_host)] = Field(
        default="127.0.0.1", description="The address to listen on. Anything but loopback requires the admin token."
    )
    port: Annotated[int, BeforeValidator(_port)] = Field(
        default=8000, ge=0, le=65535, description="The port to listen on; 0 takes any free one."
    )
    admin_token: Annotated[str, AfterValidator(_admin_token)] | None = Field(
        default=None,
        repr=False,
        description="Bearer token of the API and password of the pages, at least 16 characters. "
        "Without it `serve` makes one and keeps it in the file `admin-token` beside the database. "
        "It is required on Postgres, and if the pages are reachable from other machines.",
    )
    read_token: Annotated[str, AfterValidator(_read_token)] | None = Field(
        default=None,
        repr=False,
        description="A token that only reads: GET requests of the API, feeds and badges, as a Bearer token or as "
        "the password of Basic, at least 32 characters. The keys of [signed "
        "addresses](http.md#feeds-and-badges) are made with it, and a new token makes them all invalid.",
    )
    mcp: bool = Field(
        default=False,
        description="Answer [assistants](mcp.md) at `/mcp`: `true` or `false`. It needs the extra `roundsman[mcp]`.",
    )
    watchdog_url: Annotated[str, AfterValidator(_watchdog)] | None = Field(
        default=None,
        repr=False,
        description="A dead man's switch: the address of a service that raises the alarm when it is fetched no longer. "
        "It is fetched once a minute while all is ready. It is a secret, since a fetch by others counts as well.",
    )
    slack_url: Annotated[str, AfterValidator(_slack_url)] = Field(
        default="https://slack.com/api/",
        description="The address of Slack's Web API, for `slack-bot://` channels; change it for GovSlack.",
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = Field(
        default="127.0.0.0/8, ::1",
        description="The addresses and networks of proxies in front of us, separated by commas, or `none`. Only these "
        "are believed when they say, in X-Forwarded-For and X-Forwarded-Proto, where a request came from.",
    )
    user_header: Annotated[str, AfterValidator(check_header)] | None = Field(
        default=None,
        description="The header in which a proxy in front of us names the user who is logged in there, such as "
        "`X-Forwarded-User`. It is believed from `ROUNDSMAN_TRUSTED_PROXIES` alone, which must then be set.",
    )
    groups_header: Annotated[str, AfterValidator(check_header)] | None = Field(
        default=None,
        description="The header in which that proxy names the user's groups, separated by commas, such as "
        "`X-Forwarded-Groups`.",
    )
    admins: Annotated[str, AfterValidator(check_names)] = Field(
        default="",
        description="The users with the role admin, separated by commas, and groups as `group:NAME`. "
        "Who has the admin token is an admin too.",
    )
    operators: Annotated[str, AfterValidator(check_names)] = Field(
        default="", description="The users and groups with the role operator, written in the same way."
    )
    default_role: Literal["viewer", "operator", "none"] = Field(
        default="viewer",
        description="The role of all other users whom the proxy or the OpenID provider names: `viewer`, `operator`, or "
        "`none`: they are not let in.",
    )
    oidc_issuer: Annotated[str, AfterValidator(check_issuer)] | None = Field(
        default=None,
        description="The issuer of an OpenID provider where people log in, exactly as it names itself, as in "
        "`https://accounts.google.com`. It needs a client and [whom to let in](http.md#openid-connect).",
    )
    oidc_client_id: str | None = Field(default=None, description="The client id that the provider gave us.")
    oidc_client_secret: str | None = Field(
        default=None, repr=False, description="The client secret that the provider gave us."
    )
    oidc_domains: Annotated[str, AfterValidator(check_names)] = Field(
        default="",
        description="The domains of email addresses that may log in there, separated by commas; `*` for all that the "
        "provider knows.",
    )
    oidc_groups: Annotated[str, AfterValidator(check_names)] = Field(
        default="",
        description="The groups of which one is needed to log in there, separated by commas, as its claim `groups` "
        "names them. With domains too, both are needed.",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1, description="The largest post to accept; more is answered 413."
    )
    keep_days: int = Field(
        default=400,
        ge=1,
        le=36_500,
        description="For how many days events are kept, with their deliveries, decisions and messages. "
        "A dead letter is kept until a person has dealt with it.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that the log shows: `debug`, `info`, `warning` or `error`."
    )

    @property
    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks of the trusted proxies."""
        return parse_networks(self.trusted_proxies)

    @property
    def role_rules(self) -> RoleRules:
        """Return the rules for the roles of users."""
        return RoleRules(
            admins=parse_names(self.admins),
            operators=parse_names(self.operators),
            default=None if self.default_role == NO_ROLE else AccessRole(self.default_role),
        )

    @property
    def is_on_loopback(self) -> bool:
        """True if the service can be reached from this machine only."""
        return is_loopback(self.host)

    @property
    def has_public_address(self) -> bool:
        """True if the public URL leads to more than this machine.

        Then a proxy or tunnel in front of us lets other machines in.
        """
        return self.public_url is not None and not is_loopback(urlsplit(self.public_url).hostname or "")

    @property
    def is_shared(self) -> bool:
        """True if many processes share the database."""
        return not self.database_url.startswith("sqlite:")

    @property
    def address(self) -> str:
        """Return the address of the pages, for people on this machine.

        With port 0 it is not the real one: any free port is taken.
        """
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - taken as its loopback
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


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


def describe_number_error(written: object, at_least: int, at_most: int | None, otherwise: object) -> str:
    """Return the end of a sentence about a value that should be a number.

    Such as ``must be a whole number from 1 to 200, not 'x'``.
    """
    limits = f"from {at_least} to {at_most}" if at_most is not None else f"of at least {at_least}"
    return f"must be a whole number {limits}, not {str(written)[:50]!a}: correct it, or leave it out for {otherwise}"


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def is_secret(name: str) -> bool:
    """Return True for a secret: it is never shown, and may come from a file."""
    return not Settings.model_fields[name].repr


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
