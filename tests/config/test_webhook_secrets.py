"""The webhook secrets: lists that are none are refused, short ones warned of."""

import pytest

from service.config.env import load_settings, settings_warnings
from service.config.settings import Settings
from tests.config.test_settings import ENOUGH, problems


@pytest.mark.parametrize("written", ['["aaaaaaaaaaaa", "bbbbbbbbbbbb"', "['aaaaaaaaaaaa']", '["aaaaaaaaaaaa", 7]'])
def test_json_list_of_secrets_that_is_none_is_refused(written: str) -> None:
    [problem] = problems(lambda: load_settings({**ENOUGH, "ROUNDSMAN_WEBHOOK_SECRETS": written}))

    assert problem.startswith("ROUNDSMAN_WEBHOOK_SECRETS begins like a JSON list of texts, and is none; write the")
    assert "aaaa" not in problem


def test_a_short_webhook_secret_is_allowed_and_warned_of() -> None:
    [caution] = settings_warnings(Settings(webhook_secrets=("long enough", "hush")))

    assert caution.startswith("ROUNDSMAN_WEBHOOK_SECRETS: secret 2 is shorter than 8 characters")
    assert "hush" not in caution
