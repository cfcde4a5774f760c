"""A report shows no secret and no private name, whatever a secret is made of and wherever it stands."""

from pathlib import Path

import pytest

from service.config.configuration import Config, load
from service.operations.checks.hiding import Hiding, Private, hiding_for
from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.fake_servers import environment
from tests.support.long_cases import few_and_long

HOSTILE = [
    "p.*+?^$(){}[]|a\\b",  # a pattern of its own
    "zwölf-Boxkämpfer-€",
    "***",
    "-- DROP TABLE; \u202e",
    "a" * 3_000,
]


def config_of(folder: Path, yaml: str = RED_TO_WEB, **env: str) -> Config:
    return load(environ(folder, yaml, **env))


def hiding(folder: Path, yaml: str = RED_TO_WEB, *, names: bool = False, **env: str) -> Hiding:
    return hiding_for(config_of(folder, yaml, **env), Private(), shows_names=names)


@pytest.mark.parametrize("secret", few_and_long(HOSTILE, every=3))
def test_a_secret_of_any_letters_is_hidden_in_any_case(folder: Path, secret: str) -> None:
    hide = hiding(folder, ROUNDSMAN_WEBHOOK_SECRETS=f'["{in_json(secret)}", "another"]', names=True)

    said = hide(f"the answer was {secret}, {secret.upper()} and {secret.lower()}: look there")

    assert secret.casefold() not in said.replace("***", "").casefold()
    assert said.endswith("look there")


def in_json(secret: str) -> str:
    return secret.replace("\\", "\\\\")


@pytest.mark.parametrize("names", [True, False])
def test_parts_of_a_channels_url_are_hidden_alone_too(folder: Path, names: bool) -> None:
    url = "jsons://ci:p%40ss%2Fw0rd@web.example.com/services/TIiajkdnlazkcOXr?token=0123456789abcdef"
    hide = hiding(folder, RED_TO_WEB.replace("json://web.example.com", f'"{url}"'), names=names)

    said = hide(f"{url} failed: p@ss/w0rd, P%40SS%2FW0RD, TIiajkdnlazkcOXr, 0123456789ABCDEF")

    for secret in ("p@ss", "w0rd", "p%40ss", "tiiajkd", "0123456789abcdef"):
        assert secret not in said.casefold(), secret


@pytest.mark.parametrize("password", ["hunter2", "hu:nt@er2", "hunt%2Fer2"])
def test_the_password_of_a_database_or_proxy_is_hidden(folder: Path, password: str) -> None:
    written = password.replace("@", "%40").replace(":", "%3A")
    url = f"postgresql://roundsman:{written}@first.internal:5432,second.internal/ci"
    with environment(https_proxy=f"http://ci:{written}-of-proxy@proxy.internal:3128"):
        hide = hiding(folder, ROUNDSMAN_DATABASE_URL=url, ROUNDSMAN_ADMIN_TOKEN="a-long-admin-token-1")

    said = hide(f"{url}: user roundsman, password {password} or {written} at second.internal, {written}-of-proxy")

    assert password not in said
    assert written not in said
    assert "second.internal" not in said
    assert "<database host>" in said


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "fd00:1:2::3", "2001:db8::1", "fe80::1", "ci@acme.example", "https://ci.acme.example/x?y=1"]
)
def test_addresses_are_hidden(folder: Path, address: str) -> None:
    hide = hiding(folder)

    said = hide(f"refused by {address}; at 12:30:45 it was 127.0.0.1 and ::1, 09:31 UTC")

    assert address not in said
    assert said.endswith("at 12:30:45 it was 127.0.0.1 and ::1, 09:31 UTC")


def test_hosts_of_channels_are_named_by_a_number(folder: Path) -> None:
    private = Private(people=("ada",), projects=("gh/acme/web",), hosts=("chat.internal.acme.example",))
    hide = hiding_for(config_of(folder), private, shows_names=False)

    said = hide("server chat.internal.acme.example: ada of gh/acme/web may not")

    assert said == "server <channel host 1>: <person 1> of <project 1> may not"


ALIKE = """\
receivers:
  build-notices: {channels: ["json://ci.example.com:8099/build-notices/0123456789abcdef"]}
  web: {channels: [json://web.example.com]}
routes:
  - {name: api, match: {branch: main}, receiver: web}
  - {name: web-shop, match: {branch: next}, receiver: build-notices}
"""


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("not tried for build-notices (json)", "not tried for <channel 1>"),
        ("receiver build-notices has 0123456789abcdef", "receiver <receiver 1> has ***"),
        ("route 'api' leads to receiver web", "route '<route 1>' leads to receiver <receiver 2>"),
        ("projects gh/acme/web, gh/acme/api", "projects <project 1>, <project 2>"),
        ("route 'web-shop' of project web-shop", "route '<route 2>' of project <project 3>"),
        (
            "routes 'web-shop' and 'api' name project 'api'",
            "routes '<route 2>' and '<route 1>' name project '<project 2>'",
        ),
        ("organization web-shop and route web-shop", "organization <organization 2> and route <route 2>"),
    ],
)
def test_a_name_of_several_things_is_hidden_as_what_the_sentence_calls_it(
    folder: Path, sentence: str, shown: str
) -> None:
    private = Private(projects=("gh/acme/web", "gh/acme/api", "gh/web-shop/web-shop"))

    assert hiding_for(config_of(folder, ALIKE), private, shows_names=False)(sentence) == shown


def test_names_that_are_shown_are_shown_where_a_path_is_called_the_same(folder: Path) -> None:
    hide = hiding_for(config_of(folder, ALIKE), Private(), shows_names=True)

    assert hide("build-notices (json) got 0123456789abcdef") == "build-notices (json) got ***"


def test_a_name_that_is_a_plain_word_leaves_our_sentences_alone(folder: Path) -> None:
    private = Private(people=("ada",), projects=("gh/acme/api", "gh/settings/web-shop"))
    hide = hiding_for(config_of(folder), private, shows_names=False)

    said = hide(
        "CircleCI's API v3 leads the web to the settings of receiver web, 'web', gh/acme/api, acme/x and web-shop"
    )

    assert said == (
        "CircleCI's API v3 leads the web to the settings of receiver <receiver 1>, '<receiver 1>', <project 1>, "
        "<organization 1>/x and <project 2>"
    )
