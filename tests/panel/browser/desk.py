"""One Chromium, one server, and a page with an explorer for each of the three ways to open it."""

from contextlib import ExitStack

import nbformat
from chromium import launch_chromium

from browser.screen import MILLISECONDS, Screen
from browser.server import running

SIZE = {"width": 1300, "height": 1050}
PICTURE, BEST = "cat_and_dog", "dog: score 4.16,"
EXPLORER = f"""import cam_helpers as ch

panel = ch.explorer(picture={PICTURE!r}, other_network=ch.load_network(weights=None))
panel"""
AS_IT_BEGINS = {
    "network": "tiny_resnet",
    "look at": "the map",
    "show": "side by side",
    "style": "evidence",
    "scale": "shared",
    "opacity": "the style's own",
}
KERNEL_IS_IDLE = """() =>
  window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"""
RUN_ALL = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
ERRORS_OF_JUPYTER = (
    # Notebook 7.6 on opening any notebook.
    "Cannot read properties of undefined (reading 'schema')",
    # Voila 0.5 on opening any notebook, where JupyterLab or Notebook brings newer extensions.
    "The getter for the shared module is not a function",
    # Notebook 7 on a server on which JupyterLab was opened before.
    "Command 'filebrowser:open-path' not registered",
    # Their icon fonts, which Voila fetches from cdn.jsdelivr.net; the icons come all the same.
    "Failed to load resource:",
)


class Errors(list):
    """The errors that a page reports, but for those that Jupyter makes whatever is open."""

    def __init__(self, page):
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("console", lambda said: said.type == "error" and self._note(said.text))

    def _note(self, text):
        if not any(known in text for known in ERRORS_OF_JUPYTER):
            self.append(text)


class Desk:
    """Opens pages when they are first needed, and closes all at the end."""

    def __init__(self, home):
        from playwright.sync_api import sync_playwright

        self.opened = ExitStack()
        self.screens, self.errors = {}, {}
        self.server = self.opened.enter_context(running(home))
        self.playwright = self.opened.enter_context(sync_playwright())
        self.launch()

    def close(self):
        self.opened.close()

    def launch(self):
        self.browser = launch_chromium(self.playwright)
        self.opened.callback(self.browser.close)

    def new_page(self):
        try:
            page = self.browser.new_page(viewport=SIZE)
        except Exception:  # Chromium has died, and the test in which it did has failed
            self.launch()
            page = self.browser.new_page(viewport=SIZE)
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
        self.errors[kind] = Errors(page)
        self.open_book(kind, page)
        self.screens[kind] = Screen(page)
        self.screens[kind].wait_for_title(BEST)
        return self.screens[kind]

    def open_book(self, kind, page):
        """Write a notebook of one code cell between two of text, open it, and run it."""
        new = nbformat.v4
        # Without the name of its kernel, JupyterLab would ask for it.
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        cells = [new.new_markdown_cell("before"), new.new_code_cell(EXPLORER)]
        cells.append(new.new_markdown_cell("after"))
        name = f"{kind}{len(list(self.server.folder.iterdir()))}.ipynb"
        book = new.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(book, self.server.folder / name)
        page.goto(self.server.page_of(kind, name))
        if kind != "voila":  # which has run it already
            page.wait_for_function(KERNEL_IS_IDLE)
            page.evaluate(RUN_ALL)


def tidy(screen):
    """Bring a screen back to what it was in the beginning."""
    for label, option in AS_IT_BEGINS.items():
        screen.choose(label, option)
    screen.choose("picture", "cat")
    screen.wait_for_title("cat:")
    screen.choose("picture", PICTURE)
    screen.wait_for_title(BEST)
