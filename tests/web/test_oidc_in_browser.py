"""A person in a real browser logs in at a provider over HTTP, at a real process, and out everywhere."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, environ
from tests.support.browser_fixture import browser
from tests.support.chromium import Loop, Tab, a_context
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, a_provider
from tests.support.ports import free_port
from tests.support.processes import Served, serve

__all__ = ["browser"]  # pytest finds fixtures by name

pytestmark = pytest.mark.long

COMES_WITHIN_MS = 60_000
ASKED = "/builds?branch=main&project=acme%2Fweb"


@dataclass(kw_only=True)
class Site:
    """A process, the provider of its users, and their browsers."""

    served: Served
    provider: OidcProvider
    browser: Browser

    @contextmanager
    def person(self) -> Iterator[Tab]:
        """A tab of a browser that knows neither of the two."""
        with a_context(self.browser) as context:
            yield Tab.open(context, self.served.address)

    def log_in(self, tab: Tab, path: str = ASKED, *, answer: str = "Consent") -> Page:
        """Ask for a page without a session, and log in at the provider; the page that comes."""
        tab.page.goto(self.served.address + path)
        tab.page.get_by_role("link", name=f"Log in at {urlsplit(self.provider.issuer).netloc}").click()
        tab.page.get_by_role("heading", name="Roundsman asks who you are").wait_for()
        assert tab.page.url.startswith(f"{self.provider.issuer}/authorize?")
        tab.page.get_by_role("button", name=answer).click()
        tab.page.wait_for_url(f"{self.served.address}/**")
        return tab.page

    def complaints(self, tab: Tab) -> list[str]:
        """Return what a tab complained of; that it went to the provider is as it should be."""
        ours = f"request: {self.provider.issuer}/"
        return [one for one in tab.complaints if not one.startswith(ours)]


@pytest.fixture
def site(browser: Browser, folder: Path) -> Iterator[Site]:
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        provider = stack.enter_context(loop.within(a_provider(lambda: datetime.now(UTC))))
        # another site than 127.0.0.1 to a browser, which then keeps the cookies of the two apart
        provider.issuer = provider.issuer.replace("127.0.0.1", "localhost")
        settings = {
            "ROUNDSMAN_PORT": str(free_port()),
            "ROUNDSMAN_OIDC_ISSUER": provider.issuer,
            "ROUNDSMAN_OIDC_CLIENT_ID": CLIENT_ID,
            "ROUNDSMAN_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "ROUNDSMAN_OIDC_DOMAINS": "example.com",
        }
        served = stack.enter_context(serve(folder, environ(folder, RED_TO_WEB, **settings)))
        yield Site(served=served, provider=provider, browser=browser)


def test_person_comes_back_to_the_page_asked_for_and_is_named(site: Site) -> None:
    with site.person() as tab:
        page = site.log_in(tab)

        assert page.url == site.served.address + ASKED
        assert page.get_by_role("banner").get_by_text("ada@example.com").is_visible()
        assert page.locator("main input[type=search]").input_value() == "project:acme/web branch:main"
        assert site.complaints(tab) == []


def test_log_out_everywhere_ends_another_tab_and_another_browser(site: Site) -> None:
    with site.person() as tab, site.person() as elsewhere:
        site.log_in(tab)
        site.log_in(elsewhere, "/incidents")
        elsewhere.page.goto("about:blank")  # away from pages that turn to the login by themselves
        second = Tab.open(tab.page.context, site.served.address)
        second.page.goto(site.served.address + "/builds")
        assert second.page.get_by_role("banner").get_by_text("ada@example.com").is_visible()

        tab.page.goto(site.served.address + "/sessions")
        assert tab.page.get_by_role("main").get_by_text("at the OpenID provider").count() == 2
        tab.page.get_by_role("button", name="Log out everywhere").click()
        tab.page.wait_for_url("**/login?next=**")
        site.served.post(as_bytes(workflow_completed(RED)))
        second.page.wait_for_url("**/login?next=%2Fbuilds", timeout=COMES_WITHIN_MS)  # by itself: it was open
        elsewhere.page.goto(site.served.address + "/incidents")

        assert urlsplit(elsewhere.page.url).path == "/login"
        assert [site.complaints(one) for one in (tab, second, elsewhere)] == [[], [], []]
        assert site.log_in(elsewhere, "/incidents").url == site.served.address + "/incidents"


def test_person_of_another_domain_reads_why_and_has_no_session(site: Site) -> None:
    site.provider.claims = {"email": "eve@elsewhere.example"}
    with site.person() as tab:
        page = site.log_in(tab)

        assert page.get_by_role("heading", level=1, name="Log in").is_visible()
        assert page.get_by_role("alert").inner_text() == (
            "There is no login here for eve@elsewhere.example; "
            "ask an admin: ROUNDSMAN_OIDC_DOMAINS and ROUNDSMAN_OIDC_GROUPS name them."
        )
        assert page.get_by_role("link", name="Log in at").is_visible()
        assert tab.faults() == []
        page.goto(site.served.address + "/builds")
        assert urlsplit(page.url).path == "/login"
        assert site.complaints(tab) == []


def test_person_who_declines_may_log_in_again(site: Site) -> None:
    with site.person() as tab:
        declined = site.log_in(tab, answer="Decline").get_by_role("alert").inner_text()
        page = site.log_in(tab)

        assert declined.startswith("The OpenID provider did not log you in (access_denied)")
        assert page.url == site.served.address + ASKED
