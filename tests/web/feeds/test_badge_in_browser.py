"""Badges in a real browser: shown as pictures, with every text inside its box."""

from functools import partial

import pytest
from playwright.sync_api import Browser, Route

from service.web.feeds.badge import Badge, render_svg
from tests.support.browser_fixture import browser

__all__ = ["browser"]  # pytest finds fixtures by name

LABELS = ["web", "acme/web feature/checkout", "W" * 60, "構建と試験", "<b>&\"'", "i" * 60, ""]
TEXTS_INSIDE = """() => [...document.querySelectorAll('text')].every(one => {
    const box = one.getBBox(), svg = document.documentElement
    return box.x >= 0 && box.x + box.width <= svg.width.baseVal.value && box.height <= 20
})"""


def answer(svg: bytes, route: Route) -> None:
    route.fulfill(body=svg, content_type="image/svg+xml")


@pytest.mark.long
@pytest.mark.parametrize("state", ["red", "green", "unknown"])
def test_badge_is_a_picture_whose_texts_fit(browser: Browser, state: str) -> None:
    page = browser.new_page()
    for label in LABELS:
        svg = render_svg(Badge(label=label, state=state))
        page.route("**/badge.svg", partial(answer, svg))
        page.goto("http://badges.example.com/badge.svg")
        assert page.evaluate(TEXTS_INSIDE), label
        page.goto("about:blank")
        page.set_content('<img src="http://badges.example.com/badge.svg">')
        assert page.evaluate("document.images[0].decode().then(() => document.images[0].naturalHeight)") == 20
        page.unroute("**/badge.svg")
    page.close()
