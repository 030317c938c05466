"""The explorer on a page, as somebody sees and moves it."""

import re
import time
from dataclasses import dataclass

PANEL = ".cam-panel"
MILLISECONDS = 60_000

READ = """panel => {
  const said = [...panel.children].find(
    part => part.matches('.widget-html') && getComputedStyle(part).display !== 'none');
  const figure = figure => [
    figure.querySelector('figcaption').innerText, figure.querySelector('img').src];
  return {
    title: panel.querySelector('strong')?.innerText ?? '',
    sentence: said ? said.innerText.trim() : '',
    figures: Object.fromEntries([...panel.querySelectorAll('figure')].map(figure)),
    rows: [...panel.querySelectorAll('table tr')].map(
      row => [...row.cells].map(cell => cell.innerText).filter(text => text)),
  };
}"""


@dataclass(frozen=True)
class State:
    """What stands on the screen at one moment; `figures` are data URLs by caption."""

    title: str
    sentence: str
    figures: dict
    rows: list


class Screen:
    """A page with an explorer on it."""

    def __init__(self, page):
        self.page = page
        self.panel = page.locator(PANEL).first

    # ---- Reading ---------------------------------------------------------------------------

    def read(self):
        return State(**self.panel.evaluate(READ))

    def wait(self, is_so, what):
        """Wait until `is_so(state)`, and return that state."""
        end = time.monotonic() + MILLISECONDS / 1000
        while time.monotonic() < end:
            state = self.read()
            if is_so(state):
                return state
            self.page.wait_for_timeout(20)
        said = f"{state.title!r}, {state.sentence!r}, {state.rows}"
        raise AssertionError(f"{what!r} did not come; the screen says {said}")

    def wait_for_title(self, begin):
        return self.wait(lambda state: state.title.startswith(begin), begin)

    def wait_for_sentence(self, part):
        return self.wait(lambda state: part in state.sentence, part)

    # ---- Controls --------------------------------------------------------------------------

    def control(self, label):
        """Return a list or field by its label."""
        return self.panel.get_by_label(label, exact=True)

    def choose(self, label, option):
        self.control(label).select_option(label=option)

    def type(self, label, text):
        """Write into a field, as it is written and finished by hand."""
        self.control(label).fill(text)
        self.control(label).press("Enter")

    def slider(self, label):
        """Return the handle of the slider with this label."""
        widget = self.panel.locator(".widget-slider", has_text=re.compile(f"^{label}"))
        return widget.get_by_role("slider")

    def button(self, name):
        return self.panel.get_by_role("button", name=name)

    def upload(self, path):
        """Choose a file in the window that the button opens."""
        with self.page.expect_file_chooser() as chooser:
            self.button("your own picture").click()
        chooser.value.set_files(path)

    def focused(self):
        """Return what has the keyboard: its label, or text, or "" where nothing of ours has."""
        return self.panel.evaluate(FOCUSED)


FOCUSED = """panel => {
  const here = document.activeElement;
  if (!panel.contains(here)) return '';
  const icon = here.querySelector('i.fa');
  const label = here.id && panel.querySelector(`label[for="${CSS.escape(here.id)}"]`);
  const around = here.closest('.widget-slider')?.querySelector('label');
  if (label) return label.innerText;
  if (around) return around.innerText + (here.role === 'slider' ? ', slider' : ', its number');
  return here.innerText.trim() || icon?.className.replace('fa fa-', '') || here.tagName;
}"""
