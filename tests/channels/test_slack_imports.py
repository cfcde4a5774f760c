"""What a process loads for Slack: each library only where a channel of it is used."""

import subprocess
import sys

import pytest

SERVICE = "import service.app.service"
SENDER = "import service.channels.slack_bot.sender, service.channels.slack_bot.examine"


def loaded(statement: str) -> set[str]:
    """The libraries that a statement loads, in a process of its own."""
    program = f"import sys; {statement}; print(*({{'slack_sdk', 'apprise'}} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.long
def test_service_without_such_a_channel_loads_neither() -> None:
    assert loaded(SERVICE) == set()


@pytest.mark.long
def test_slack_needs_no_apprise() -> None:
    assert loaded(SENDER) == {"slack_sdk"}
