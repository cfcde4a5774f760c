"""A browser for the tests of a module, and a tab of an operator.

A module that imports ``tab`` has a fixture ``address``: that of the service where the operator is logged in.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import Tab, a_context, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Tab]:
    with a_context(browser) as context:
        tab = Tab.open(context, address)
        tab.log_in()
        yield tab
