"""A real browser on real pages: Chromium as it is installed, driven from the tests."""

import asyncio
import json
import shutil
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, sync_playwright

from tests.support.operator_client import ADMIN_TOKEN

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),  # containers have little there
)
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDTHS = (320, 641, 961, 1100, 1440)
ALL_WIDTHS = sorted({*range(320, 1441, 20), 640, 641, 960, 961})
UNFOLD = "document.querySelectorAll('details').forEach(one => { one.open = true })"
# WCAG 2.2: 1.4.3 (text, and so placeholders, 4.5 to 1), 1.4.11 (edges, 3 to 1), 2.5.8 (24 by 24, but for a sentence's)
HARD_TO_USE = """() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
    const light = color => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1)
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
    }
    const ratio = (one, other) => Math.max(light(one) / light(other), light(other) / light(one))
    const found = []
    const paper = getComputedStyle(document.body).backgroundColor
    for (const one of document.querySelectorAll('a, button, input, select, summary')) {
        const box = one.getBoundingClientRect(), style = getComputedStyle(one), name = one.outerHTML.slice(0, 90)
        if (one.type === 'hidden' || one.closest('.skip') || !box.width) continue
        const row = one.closest('.builds .c-what')?.parentElement.getBoundingClientRect() ?? box
        if (!one.closest('p, dd, li, .line') && Math.min(row.width, row.height) < 24)
            found.push(`${box.width} by ${box.height}: ${name}`)
        if (parseFloat(style.borderTopWidth) && ratio(style.borderTopColor, paper) < 3)
            found.push(`edge ${ratio(style.borderTopColor, paper)}: ${name}`)
        const hint = getComputedStyle(one, '::placeholder')
        if (one.placeholder && (ratio(hint.color, style.backgroundColor) < 4.5 || hint.opacity < 1))
            found.push(`placeholder ${ratio(hint.color, style.backgroundColor)}: ${name}`)
    }
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (words.nextNode()) {
        const one = words.currentNode.parentElement, size = parseFloat(getComputedStyle(one).fontSize)
        if (size < 13 && words.currentNode.data.trim() && one.checkVisibility() && !one.closest('.hidden, .dot, svg'))
            found.push(`text of ${size} px: ${one.outerHTML.slice(0, 90)}`)
    }
    return found
}"""
# a dot that is drawn has words before and after it on its line; one in plain text would stay where the line ends
HANGING = """() => {
    const found = [], words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const rects = node => { const range = document.createRange(); range.selectNodeContents(node)
        return [...range.getClientRects()].filter(one => one.width > 1) }
    while (words.nextNode()) {
        const node = words.currentNode
        if (/^\\s*·|·\\s*$/.test(node.data) && !node.parentElement.closest('bdi, pre, .dot, .nowrap'))
            found.push(`a dot in the text: ${node.parentElement.innerHTML.slice(0, 90)}`)
    }
    for (const dot of document.querySelectorAll('.dot')) {
        const box = dot.getBoundingClientRect(), before = dot.previousSibling
        if (before?.nodeType === Node.TEXT_NODE && /\\s$/.test(before.data))
            found.push(`a dot after a blank, which takes its place: ${dot.parentElement.outerHTML.slice(0, 200)}`)
        if (box.width < 1 || !dot.checkVisibility()) continue
        const block = dot.closest('p, td, li, div, dd, .line, footer'), inside = []
        const all = document.createTreeWalker(block, NodeFilter.SHOW_TEXT)
        while (all.nextNode()) if (!dot.contains(all.currentNode)) inside.push(...rects(all.currentNode))
        const beside = inside.filter(one => one.top < box.bottom && one.bottom > box.top)
        if (!beside.some(one => one.left < box.left) || !beside.some(one => one.right > box.right))
            found.push(`a dot at the end of a line: ${block.outerHTML.slice(0, 200)}`)
    }
    return found
}"""
# a part of a short name, up to its hyphen or slash, that is on two lines: its place is narrower than any should be
BROKEN_WORDS = r"""() => {
    const found = [], range = document.createRange()
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
        const node = texts.currentNode
        if (!node.parentElement.checkVisibility() || node.parentElement.closest('code, pre')) continue
        let shown = node.parentElement
        while (shown && getComputedStyle(shown).clipPath === 'none') shown = shown.parentElement
        if (shown) continue  // it is there for those who listen
        for (const name of node.data.matchAll(/\S+/g)) {
            if (name[0].length > 16) continue
            for (const word of name[0].matchAll(/\p{Script=Latin}{2,12}/gu)) {
                range.setStart(node, name.index + word.index)
                range.setEnd(node, name.index + word.index + word[0].length)
                if (new Set([...range.getClientRects()].map(one => Math.round(one.top))).size > 1)
                    found.push(`${word[0]} of ${name[0]}: ${node.parentElement.outerHTML.slice(0, 120)}`)
            }
        }
    }
    return found
}"""
T = TypeVar("T")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; skips the test where none is installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no browser: install Chromium (Debian's package chromium) and run this again")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def a_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Open a context of the browser; none of its pages is on its way to another when it is closed.

    Chromium may say that it closes a page that is about to show another one, and not close it: the driver then waits
    for ever (Playwright issue 42366).
    """
    with browser.new_context(**options) as context:
        try:
            yield context
        finally:
            _settle(context)


def _settle(context: BrowserContext) -> None:
    for page in context.pages:
        with suppress(Error):  # another page came first: then none is on its way
            page.goto("about:blank")


class Loop:
    """An event loop in a thread of its own: the browser's driver has the one of the tests."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def within(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Hold a context open in that loop."""
        opened = self.run(_enter(context))
        try:
            yield opened
        finally:
            self.run(_leave(context))


async def _enter(context: AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[T]) -> None:
    await context.__aexit__(None, None, None)


@dataclass
class Tab:
    """A tab of a browser, and what it complained of: scripts that ran, content that was refused, errors."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, address: str) -> "Tab":
        tab = cls(context.new_page(), address)
        tab.page.on("console", lambda said: tab.note(said.type, said.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(f"error: {error}"))
        tab.page.on("dialog", tab.note_dialog)
        tab.page.on("request", lambda request: tab.note_request(request.url))
        return tab

    def note(self, kind: str, text: str) -> None:
        """Complain of a line on the console; that a page says 404 is how an error page is answered."""
        if not text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.complaints.append(f"{kind}: {text}")

    def note_dialog(self, dialog: Dialog) -> None:
        """Complain of what only a script could have opened, and close it."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note_request(self, url: str) -> None:
        """Complain of a request that leaves the pages."""
        if not url.startswith(self.address):
            self.complaints.append(f"request: {url[:200]}")

    def log_in(self) -> None:
        """Log in by the form, as people do."""
        self.go("/login")
        self.page.fill("input[name=token]", ADMIN_TOKEN)
        self.page.click("button")
        assert "/login" not in self.page.url

    def go(self, path: str) -> None:
        """Open a page, and every part of it that is folded."""
        self.page.goto(self.address + path)
        self.page.evaluate(UNFOLD)

    def too_wide_at(self, widths: Sequence[int]) -> list[str]:
        """Return each width at which the page scrolls sideways, and by how much."""
        found = []
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 900})
            needed = self.page.evaluate("document.documentElement.scrollWidth")
            if needed > width:
                found.append(f"{width}: {needed} ({self._widest(width)})")
        return found

    def _widest(self, width: int) -> str:
        """Name the elements that stick out."""
        script = """width => [...document.querySelectorAll('main *, header *, footer *')]
            .filter(one => one.getBoundingClientRect().right > width + 0.5).slice(0, 4)
            .map(one => one.tagName + '.' + one.className).join(' ')"""
        return str(self.page.evaluate(script, width))

    def faults(self) -> list[str]:
        """Return what axe-core finds."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_axe())
        options = {"runOnly": TAGS, "resultTypes": ["violations"], "preload": False}
        found = self.page.evaluate("options => axe.run(document, options)", options)
        return [_told(fault) for fault in found["violations"]]

    def broken_words_at(self, widths: Sequence[int]) -> list[str]:
        """Return the short words that are on two lines, at each width; those of code may be."""
        found = []
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 900})
            found += [f"{width}: {one}" for one in self.page.evaluate(BROKEN_WORDS)]
        return found

    def hanging_at(self, widths: Sequence[int]) -> list[str]:
        """Return the separators that begin or end a line, at each width."""
        found = []
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 900})
            found += [f"{width}: {one}" for one in self.page.evaluate(HANGING)]
        return found

    def hard_to_use(self) -> list[str]:
        """Return small controls, links and texts, and pale edges and placeholders; not the links of sentences."""
        return list(self.page.evaluate(HARD_TO_USE))


def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def _told(fault: Any) -> str:
    where = [node["html"][:200] + " " + json.dumps(node["any"])[:300] for node in fault["nodes"][:3]]
    return f"{fault['id']} ({len(fault['nodes'])} times): {fault['help']}: {where}"


def told(faults: Mapping[str, Sequence[str]]) -> str:
    return "\n".join(f"{path}: {found}" for path, found in faults.items() if found)
