"""The book, as a reader opens it: from a file, without a connection, on a phone, in the dark.

`make book` builds it; here it is built once more, into a folder of its own.
"""

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from chromium import launch_chromium, require_chromium

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = PROJECT / "notebooks"
PAGES = sorted(
    path.relative_to(NOTEBOOKS).with_suffix("").as_posix()
    for pattern in ("*.ipynb", "*.md", "workshop/*.md")
    for path in NOTEBOOKS.glob(pattern)
)
PACKAGES = {
    "playwright": "playwright",
    "axe_playwright_python": "axe-playwright-python",
    "myst_nb": "myst-nb",
}
MOST_MB, MOST_MB_ZIPPED = 30, 12
# What the theme itself draws and we cannot name: the switch of its sidebar.
OF_THE_THEME = {"label"}
# One word of code for each colour is enough; axe is slow where there are thousands.
KEEP_ONE_OF_EACH = """() => { const seen = new Set();
  for (const word of document.querySelectorAll("pre span"))
    seen.has(word.className) ? word.replaceWith(...word.childNodes) : seen.add(word.className);
  document.querySelectorAll("pre").forEach((code) => code.normalize()); }"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The folder of the book; its path has a space and an umlaut, as on a memory stick."""
    require_chromium(PACKAGES)
    out = tmp_path_factory.mktemp("Zoë Übung") / "book"
    subprocess.run(
        [sys.executable, "notebooks/book/make_book.py", "--out", str(out)], cwd=PROJECT, check=True
    )
    return out


# One Playwright at a time in a process, so it ends with the file.
@pytest.fixture(scope="module")
def browser(book):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def open_page(book, browser):
    """Open a page offline, on a phone, in the dark; complain at the end of what went wrong."""
    complaints, contexts = [], []

    def open_it(name):
        phone = {"viewport": {"width": 320, "height": 700}, "color_scheme": "dark"}
        context = browser.new_context(offline=True, **phone)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on(
            "request",
            lambda r: (
                r.url.startswith(("file:", "data:", "blob:", "about:")) or complaints.append(r.url)
            ),
        )
        page.goto((book / f"{name}.html").as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def test_it_is_small_enough_for_a_phone(book):
    size = sum(path.stat().st_size for path in book.rglob("*") if path.is_file())
    assert size < MOST_MB * 1e6
    assert book.with_suffix(".zip").stat().st_size < MOST_MB_ZIPPED * 1e6


def serious_findings(page):
    """Return what axe finds serious in a page, as it is drawn now."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"iframes": False, "preload": False, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        (each["id"], each["nodes"][0]["target"])
        for each in found
        if each["impact"] in ("serious", "critical") and each["id"] not in OF_THE_THEME
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_accessible_and_fits_a_phone(open_page, book, name):
    from playwright.sync_api import expect

    page = open_page(name)
    boxes = [formula.bounding_box() for formula in page.locator("math").all()]
    assert all(box is None or box["width"] > 5 for box in boxes)  # None: in a folded answer
    assert (
        page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).length") == 0
    )
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    assert page.locator("meta[name=description]").get_attribute("content")

    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
    assert len(links) > 10
    for link in links:
        address, anchor = urldefrag(link)
        if address.startswith("file:"):
            target = Path(unquote(address.removeprefix("file://")))
            assert target.is_file(), link
            if anchor and "=" not in anchor:  # with it, a place in the explorer
                assert f'id="{unquote(anchor)}"' in target.read_text(encoding="utf-8"), link

    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    for frame in page.locator(".cell_output iframe").all():  # live maps answer a key
        slider = frame.content_frame.locator(".slider").first
        before = slider.get_attribute("aria-valuetext")
        slider.press("ArrowRight")
        expect(slider).not_to_have_attribute("aria-valuetext", before)

    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    picture = page.locator(".cell_output img").first
    if picture.count():  # evidence has its colours on white, in the dark theme too
        assert picture.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"

    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate(KEEP_ONE_OF_EACH)
    assert serious_findings(page) == []
    page.set_viewport_size({"width": 1280, "height": 700})
    page.emulate_media(color_scheme="light")
    assert serious_findings(page) == []

    for link in (each for each in links if "explorer.html#picture" in each):
        page.goto(link)  # the explorer writes the address anew when it is there
        said = "(link) => link.split(/[#&]/).slice(1).concat('class=').every("
        page.wait_for_function(f"{said} (part) => location.hash.includes(part))", arg=link)


def test_search_finds_a_word_from_a_file(open_page, book):
    page = open_page("search")
    page.goto((book / "search.html").as_uri() + "?q=receptive")
    page.wait_for_selector("#search-results li a", timeout=10_000)
