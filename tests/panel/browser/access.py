"""What a screen reader would stumble over, by axe-core, and what ipywidgets itself causes of it."""

from browser.screen import PANEL

# Rule, and which elements break it in every panel of ipywidgets 8: neither can be named from
# Python. Our remedy is a control beside each that has a name and does the same.
OF_IPYWIDGETS = {
    # A slider's handle has no name. The lists and number fields in REMEDIES have.
    "aria-input-field-name": ".widget-slider .noUi-handle",
    # Play's three buttons have icons only. The number of channels can be typed.
    "button-name": ".widget-play button",
}
REMEDIES = {"class index": "class", "channels": "number of channels"}


def faults(page):
    """Return [(rule, element)] of all that axe finds in the panel."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=PANEL).response
    assert found["passes"], "axe looked at nothing"
    return [
        (violation["id"], node["target"][0])
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def our_faults(page):
    """Return those that ipywidgets does not cause."""
    return [
        (rule, target)
        for rule, target in faults(page)
        if rule not in OF_IPYWIDGETS
        or not page.locator(target).evaluate("(e, those) => e.matches(those)", OF_IPYWIDGETS[rule])
    ]
