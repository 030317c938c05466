"""The explorer on a page, as somebody sees and moves it."""

import re
import time
from dataclasses import dataclass

PANEL = ".cam-panel"
MILLISECONDS = 60_000

READ = """panel => {
  const told = [...panel.children].find(
    part => part.matches('.widget-html') && getComputedStyle(part).display !== 'none');
  const figure = figure => [
    figure.querySelector('figcaption').innerText, figure.querySelector('img').src];
  const lists = [...panel.querySelectorAll('.widget-dropdown')];
  const list = lists.find(list => list.querySelector('label').innerText === 'class');
  return {
    title: panel.querySelector('strong')?.innerText ?? '',
    listed: list?.querySelector('select').value ?? '',
    sentence: told ? told.innerText.trim() : '',
    figures: Object.fromEntries([...panel.querySelectorAll('figure')].map(figure)),
    rows: [...panel.querySelectorAll('table tr')].map(
      row => [...row.cells].map(cell => cell.innerText).filter(text => text)),
  };
}"""

# Note every picture that the screen shows, with the title above it and the milliseconds since the
# start; the browser's own observer sees all of them, however short they stand there.
RECORD = """panel => {
  const begin = performance.now();
  window.shown = [];
  window.note = () => {
    const state = (READ)(panel), last = window.shown.at(-1);
    const is_new = !last || last.title !== state.title
      || JSON.stringify(last.figures) !== JSON.stringify(state.figures);
    if (is_new) window.shown.push({...state, time: performance.now() - begin});
  };
  window.observer = new MutationObserver(window.note);
  window.observer.observe(panel, {childList: true, subtree: true, attributes: true});
}""".replace("READ", READ)
RECORDED = "() => { window.note(); window.observer.disconnect(); return window.shown; }"


@dataclass(frozen=True)
class State:
    """What stands on the screen at one moment; `figures` are data URLs by caption.

    `listed` is what the list of classes says, which follows the title in a moment.
    """

    title: str
    listed: str
    sentence: str
    figures: dict
    rows: list
    time: float = 0.0  # milliseconds since the start of a recording


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
        told = f"{state.title!r}, {state.sentence!r}, {state.rows}"
        raise AssertionError(f"{what!r} did not come; the screen says {told}")

    def wait_for_title(self, begin):
        """Wait until the title begins like that, and the list of classes has followed."""

        def is_there(state):
            listed = state.listed.partition(" ")[2]
            return state.title.startswith(begin) and state.title.startswith(listed)

        return self.wait(is_there, begin)

    def wait_for_sentence(self, part):
        return self.wait(lambda state: part in state.sentence, part)

    def record(self):
        """Begin to note every picture on the screen."""
        self.panel.evaluate(RECORD)

    def recorded(self):
        """End that, and return the states."""
        return [State(**state) for state in self.page.evaluate(RECORDED)]

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
