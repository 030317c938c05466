"""What the tests of the page share: its file, written once, and a browser without a connection."""

import pytest
from chromium import launch_chromium, require_chromium

from cam_helpers.view.write import write_page

PACKAGES = {"playwright": "playwright", "axe_playwright_python": "axe-playwright-python"}


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    """The page; a folder with a space and an umlaut, as on a memory stick."""
    path = tmp_path_factory.mktemp("Zoë Übung") / "explorer.html"
    write_page(path)
    return path


# One Playwright at a time in a process, so it ends with the file.
@pytest.fixture(scope="module")
def browser():
    """Chromium, offline: a context, since only that can be cut off."""
    require_chromium(PACKAGES)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()
