"""The page as its readers meet it: opened as a file, in Chromium, with the network cut off."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

import cam_helpers as ch
from cam_helpers.step_5_upsample_and_overlay import overlay
from cam_helpers.view.__main__ import main

VIEWS = (
    *("the map", "two classes", "channel by channel"),
    *("the mirror test", "cover a place", "the scores"),
)
KEYS = ("map", "classes", "channels", "mirror", "cover", "scores")  # of the same in the address
LARGEST = 8_000_000  # bytes


@pytest.fixture
def open_page(browser, page_file):
    """A function that opens the page offline: open_page(hash, viewport and so on).

    At the end nothing may have been asked of the network or said on the console.
    """
    contexts, said = [], []

    def open_it(address="", **options):
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: note(request.url))
        page.goto(page_file.as_uri() + address)
        ready(page)
        return page

    def note(url):
        if not url.startswith((page_file.as_uri(), "blob:", "data:")):
            said.append(url)

    yield open_it
    for context in contexts:
        context.close()
    assert said == []


def ready(page):
    page.wait_for_selector("#view[aria-busy=false]", timeout=60_000)


def expect_text(page, selector, text):
    """Wait until an element holds a text."""
    page.locator(selector).filter(has_text=text).wait_for(timeout=20_000)


def expect_address(page, part):
    """Wait until the address holds a part, or fail and show it."""
    for _ in range(100):
        address = page.evaluate("location.hash")
        if part in address:
            return
        page.wait_for_timeout(100)
    assert part in address


def drawn(page, canvas):
    """Return what a canvas shows, (H, W, 3)."""
    address = page.locator(canvas).evaluate("(canvas) => canvas.toDataURL()")
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


# ---- At once -----------------------------------------------------------------------------------


def test_the_page_is_one_file_of_at_most_8_mb(page_file):
    content = page_file.read_text("utf-8")
    assert len(content.encode()) <= LARGEST
    assert re.findall(r'(?:src|href)="(?!data:)', content) == []
    assert "Apache License" in content  # that the numbers of MobileNetV2 stand under
    assert "{{" not in content


def test_the_command_writes_the_page_and_says_so(tmp_path, monkeypatch, capsys, page_file):
    monkeypatch.setattr("cam_helpers.view.write.make_page", lambda notebooks: notebooks)
    out = tmp_path / "page.html"
    monkeypatch.setattr("sys.argv", ["page", "--out", str(out), "--notebooks", "https://x/"])
    main()
    assert out.read_text("utf-8") == "https://x/"
    assert "page.html: 0.0 MB" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["page", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.browser
def test_it_begins_with_a_picture_its_map_and_a_slider(open_page):
    page = open_page(viewport={"width": 1280, "height": 720})
    for part in (".map .seen", ".map .over", ".slider", ".bar"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 720, part
    explanation = ch.explain(ch.load_network("tf_mobilenet_v2"), "photo:four")
    preprocess = explanation.network.preprocess
    large = type(preprocess)(2 * preprocess.resize_size[0], 2 * preprocess.crop_size[0])
    picture = large.crop(large.resize(ch.open_picture("photo:four")))
    assert np.array_equal(drawn(page, ".map .seen"), np.asarray(picture))
    limits = explanation.limits()
    expected = overlay(picture, explanation.cam("Egyptian cat"), limits=limits)
    expected = np.asarray(expected).astype(int)
    assert np.abs(drawn(page, ".map .over") - expected).max() <= 2
    scores, cat = explanation.prediction, explanation.score("Egyptian cat")
    title = f"Egyptian cat: score {cat:.2f}, rank {scores.ranks[285]} of 1000"
    assert page.locator(".title").inner_text().startswith(title)


@pytest.mark.browser
@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
def test_every_view_fits_every_width_and_axe_finds_nothing(open_page, colour_scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page("#picture=cat_and_dog&view=mirror", color_scheme=colour_scheme)
    expect_text(page, ".mirror .note", "pixels too far")
    for key, view in zip(KEYS, VIEWS, strict=True):
        page.get_by_label(view, exact=True).check()
        page.locator(f".view.{key}").wait_for()
        for width in (360, 768, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
            if width in (360, 1920):
                found = Axe().run(page).response
                assert found["passes"]
                faults = [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]]
                assert faults == [], (view, width)


@pytest.mark.browser
def test_print_shows_the_map_and_what_it_is_of_without_the_controls(open_page):
    page = open_page("#picture=cat_and_dog", color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator(".map .over").is_visible()
    assert page.locator(".source").inner_text() == "cat_and_dog, seen by tiny_resnet"
    assert not page.locator(".tabs").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.browser
def test_a_network_chosen_before_the_first_map_waits_and_the_figure_is_copied(open_page):
    page = open_page("#picture=cat_and_dog")
    page.reload(wait_until="commit")
    page.get_by_label("photographs").check()
    assert page.locator("#view").evaluate("(view) => view.inert")
    expect_text(page, ".title", "of 1000")
    page.locator(".copy").click()
    expect_text(page, ".found", "The figure is copied")
    page.evaluate("ClipboardItem = undefined")  # a browser that does not allow it
    page.locator(".copy").click()
    expect_text(page, ".found", "save the PNG instead")


# ---- By keyboard alone --------------------------------------------------------------------------


def tab_to(page, selector):
    """Press Tab until an element has the focus."""
    for _ in range(80):
        if page.evaluate("(s) => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


@pytest.mark.browser
def test_everything_can_be_done_by_keyboard(open_page):
    page = open_page("#picture=cat_and_dog")
    network = ch.load_network()
    explanation = ch.explain(network, "cat_and_dog")

    tab_to(page, ".slider")
    page.keyboard.press("Home")
    for k in explanation.scores.argsort(descending=True).tolist():  # by rank
        category = network.categories[k]
        score = f"{category}: score {explanation.score(category):.2f}"
        expect_text(page, ".title", score)
        assert score in page.locator(".slider").get_attribute("aria-valuetext")
        sum_of_map = f"mean(map) {explanation.cam(category).mean().item():.2f}"
        assert sum_of_map in page.locator(".balance").inner_text()
        page.keyboard.press("ArrowRight")

    tab_to(page, ".best button:nth-child(3)")
    page.keyboard.press("Enter")
    expect_text(page, ".title", explanation.prediction.top(3)[2].category)

    tab_to(page, ".find")
    page.keyboard.type("CA")
    page.keyboard.press("Tab")
    expect_text(page, ".title", "cat: score")

    tab_to(page, ".list")
    page.keyboard.type("1 d")
    expect_text(page, ".title", "dog: score")

    peak = int(explanation.cam("dog").argmax())
    tab_to(page, ".map summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")  # back to the cells
    step = 1 if page.evaluate("document.activeElement.value") == str(peak) else 0
    if not step:  # the cell that was chosen for the class before
        page.locator(f".grid input[value='{peak}']").check(force=True)
    expect_text(page, ".terms", f"row {peak // 7}, column {peak % 7}")
    page.keyboard.press("ArrowUp")
    expect_text(page, ".terms", f"row {peak // 7 - 1}, column {peak % 7}")
    page.keyboard.press("ArrowLeft")
    expect_text(page, ".terms", f"row {peak // 7 - 1}, column {peak % 7 - 1}")
    rows = page.locator(".terms tbody tr").all_inner_texts()
    terms = [float(row.split("\t")[-1]) for row in rows]
    assert sum(terms[:-1]) == pytest.approx(terms[-1], abs=0.04)
    strongest = explanation.contributions("dog")[:, peak // 7 - 1, peak % 7 - 1].abs().argmax()
    assert rows[0].startswith(f"{int(strongest)}\t")

    tab_to(page, ".tabs input")
    page.keyboard.press("ArrowRight")
    tab_to(page, ".other")
    page.keyboard.type("5")
    sixth = network.categories[5]
    expect_text(page, ".difference-caption", f"dog minus {sixth}")
    difference = explanation.score("dog") - explanation.score(sixth)
    expect_text(page, ".classes .note", f"difference of the scores {difference:.2f}")

    tab_to(page, ".tabs input")
    page.keyboard.press("ArrowRight")
    tab_to(page, ".count")
    page.keyboard.press("End")
    expect_text(page, ".partial-caption", "the first 192 of 192")
    whole = explanation.cam("dog").mean().item()
    expect_text(page, ".channels .note", f"mean {whole:.2f} of mean(map) {whole:.2f}")

    tab_to(page, ".tabs input")
    page.keyboard.press("ArrowRight")
    expect_text(page, ".mirror .note", "too far")
    test = ch.mirror_test(network, "cat_and_dog", "dog")
    offset = float(
        re.search(r"drawn ([\d.]+) pixels", page.locator(".mirror .note").inner_text())[1]
    )
    assert offset == pytest.approx(abs(test.offset), abs=0.11)
    side = "right" if test.offset > 0 else "left"
    assert f"too far {side}" in page.locator(".mirror .note").inner_text()

    tab_to(page, ".tabs input")
    page.keyboard.press("ArrowRight")
    tab_to(page, ".painted")
    page.keyboard.press("Space")
    expect_text(page, ".cover .note", "a change of")
    tab_to(page, ".undo")
    page.keyboard.press("Enter")
    expect_text(page, ".cover .note", "Nothing is covered")

    tab_to(page, ".tabs input")
    page.keyboard.press("ArrowRight")
    best = explanation.prediction.top(1)[0]
    rank, name, score, probability = (
        page.locator("table.scores tbody tr").first.inner_text().split("\t")
    )
    assert (rank, name, score) == ("1", best.category, f"{best.score:.2f}")
    assert float(probability.rstrip(" %")) == pytest.approx(100 * best.probability, abs=0.11)

    tab_to(page, "[name=network]")
    page.keyboard.press("ArrowRight")
    expect_text(page, ".title", "of 1000")

    tab_to(page, "#gallery button[value=hidden_cat]")
    page.keyboard.press("Enter")
    expect_text(page, ".title", "of 12")

    page.locator("#view[aria-busy=false]").wait_for()  # a busy page may let the key's turn pass
    page.on("filechooser", lambda chooser: None)  # stays: else the watch goes off between the two
    for control in ("#file", "#camera"):
        page.locator(".find").focus()
        tab_to(page, control)
        with page.expect_file_chooser():
            page.keyboard.press("Enter")


@pytest.mark.browser
def test_the_words_say_where_the_map_is_high(open_page):
    page = open_page("#picture=cat_and_dog&class=0")
    cam = ch.explain(ch.load_network(), "cat_and_dog").cam("cat")
    row, column = divmod(int(cam.argmax()), 7)
    low = divmod(int(cam.argmin()), 7)
    expect_text(page, ".words", f"(row {row}, column {column}), {cam.max().item():.2f}.")
    expect_text(page, ".words", f"(row {low[0]}, column {low[1]}), {cam.min().item():.2f}.")
    expect_text(page, ".words", f"{int((cam > 0).sum())} of 49 cells speak for cat.")
    assert (
        page.locator(".map .over").get_attribute("aria-label")
        == page.locator(".words").inner_text()
    )


@pytest.mark.browser
def test_an_unknown_class_gets_a_sentence_and_nothing_moves(open_page):
    page = open_page("#picture=cat_and_dog")
    before = page.locator(".title").inner_text()
    page.locator(".find").fill("xyz")
    page.locator(".find").press("Enter")
    expect_text(page, ".found", "tiny_resnet knows no class “xyz”")
    assert page.locator(".title").inner_text() == before


# ---- The address --------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_link_leads_to_its_view_and_the_view_makes_its_link(open_page):
    address = "#picture=photo%3Acat&network=tf_mobilenet_v2&class=281&view=map&cell=30"
    page = open_page(address)
    expect_text(page, ".title", "tabby: score")
    expect_text(page, ".cell-number", "row 4, column 2")
    expect_address(page, address)
    page.get_by_label("two classes").check()
    page.locator(".other").select_option("285")
    expect_address(page, "class=281&view=classes&other=285")
    page.evaluate("location.hash = '#picture=dog_top_right&view=scores'")
    expect_text(page, "table.scores", "dog")


@pytest.mark.browser
def test_a_wrong_link_leads_to_the_beginning(open_page):
    page = open_page("#picture=none&network=none&class=99999&view=none&cell=77")
    expect_address(page, "picture=photo%3Afour&network=tf_mobilenet_v2")
    assert page.locator(".map .over").is_visible()


# ---- Pictures of one's own ----------------------------------------------------------------------


def content_of(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def picture_file(kind="png", name="photo:coffee"):
    return content_of(ch.open_picture(name), kind)


JPEG = picture_file("jpeg")
THUMBNAIL = content_of(ch.open_picture("cat").resize((32, 32)), "jpeg")
APP1 = b"\xff\xe1" + (len(THUMBNAIL) + 2).to_bytes(2, "big") + THUMBNAIL
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
BAD = {
    "text.jpg": (b"This is no picture.", "is no picture that this browser can open"),
    "nothing.png": (b"", "is empty"),
    "cut.jpg": (JPEG[:20_000], "cut short"),
    "cut below its thumbnail.jpg": (JPEG[:2] + APP1 + JPEG[2:20_000], "cut short"),
    "cut.png": (picture_file()[:90_000], "cut short"),
    "cut.webp": (picture_file("webp")[:9_000], "damaged"),
    "large.png": (content_of(Image.new("1", (10_000, 10_000)), "png"), "too large"),
    "narrow.png": (content_of(Image.new("L", (2100, 100)), "png"), "too long and narrow"),
    "small.png": (content_of(Image.new("L", (7, 100)), "png"), "too small"),
    "IMG_1.heic": (HEIC, "HEIC"),
    "drawing.svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"/>',
        "Save it as PNG first",
    ),
}


@pytest.mark.browser
def test_bad_files_get_a_sentence_and_the_last_good_picture_stays(open_page):
    page = open_page("#picture=cat_and_dog")
    before = page.locator(".title").inner_text()
    for name, (content, sentence) in BAD.items():
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        page.locator("#file").set_input_files(file)
        expect_text(page, "#message", sentence)
        ready(page)
        assert page.locator(".title").inner_text() == before, name
    page.get_by_label("drawn scenes").and_(page.locator(":checked")).wait_for()
    # A telephone's motion photo: after the end of the picture comes a film.
    motion = picture_file("jpeg") + bytes(1000) + b"\xff\xda" + bytes(1000)
    good = {"name": "motion.jpg", "mimeType": "image/jpeg", "buffer": motion}
    page.locator("#file").set_input_files(good)
    expect_text(page, ".title", "espresso: score")
    assert page.locator("#message").inner_text() == ""


GIVE = """([kind, text]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "own.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: data })
    : new ClipboardEvent("paste", { ...options, clipboardData: data }));
}"""


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(open_page, kind):
    page = open_page("#picture=cat_and_dog")
    page.evaluate(GIVE, [kind, base64.b64encode(picture_file()).decode()])
    best = ch.explain(ch.load_network("tf_mobilenet_v2"), "photo:coffee").prediction.top(1)[0]
    expect_text(page, ".title", f"{best.category}: score {best.score:.2f}")
    expect_address(page, "picture=own.png&network=tf_mobilenet_v2")


@pytest.mark.browser
def test_the_network_can_be_changed_for_a_picture_of_ones_own(open_page):
    page = open_page("#picture=photo:cat")
    file = {"name": "own.png", "mimeType": "image/png", "buffer": picture_file(name="cup")}
    page.locator("#file").set_input_files(file)
    ready(page)
    page.get_by_label("drawn scenes").check()
    best = ch.explain(ch.load_network(), "cup").prediction.top(1)[0]
    expect_text(page, ".title", f"{best.category}: score {best.score:.2f}, rank 1 of 12")
