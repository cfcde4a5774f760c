"""The environment: read the settings from variables, and secrets also from files.

The file of a secret is named by the variable NAME_FILE.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.config.setting_values import PREFIX, SECRET_ADVICE, named_tokens
from service.config.settings import Settings, is_secret, variable
from service.errors import BadConfig
from service.text import describe_number_error

_MIN_WEBHOOK_SECRET_CHARACTERS = 8
_INVENTED = frozenset(
    {"webhook_secrets", "admin_token", "operator_tokens", "read_token", "otlp_token"}
)  # secrets of our own making
_PLACEHOLDER = re.compile(r"\.\.\.|\u2026|<[^<>]*>")  # as instructions mark a value to fill in


def load_settings(environ: Mapping[str, str], *, serving: bool = False, has_pages: bool = True) -> Settings:
    """Read the environment; raise BadConfig with all problems at once.

    serving     also require the settings that are needed to receive webhooks
    has_pages   with ``serving``: also require the settings that protect the pages
    """
    values, problems = _read_values(environ)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [f"{variable(str(each['loc'][0]))} {_claim(each, values)}" for each in error.errors()]
    else:
        problems += _token_problems(settings)
        problems += _otlp_problems(settings)
        problems += _user_problems(settings)
        problems += _oidc_problems(settings)
        faulty = {name for name in Settings.model_fields if name not in values and _is_given(environ, name)}
        problems += _serving_problems(settings, faulty, has_pages=has_pages) if serving else []
    if problems:
        raise BadConfig(*problems)
    return settings


def settings_warnings(settings: Settings) -> tuple[str, ...]:
    """Return a sentence about each setting that is allowed but unsafe."""
    return tuple(_short_secret_warnings(settings)) + tuple(_unlimited_trust_warnings(settings))


def _short_secret_warnings(settings: Settings) -> Iterator[str]:
    yield from (
        f"{variable('webhook_secrets')}: secret {number} is shorter than {_MIN_WEBHOOK_SECRET_CHARACTERS} characters "
        f"and could be guessed; {SECRET_ADVICE}"
        for number, secret in enumerate(settings.webhook_secrets, start=1)
        if len(secret) < _MIN_WEBHOOK_SECRET_CHARACTERS
    )


def _unlimited_trust_warnings(settings: Settings) -> Iterator[str]:
    if any(network.prefixlen == 0 for network in settings.trusted_networks):
        yield (
            f"{variable('trusted_proxies')} {settings.trusted_proxies} believes every client that says where a request "
            "came from; name the addresses of your proxies alone"
        )


def _token_problems(settings: Settings) -> Iterator[str]:
    if settings.read_token is not None and settings.read_token == settings.admin_token:
        yield (
            f"{variable('read_token')} is the same as {variable('admin_token')}, so a reader could change everything; "
            f"{SECRET_ADVICE}"
        )

    others = (settings.admin_token, settings.read_token, settings.circleci_token, settings.circleci_admin_token)
    if {token for _, token in named_tokens(settings.operator_tokens)} & set(others):
        yield (
            f"{variable('operator_tokens')} has a token that is another token of ours, which opens more or less; "
            f"{SECRET_ADVICE}"
        )


def _otlp_problems(settings: Settings) -> Iterator[str]:
    others = [settings.admin_token, settings.read_token, settings.circleci_token, settings.circleci_admin_token]
    others += [token for _, token in named_tokens(settings.operator_tokens)]
    if set(settings.otlp_token) & set(others):
        yield (
            f"{variable('otlp_token')} is the same as another token of ours, and CircleCI is told this one; "
            f"{SECRET_ADVICE}"
        )


def _user_problems(settings: Settings) -> Iterator[str]:
    """Yield the problems with the settings for users whom others name."""
    header, proxies = variable("user_header"), variable("trusted_proxies")
    if settings.user_header is None:
        if settings.groups_header is not None:
            yield f"{variable('groups_header')} is set without {header}; set that too, or remove it"
        return
    if "trusted_proxies" not in settings.model_fields_set or not settings.trusted_networks:
        yield (
            f"{header} is set without {proxies}, so any program that reaches us could name itself an admin; set it to "
            "the addresses of the proxies that log users in"
        )
    elif any(network.prefixlen == 0 for network in settings.trusted_networks):
        yield (
            f"{header} is set and {proxies} is {settings.trusted_proxies}, so every client could name itself an admin; "
            "name the addresses of the proxies that log users in"
        )


def _oidc_problems(settings: Settings) -> Iterator[str]:
    """Yield what is missing of OpenID Connect where a part is set."""
    needed = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
    missing = [variable(name) for name in needed if not getattr(settings, name)]
    whom = settings.oidc_domains or settings.oidc_groups
    if len(missing) == len(needed) and not whom:
        return
    if not whom:
        missing.append(f"{variable('oidc_domains')} or {variable('oidc_groups')}, which name whom to let in")
    if missing:
        yield f"OpenID Connect is half set: set {' and '.join(missing)} too, or remove the rest"
    if settings.public_url is None and not (settings.is_on_loopback and settings.port):
        yield f"OpenID Connect needs {variable('public_url')}: the provider sends browsers back to it"


def _read_values(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the settings as written, and the problems with the way they were given."""
    values: dict[str, str] = {}
    problems = list(_unknown_variables(environ))
    for name in Settings.model_fields:
        try:
            written = _read_value(environ, name)
        except BadConfig as error:
            problems += error.problems
            continue
        if written is not None:
            values[name] = written
    return values, problems


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    names = [variable(name) for name in Settings.model_fields]
    names += [f"{variable(name)}_FILE" for name in Settings.model_fields if is_secret(name)]
    for unknown in sorted(name for name in environ if name.startswith(PREFIX) and name not in names):
        own = unknown.removesuffix("_FILE")
        likely = (
            [own.removeprefix(PREFIX)]
            if own in names
            else get_close_matches(unknown.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in names], n=1)
        )
        hint = f"did you mean {PREFIX}{likely[0]}?" if likely else "remove it, or see docs/configuration.md"
        yield f"{unknown} is not a setting; {hint}"


def _read_value(environ: Mapping[str, str], name: str) -> str | None:
    given, pointer = variable(name), f"{variable(name)}_FILE"
    if not is_secret(name) or pointer not in environ:
        return _not_empty(name, given, environ[given]) if given in environ else None
    if given in environ:
        raise BadConfig(f"{given} and {pointer} are both set; keep one")
    try:
        return _not_empty(name, f"the file of {pointer}", Path(environ[pointer]).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason, remedy = "it is not UTF-8 text", "write it in UTF-8"
        if isinstance(error, OSError):
            reason, remedy = str(error.strerror), "name a file that this user may read"
        raise BadConfig(f"{pointer}: {environ[pointer] or 'no file'} cannot be read: {reason}; {remedy}") from None


def _is_given(environ: Mapping[str, str], name: str) -> bool:
    return variable(name) in environ or f"{variable(name)}_FILE" in environ


def _not_empty(name: str, subject: str, text: str) -> str:
    if not text.strip():
        advice = f"; {SECRET_ADVICE}" if name in _INVENTED else ""
        raise BadConfig(f"{subject} is empty; give it a value or remove it{advice}")
    if not _is_text(text):
        raise BadConfig(f"{subject} is not UTF-8 text; write it in UTF-8")
    if _PLACEHOLDER.fullmatch(text.strip()):
        raise BadConfig(f"{subject} is {text.strip()}, which only stands for a value; give it a real one")
    return text.strip()


def _is_text(text: str) -> bool:
    """Return True if the text has no lone surrogates.

    Python decodes bytes that the locale cannot read to lone surrogates.
    """
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _claim(error: Mapping[str, Any], values: Mapping[str, str]) -> str:
    name = str(error["loc"][0])
    if Settings.model_fields[name].annotation is int and error["type"] != "value_error":
        return describe_number_error(values[name], *_limits(name), Settings.model_fields[name].default)
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


def _limits(name: str) -> tuple[int, int | None]:
    """Return the minimum and the maximum of a setting that is a number."""
    limits = Settings.model_fields[name].metadata
    at_least = next(limit.ge for limit in limits if hasattr(limit, "ge"))
    return at_least, next((limit.le for limit in limits if hasattr(limit, "le")), None)


def _serving_problems(settings: Settings, faulty: Collection[str], *, has_pages: bool) -> list[str]:
    """Return the problems that prevent the service from receiving webhooks.

    faulty   settings whose problem has been reported already
    """
    problems = []
    if not settings.webhook_secrets and "webhook_secrets" not in faulty:
        problems.append(
            f"{variable('webhook_secrets')} holds no secret, and an unsigned webhook is never accepted; "
            f"{SECRET_ADVICE}, and give the same one to the hook at CircleCI"
        )
    if settings.admin_token is not None or "admin_token" in faulty:
        return problems
    if reason := _admin_token_reason(settings, has_pages=has_pages):
        problems.append(f"{reason} {variable('admin_token')}; {SECRET_ADVICE}")
    return problems


def _admin_token_reason(settings: Settings, *, has_pages: bool) -> str | None:
    """Return the reason why the token that `serve` would make is not enough.

    None if it is enough.
    """
    if not settings.is_on_loopback:
        return f"{variable('host')} {settings.host} is reachable from other machines, so the pages need"
    if has_pages and settings.has_public_address:
        return f"{variable('public_url')} {settings.public_url} is reachable from other machines, so the pages need"
    if has_pages and settings.is_shared:
        return f"many processes share the Postgres of {variable('database_url')}, so their pages need one"
    return None
