"""One Chromium, and in it one page with an explorer for every kind of server."""

from contextlib import ExitStack

from browser.books import write_book
from browser.chromium import find_chromium, flags
from browser.complaints import Complaints
from browser.screen import MILLISECONDS, Screen
from browser.servers import running

WIDE, HIGH = 1300, 1050
PICTURE, BEST = "cat_and_dog", "dog: score 4.16,"
AS_IT_BEGINS = {
    "look at": "the map",
    "show": "side by side",
    "style": "evidence",
    "scale": "shared",
}
KERNEL_IS_IDLE = """() =>
  window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"""
RUN_ALL = "window.jupyterapp.commands.execute('notebook:run-all-cells')"


class Desk:
    """Opens servers and pages when they are first needed, and closes all at the end."""

    def __init__(self, home):
        from playwright.sync_api import sync_playwright

        self.home = home
        self.opened = ExitStack()
        self.servers, self.screens, self.complaints = {}, {}, {}
        self.playwright = self.opened.enter_context(sync_playwright())
        self.launch()

    def close(self):
        self.opened.close()

    def server(self, kind):
        if kind not in self.servers:
            self.servers[kind] = self.opened.enter_context(running(kind, self.home / kind))
        return self.servers[kind]

    def launch(self):
        path, chosen = find_chromium(), flags()
        self.browser = self.playwright.chromium.launch(executable_path=path, args=chosen)
        self.opened.callback(self.browser.close)

    def new_page(self):
        size = {"width": WIDE, "height": HIGH}
        try:
            page = self.browser.new_page(viewport=size)
        except Exception:  # Chromium has died, and the test in which it did has failed
            self.launch()
            page = self.browser.new_page(viewport=size)
        page.set_default_timeout(MILLISECONDS)
        return page

    def explorer(self, kind):
        """Return a screen as it is after Run All; the last test's, tidied, or else a new one."""
        if kind in self.screens:
            try:
                tidy(self.screens[kind])
                return self.screens[kind]
            except Exception:  # a test that failed has left it in a state past tidying
                self.screens.pop(kind).page.close()
        page = self.new_page()
        self.complaints[kind] = Complaints(page)
        self.open(kind, page)
        self.screens[kind] = Screen(page)
        self.screens[kind].wait_for_title(BEST)
        return self.screens[kind]

    def open(self, kind, page):
        """Write a notebook, open it, and run all of it."""
        server = self.server(kind)
        name = f"book{len(list(server.folder.glob('*.ipynb')))}.ipynb"
        write_book(server.folder / name)
        page.goto(server.page_of(name))
        if kind != "voila":  # which has run it already
            page.wait_for_function(KERNEL_IS_IDLE)
            page.evaluate(RUN_ALL)


def tidy(screen):
    """Bring a screen back to what it was in the beginning."""
    for label, option in AS_IT_BEGINS.items():
        screen.choose(label, option)
    screen.type("opacity", "0.85")
    screen.choose("picture", "cat")
    screen.wait_for_title("cat:")
    screen.choose("picture", PICTURE)
    screen.wait_for_title(BEST)
