"""Make the pictures of the README from the demo: `make pictures`.

The demo plays its day, and Chromium takes a picture of each page in light and dark, as wide as a README shows it.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import dropwhile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

from tests.generate_docs import ROOT
from tests.support.chromium import chromium
from tests.support.processes import ROUNDSMAN
from tests.support.slack_picture import slack_page

WIDTH, HEIGHT, SLACK_WIDTH = 1100, 740, 760
SLACK = ROOT / "tests" / "messages" / "slack" / "broke.json"
"""What Slack is sent, as a test holds it to the code."""
SCHEMES: dict[Literal["light", "dark"], str] = {"light": "", "dark": "-dark"}
LINK = re.compile(r"http://127\.0\.0\.1:\d+/login/\S+")
OF_BUILD = "/builds?q=project:acme/web+transition:broke+workflow:build-and-test"


@contextmanager
def played_day(folder: Path) -> Iterator[str]:
    """A demo whose day is over: the login link that it prints then."""
    command = [str(ROUNDSMAN), "demo", "--port", "0", "--folder", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout
            after = dropwhile(lambda line: not line.startswith("The day is over"), demo.stdout)
            link = next(filter(None, map(LINK.search, after)), None)
            yield link[0] if link else sys.exit("the demo ended before its day was over")
        finally:
            demo.terminate()


def take(page: Page, name: str, *, is_full: bool = False) -> None:
    """Take the page's picture in light and dark."""
    for scheme, ending in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=ROOT / "docs" / f"{name}{ending}.png", full_page=is_full)


def main() -> None:
    """Write docs/now.png, build.png and slack.png, and each in dark."""
    with tempfile.TemporaryDirectory() as folder, played_day(Path(folder)) as link, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(link)
        page.goto(f"{page.url}?still=1")
        take(page, "now")
        page.goto(page.url.partition("?")[0].rstrip("/") + OF_BUILD)
        page.locator(".builds tbody .c-what > a").last.click()
        page.wait_for_load_state()
        take(page, "build")
        page = browser.new_page(viewport={"width": SLACK_WIDTH, "height": 10})  # without the policy of our pages
        page.set_content(slack_page(json.loads(SLACK.read_text(encoding="utf-8")), at="10:42"))
        take(page, "slack", is_full=True)


if __name__ == "__main__":
    main()
