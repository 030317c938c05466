"""Errors that a page reports, and those that Jupyter reports whatever notebook is open."""

OF_JUPYTER = (
    # Notebook 7.6 on opening any notebook.
    "Cannot read properties of undefined (reading 'schema')",
    # Voila 0.5 on opening any notebook, where JupyterLab or Notebook brings newer extensions.
    "The getter for the shared module is not a function",
    # Voila fetches an icon font from cdn.jsdelivr.net; the icons come all the same.
    "Failed to load resource: net::ERR",
)


class Complaints:
    """The errors of one page since it was opened or last asked."""

    def __init__(self, page):
        self.texts = []
        page.on("pageerror", lambda error: self.texts.append(str(error)))
        page.on("console", self._note)

    def _note(self, message):
        if message.type == "error":
            self.texts.append(message.text)

    def ours(self):
        """Return the errors that are not known to be Jupyter's, and forget them."""
        texts, self.texts = self.texts, []
        return [text for text in texts if not any(known in text for known in OF_JUPYTER)]
