"""The settings: each has its name, type, default and description here only.

The variable of a field is ``ROUNDSMAN_`` and its name in capitals. A field with ``repr=False`` is a secret: it is never
shown, and may also come from a file.
"""

from datetime import date
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from service.config.roles import NO_ROLE, RoleRules, check_header, check_issuer, check_names, parse_names
from service.config.setting_values import (
    PREFIX,
    check_admin_token,
    check_database_url,
    check_host,
    check_networks,
    check_operator_tokens,
    check_origin,
    check_otlp_tokens,
    check_port,
    check_read_token,
    check_slack_url,
    check_watchdog,
    is_loopback,
    parse_networks,
    read_day,
    read_secrets,
)
from service.model import AccessRole


class Settings(BaseModel):
    """The settings, checked. Secrets are plain text, and no repr shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[str, AfterValidator(check_database_url)] = Field(
        default="sqlite:///data/roundsman.db",
        repr=False,
        description="The address of the database, which holds all data: `sqlite:///relative/path`, "
        "`sqlite:////absolute/path` or `postgresql://user:password@host/name`; "
        "more on that in [scaling](scaling.md#the-address-of-postgres).",
    )
    config: Path = Field(default=Path("roundsman.yaml"), description="The file with the receivers, routes and hooks.")
    webhook_secrets: Annotated[tuple[str, ...], BeforeValidator(read_secrets)] = Field(
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
    circleci_admin_token: str | None = Field(
        default=None,
        repr=False,
        description="A personal API token of an organization admin, for what Roundsman manages at CircleCI: hooks and "
        "all else that is changed there. Without it `ROUNDSMAN_CIRCLECI_TOKEN` is used for that too.",
    )
    circleci_token_ends: Annotated[date | None, BeforeValidator(read_day)] = Field(
        default=None,
        description="The day on which `ROUNDSMAN_CIRCLECI_TOKEN` ends, as CircleCI showed it when the token was made: "
        "`2027-03-31`. CircleCI's API does not tell it. The operators are told 30 and 7 days before.",
    )
    circleci_admin_token_ends: Annotated[date | None, BeforeValidator(read_day)] = Field(
        default=None, description="The day on which `ROUNDSMAN_CIRCLECI_ADMIN_TOKEN` ends, in the same form."
    )
    circleci_url: Annotated[str, AfterValidator(check_origin)] = Field(
        default="https://circleci.com", description="The address of CircleCI; change it for CircleCI Server."
    )
    circleci_api: Literal["auto", "v3", "v2"] = Field(
        default="auto",
        description="The version of CircleCI's API from which test results and the logs of failed steps are read: "
        "`v3`, and v2 where that fails, `v2` (with v1.1, as a CircleCI Server has them), or `auto`: v3 at "
        "circleci.com, v2 elsewhere.",
    )
    reconcile: int = Field(
        default=2,
        ge=0,
        le=60,
        description="After how many minutes new pipelines are listed at CircleCI, to find "
        "webhooks that never came, and workflows that wait for an approval; 0 turns both off. It needs the API token.",
    )
    reconcile_calls: int = Field(
        default=60,
        ge=1,
        le=600,
        description="The calls of CircleCI's API in a minute that this may make. "
        "`roundsman backfill` takes its calls from the same ones, and leaves the timer a third of them.",
    )
    public_url: Annotated[str, AfterValidator(check_origin)] | None = Field(
        default=None,
        description="Our own address as CircleCI and people see it: for links in messages and for hooks. "
        "Anything but loopback requires the admin token.",
    )
    host: Annotated[str, AfterValidator(check_host)] = Field(
        default="127.0.0.1", description="The address to listen on. Anything but loopback requires the admin token."
    )
    port: Annotated[int, BeforeValidator(check_port)] = Field(
        default=8000, ge=0, le=65535, description="The port to listen on; 0 takes any free one."
    )
    admin_token: Annotated[str, AfterValidator(check_admin_token)] | None = Field(
        default=None,
        repr=False,
        description="Bearer token of the API and password of the pages, at least 16 characters. "
        "Without it `serve` makes one and keeps it in the file `admin-token` beside the database. "
        "It is required on Postgres, and if the pages are reachable from other machines.",
    )
    operator_tokens: Annotated[
        tuple[str, ...], BeforeValidator(read_secrets), AfterValidator(check_operator_tokens)
    ] = Field(
        default=(),
        repr=False,
        description="Bearer tokens of programs that act, each written as NAME=TOKEN, separated by commas or line "
        "breaks: with one a program has the role operator in the API, and is `api token of NAME` in the record. Each "
        "is at least 32 characters; while one is replaced, both may stand here under one name.",
    )
    read_token: Annotated[str, AfterValidator(check_read_token)] | None = Field(
        default=None,
        repr=False,
        description="A token that only reads: GET requests of the API, feeds and badges, as a Bearer token or as "
        "the password of Basic, at least 32 characters. The keys of [signed "
        "addresses](http.md#feeds-and-badges) are made with it, and a new token makes them all invalid.",
    )
    otlp_token: Annotated[tuple[str, ...], BeforeValidator(read_secrets), AfterValidator(check_otlp_tokens)] = Field(
        default=(),
        repr=False,
        description="The Bearer token of [CircleCI's OpenTelemetry exporter](otlp.md), at least 32 characters. "
        "While it is replaced two may stand here, separated by a line break or a comma, newest first: each is "
        "accepted. Without one the receiver at `/otlp/v1/traces` is off.",
    )
    mcp: bool = Field(
        default=False,
        description="Answer [assistants](mcp.md) at `/mcp`: `true` or `false`. It needs the extra `roundsman[mcp]`.",
    )
    watchdog_url: Annotated[str, AfterValidator(check_watchdog)] | None = Field(
        default=None,
        repr=False,
        description="A dead man's switch: the address of a service that raises the alarm when it is fetched no longer. "
        "It is fetched once a minute while all is ready. It is a secret, since a fetch by others counts as well.",
    )
    slack_url: Annotated[str, AfterValidator(check_slack_url)] = Field(
        default="https://slack.com/api/",
        description="The address of Slack's Web API, for `slack-bot://` channels; change it for GovSlack.",
    )
    trusted_proxies: Annotated[str, AfterValidator(check_networks)] = Field(
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


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def is_secret(name: str) -> bool:
    """Return True for a secret: it is never shown, and may come from a file."""
    return not Settings.model_fields[name].repr
