"""The environment: accepted and refused values, and that no secret is ever shown."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.config.env import load_settings, settings_warnings
from service.config.setting_values import SECRET_ADVICE
from service.config.settings import Settings, is_secret, variable
from service.errors import BadConfig

SECRETS = {
    *(
        "database_url",
        "webhook_secrets",
        "watchdog_url",
        "circleci_token",
        "circleci_admin_token",
        "admin_token",
        "operator_tokens",
        "otlp_token",
        "read_token",
    ),
    "oidc_client_secret",
}
ENOUGH = {"ROUNDSMAN_WEBHOOK_SECRETS": "not-a-real-secret"}


def problems(read: Callable[[], object]) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        read()
    return list(caught.value.problems)


def setting(name: str, written: str) -> object:
    """What one setting becomes."""
    return getattr(load_settings({variable(name): written}), name)


def complaint(name: str, written: str) -> str:
    """The only problem with one setting, without its name."""
    [problem] = problems(lambda: setting(name, written))
    return problem.removeprefix(f"{variable(name)} ")


# Defaults and shape


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load_settings({"PATH": "/bin"})

    assert settings == Settings()
    assert settings.database_url == "sqlite:///data/roundsman.db"
    assert settings.config == Path("roundsman.yaml")
    assert (settings.host, settings.port, settings.max_body_bytes) == ("127.0.0.1", 8000, 1_048_576)
    assert settings.circleci_url == "https://circleci.com"
    assert (settings.circleci_token, settings.admin_token, settings.public_url) == (None, None, None)
    assert settings.webhook_secrets == ()


def test_the_secrets_are_known() -> None:
    assert {name for name in Settings.model_fields if is_secret(name)} == SECRETS


def test_no_repr_shows_a_secret() -> None:
    settings = load_settings(
        {
            "ROUNDSMAN_DATABASE_URL": "postgresql://user:hush@db.example.com/roundsman",
            "ROUNDSMAN_WEBHOOK_SECRETS": "hush",
            "ROUNDSMAN_CIRCLECI_TOKEN": "hush",
            "ROUNDSMAN_ADMIN_TOKEN": "hush-hush-hush-hush",
        }
    )

    assert "hush" not in f"{settings!r} {settings}"


def test_blanks_around_a_value_are_taken_off() -> None:
    assert setting("circleci_token", " token\n") == "token"


# Where a value comes from


# What a secret is of no use without, so that it would be refused by itself.
BESIDE = {
    "oidc_client_secret": {
        "ROUNDSMAN_OIDC_ISSUER": "https://id.example.com",
        "ROUNDSMAN_OIDC_CLIENT_ID": "roundsman",
        "ROUNDSMAN_OIDC_DOMAINS": "example.com",
    }
}


@pytest.mark.parametrize(
    "name", sorted(SECRETS - {"webhook_secrets", "operator_tokens", "otlp_token", "database_url", "watchdog_url"})
)
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-mounted-file-of-32-letters\n")

    settings = load_settings({f"{variable(name)}_FILE": str(tmp_path / "secret"), **BESIDE.get(name, {})})

    assert getattr(settings, name) == "from-a-mounted-file-of-32-letters"


NO_FILE = "No such file or directory; name a file that this user may read"


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    environ = {"ROUNDSMAN_CIRCLECI_TOKEN": "hush", "ROUNDSMAN_CIRCLECI_TOKEN_FILE": str(tmp_path / "secret")}

    assert problems(lambda: load_settings(environ)) == [
        "ROUNDSMAN_CIRCLECI_TOKEN and ROUNDSMAN_CIRCLECI_TOKEN_FILE are both set; keep one"
    ]


@pytest.mark.parametrize(
    ("content", "claim"),
    [
        (
            None,
            f"ROUNDSMAN_ADMIN_TOKEN_FILE: {{}} cannot be read: {NO_FILE}",
        ),
        (b"\xff\xfe", "ROUNDSMAN_ADMIN_TOKEN_FILE: {} cannot be read: it is not UTF-8 text; write it in UTF-8"),
        (
            b" \n",
            f"the file of ROUNDSMAN_ADMIN_TOKEN_FILE is empty; give it a value or remove it; {SECRET_ADVICE}",
        ),
    ],
)
def test_a_secret_file_that_holds_no_secret_is_refused(content: bytes | None, claim: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    assert problems(lambda: load_settings({"ROUNDSMAN_ADMIN_TOKEN_FILE": str(file)})) == [claim.format(file)]


def test_a_secret_file_without_a_name_is_refused() -> None:
    assert problems(lambda: load_settings({"ROUNDSMAN_ADMIN_TOKEN_FILE": ""})) == [
        "ROUNDSMAN_ADMIN_TOKEN_FILE: no file cannot be read: Is a directory; name a file that this user may read"
    ]


def test_only_secrets_come_from_files() -> None:
    assert problems(lambda: load_settings({"ROUNDSMAN_PORT_FILE": "x"})) == [
        "ROUNDSMAN_PORT_FILE is not a setting; did you mean ROUNDSMAN_PORT?"
    ]


def test_an_unknown_name_is_refused_with_the_closest_known_one() -> None:
    assert problems(lambda: load_settings({"ROUNDSMAN_WEBHOOK_SECRET": "hush", "ROUNDSMAN_ZZZ": "x"})) == [
        "ROUNDSMAN_WEBHOOK_SECRET is not a setting; did you mean ROUNDSMAN_WEBHOOK_SECRETS?",
        "ROUNDSMAN_ZZZ is not a setting; remove it, or see docs/configuration.md",
    ]


def test_a_variable_that_is_set_to_nothing_is_refused() -> None:
    assert complaint("public_url", " ") == "is empty; give it a value or remove it"


def test_all_problems_are_said_at_once_and_without_secrets() -> None:
    environ = {
        "ROUNDSMAN_NONSENSE_AND_MORE": "hush",
        "ROUNDSMAN_DATABASE_URL": "mysql://user:hush@db.example.com/x",
        "ROUNDSMAN_ADMIN_TOKEN": "hush",
        "ROUNDSMAN_CIRCLECI_TOKEN": "",
    }

    said = problems(lambda: load_settings(environ))

    assert len(said) == 4
    assert "hush" not in "\n".join(said)


def test_a_problem_leaves_no_trace_of_the_value_behind() -> None:
    with pytest.raises(BadConfig) as caught:
        load_settings({"ROUNDSMAN_ADMIN_TOKEN": "hush"})

    assert caught.value.__context__ is None


# What each setting accepts


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///data/roundsman.db",
        "sqlite:////var/lib/roundsman/roundsman.db",
        "postgresql://user:pw@db.example.com:5432/roundsman",
        "postgresql://user:p%2Fw:1#2,3@[::1]:5432/roundsman?sslmode=require",
        "postgres://u:p@h/d",
        "postgresql://u:p@h1:5432,h2,[::1]:5433/d?target_session_attrs=read-write&sslrootcert=/etc/ssl/ca.pem",
        "postgresql://u@/d?host=/var/run/postgresql&application_name=",
        "postgresql://db.example.com",
        "postgresql:///roundsman",
    ],
)
def test_a_database_is_a_file_or_a_postgres(url: str) -> None:
    assert setting("database_url", url) == url


@pytest.mark.parametrize(
    ("url", "claim"),
    [
        ("postgresql+asyncpg://u:hush@h/d", "must begin with postgresql://, without a driver"),
        ("postgres+psycopg://u:hush@h/d", "must begin with postgresql://, without a driver"),
        ("sqlite+aiosqlite:///x.db", "must begin with sqlite://, without a driver"),
        ("mysql://u:hush@h/d", "must begin with sqlite:/// or postgresql://"),
        ("data/roundsman.db", "must begin with sqlite:/// or postgresql://"),
        ("sqlite://data/roundsman.db", "must name a file"),
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("postgresql://", "must name a host and a database"),
        ("postgresql://u:hush@h:port/d", "must name the port by its number"),
        ("postgresql://h:543210/d", "must name the port by its number"),
        ("postgresql://u:hush@h:1,h2:port/d", "must name the port by its number"),
        ("postgresql://u:hush@[::1/d", "must name the port by its number"),
        ("postgresql://u:hu@sh@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:hush/@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:/hush@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:?hush@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:@hush#@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:hush%@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:hush%00@h/d", "cannot be taken apart: in user and password, percent-encode"),
        ("postgresql://u:\udcffhush@h/d", "is not UTF-8 text"),
        ("postgresql://u:p@h/d?hush", "must have its parameters as name=value"),
        ("postgresql://u:p@h/d?password=hu=sh", "must have its parameters as name=value"),
        ("postgresql://u:hush\n@h/d", "holds a control character"),
        ("sqlite:///data/\x00.db", "holds a control character"),
        ("sqlite:///data/x.db?mode=ro", "must name a file and nothing else"),
    ],
)
def test_any_other_database_is_refused_with_the_way_to_write_it(url: str, claim: str) -> None:
    assert complaint("database_url", url).startswith(claim)
    assert "hush" not in complaint("database_url", url)


@pytest.mark.parametrize("name", ["public_url", "circleci_url"])
@pytest.mark.parametrize("url", ["https://ci.example.com", "http://localhost:8000", "https://[::1]:8000"])
def test_an_address_loses_only_the_slash_at_its_end(name: str, url: str) -> None:
    assert setting(name, url) == url
    assert setting(name, f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "ci.example.com",
        "ftp://ci.example.com",
        "https://",
        "https://ci.example.com/hooks",
        "https://ci.example.com//",
        "https://ci.example.com?x=1",
        "https://ci.example.com#x",
        "https://user:hush@ci.example.com",
        "https://ci.example.com:port",
        "https://ci.example.com:65536",
        "https://[:::]",
        "https://[::1",
    ],
)
def test_an_address_has_nothing_but_scheme_host_and_port(url: str) -> None:
    assert complaint("public_url", url) == (
        "must be an address like https://roundsman.example.com, with nothing after the host and port"
    )


def test_webhook_secrets_are_a_list_newest_first() -> None:
    assert setting("webhook_secrets", " new ,\n\nold\n, new,older ") == ("new", "old", "older")
    assert Settings(webhook_secrets=("as", "they are")).webhook_secrets == ("as", "they are")


@pytest.mark.parametrize("port", ["0", "8000", "65535"])
def test_a_port_is_a_number(port: str) -> None:
    assert setting("port", port) == int(port)


@pytest.mark.parametrize(
    ("name", "written", "claim"),
    [
        ("port", "65536", "must be a whole number from 0 to 65535, not '65536': correct it, or leave it out for 8000"),
        ("port", "-1", "must be a whole number from 0 to 65535, not '-1': correct it, or leave it out for 8000"),
        ("port", "http", "must be a whole number from 0 to 65535, not 'http': correct it, or leave it out for 8000"),
        (
            "max_body_bytes",
            "0",
            "must be a whole number of at least 1, not '0': correct it, or leave it out for 1048576",
        ),
        (
            "max_body_bytes",
            "1MB",
            "must be a whole number of at least 1, not '1MB': correct it, or leave it out for 1048576",
        ),
        ("host", "0.0.0.0:8000", "must be a host name or an address; a port goes to ROUNDSMAN_PORT"),
        ("host", "https://example.com", "must be a host name or an address; a port goes to ROUNDSMAN_PORT"),
    ],
)
def test_a_number_or_host_out_of_range_is_refused(name: str, written: str, claim: str) -> None:
    assert complaint(name, written) == claim


def test_a_port_that_kubernetes_set_is_explained() -> None:
    assert "enableServiceLinks: false" in complaint("port", "tcp://10.0.0.1:8000")


def test_an_admin_token_that_could_be_guessed_is_refused() -> None:
    assert setting("admin_token", "x" * 16) == "x" * 16
    assert complaint("admin_token", "x" * 15) == (
        "is shorter than 16 characters and could be guessed; make one with: openssl rand -hex 32"
    )


@pytest.mark.parametrize("written", ["...", " \u2026", "<your token>"])
@pytest.mark.parametrize("name", ["ROUNDSMAN_CIRCLECI_TOKEN", "ROUNDSMAN_ADMIN_TOKEN", "ROUNDSMAN_PUBLIC_URL"])
def test_placeholder_is_refused_as_a_value(name: str, written: str) -> None:
    [problem] = problems(lambda: load_settings({name: written}))

    assert problem == f"{name} is {written.strip()}, which only stands for a value; give it a real one"


# What it takes to serve


def test_serving_needs_a_webhook_secret() -> None:
    [problem] = problems(lambda: load_settings({"ROUNDSMAN_WEBHOOK_SECRETS": " , "}, serving=True))

    assert problem.startswith("ROUNDSMAN_WEBHOOK_SECRETS holds no secret")
    assert load_settings(ENOUGH, serving=True).webhook_secrets == ("not-a-real-secret",)


@pytest.mark.parametrize("name", ["webhook_secrets", "admin_token"])
def test_a_secret_whose_file_cannot_be_read_is_complained_of_once(name: str) -> None:
    environ = {**ENOUGH, "ROUNDSMAN_HOST": "10.0.0.1", "ROUNDSMAN_ADMIN_TOKEN": "x" * 32}
    del environ[f"ROUNDSMAN_{name.upper()}"]
    environ[f"ROUNDSMAN_{name.upper()}_FILE"] = "nosuch"

    [problem] = problems(lambda: load_settings(environ, serving=True))

    assert problem == f"ROUNDSMAN_{name.upper()}_FILE: nosuch cannot be read: {NO_FILE}"


@pytest.mark.parametrize(
    ("written", "secrets"),
    [
        ('["a,b", "c"]', ("a,b", "c")),
        ('["one, with a comma and a blank "]', ("one, with a comma and a blank ",)),
        ('["a", "a"]', ("a",)),
        ("[a,b]", ("[a", "b]")),
        ("[1]", ("[1]",)),
        ("[]", ("[]",)),
        ("[" * 5_000, ("[" * 5_000,)),
    ],
)
def test_a_secret_with_a_comma_stands_in_a_json_list(written: str, secrets: tuple[str, ...]) -> None:
    assert load_settings({"ROUNDSMAN_WEBHOOK_SECRETS": written}).webhook_secrets == secrets


@pytest.mark.parametrize("written", ["0.0.0.0/0", "10.0.0.0/8, ::/0"])
def test_to_trust_everyone_as_a_proxy_is_allowed_and_warned_of(written: str) -> None:
    [caution] = settings_warnings(Settings(trusted_proxies=written))

    assert caution.startswith(f"ROUNDSMAN_TRUSTED_PROXIES {written} believes every client")
