"""The address of Slack's Web API."""

import pytest

from service.config.env import load_settings
from service.errors import BadConfig


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://slack.com", "https://slack.com/api/"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/"),
        ("https://slack-gov.com/api", "https://slack-gov.com/api/"),
        ("http://[::1]:1/a/b/", "http://[::1]:1/a/b/"),
    ],
)
def test_slack_has_an_address_that_methods_are_added_to(written: str, address: str) -> None:
    assert load_settings({"ROUNDSMAN_SLACK_URL": written}).slack_url == address


@pytest.mark.parametrize("written", ["slack.com", "https://slack.com/api?x=1", "ftp://slack.com", "http://a:99999"])
def test_slack_address_that_cannot_be_used_is_refused(written: str) -> None:
    with pytest.raises(BadConfig) as refused:
        load_settings({"ROUNDSMAN_SLACK_URL": written})

    assert "ROUNDSMAN_SLACK_URL must be an address like https://slack.com/api/" in str(refused.value)
