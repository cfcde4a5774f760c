"""Each moment at each kind of service: what is posted, whole, as written down.

Ids and times that differ from send to send are left out. ``python -m tests.channels.test_moments_at_services`` writes
the files anew; look at what changed.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.channels import AppriseChannels
from service.message import mail_html, mail_text
from tests.channels.test_channels import SLACK, sent
from tests.message.moments import MOMENTS, moment
from tests.support.apprise_urls import URLS
from tests.support.fake_servers import Answer, HttpEnd, internet
from tests.support.long_cases import few_and_long

GOLDEN = Path(__file__).parents[1] / "messages" / "services"
ACCEPTED = Answer(body=b'{"ok": true, "status": 1, "result": "success", "requestId": "r1"}')
SERVICES = {
    "slack": (SLACK, Answer()),
    "discord": (URLS["Discord"], Answer(status=204, body=b"")),
    "teams": (URLS["Power Automate / Workflows (for MSTeams)"], Answer(status=202, body=b"")),
    "pagerduty": (URLS["Pager Duty"], Answer(status=202, body=b"{}")),
    "opsgenie": (URLS["Opsgenie"], Answer(status=202, body=ACCEPTED.body)),
    "splunk": (URLS["Splunk On-Call"], ACCEPTED),
    "incident-io": (URLS["incident.io"], Answer(status=202, body=b"{}")),
    "pushover": (URLS["Pushover"], ACCEPTED),
    "ntfy": (URLS["ntfy"], Answer(body=b"{}")),
    "telegram": (URLS["Telegram"], Answer(body=b'{"ok": true}')),
}
HEADERS = re.compile(r"x-(click|priority|tags|title)")


def posted(net: HttpEnd) -> list[dict[str, Any]]:
    """Return the posts in words that do not differ from send to send."""
    return [
        {
            "to": re.sub(r"[?].*|//.*@", "", got.url).partition("//")[2].partition("/")[0],
            **{name: value for name, value in sorted(got.headers.items()) if HEADERS.fullmatch(name)},
            "body": as_json(got.body),
        }
        for got in net.got
    ]


def as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode().split("&") if b"=" in body[:40] else body.decode().split("\n")


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    AppriseChannels().check(SLACK)
    with internet() as end:
        yield end


def path(service: str) -> Path:
    return GOLDEN / f"{service}.json"


@pytest.mark.long
@pytest.mark.parametrize("service", few_and_long(SERVICES, every=3))
async def test_moments_are_posted_as_written_down(net: HttpEnd, service: str) -> None:
    assert await moments_at(net, service) == json.loads(path(service).read_text())


async def moments_at(net: HttpEnd, service: str) -> dict[str, Any]:
    """Return what is posted at each moment; an empty list where nothing is."""
    url, answer = SERVICES[service]
    net.behave(answer)
    found = {}
    for name in MOMENTS:
        net.got.clear()
        await sent(url, moment(name))
        found[name] = posted(net)
    return found


@pytest.mark.parametrize("name", MOMENTS)
def test_both_parts_of_a_mail_are_as_written_down(name: str) -> None:
    assert mail_html(moment(name)) == (GOLDEN / f"mail-{name}.html").read_text()
    assert mail_text(moment(name)) == (GOLDEN / f"mail-{name}.txt").read_text()


def write_files() -> None:
    """Write all files anew."""
    GOLDEN.mkdir(exist_ok=True)
    for name in MOMENTS:
        (GOLDEN / f"mail-{name}.html").write_text(mail_html(moment(name)))
        (GOLDEN / f"mail-{name}.txt").write_text(mail_text(moment(name)))
    AppriseChannels().check(SLACK)
    for service in SERVICES:
        with internet() as net:
            text = json.dumps(asyncio.run(moments_at(net, service)), indent=1, ensure_ascii=False)
        path(service).write_text(f"{text}\n")


if __name__ == "__main__":
    write_files()
