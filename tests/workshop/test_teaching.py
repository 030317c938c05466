"""TEACHING.md, worksheet and slides: plans add up, links lead somewhere, figures are there."""

import re
from pathlib import Path

import numpy as np
import pages
import pytest
import quiz
import slides
import worksheet

WORKSHOP = Path(__file__).resolve().parents[2] / "notebooks" / "workshop"

README = (WORKSHOP.parents[1] / "README.md").read_text(encoding="utf-8")
TEACHING = (WORKSHOP / "TEACHING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("title", "length"), [("Ninety minutes", 90), ("Half a day", 210)])
def test_a_plan_fills_its_time_and_leaves_slack(title, length):
    part = TEACHING.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (.*?) \|", part, flags=re.M)
    clock = 0
    for begin, minutes, _ in rows:
        assert int(begin) == clock
        clock += int(minutes)
    assert clock == length and len(rows) >= 8
    assert sum(int(minutes) for _, minutes, what in rows if "slack" in what) >= 10
    titles = {slide.title for slide in slides.SLIDES}
    for row in part.splitlines():
        assert set(re.findall(r'[Ss]lides? "(.+?)"', row)) <= titles
        for name, heading in re.findall(r"\(\.\./(\w+\.ipynb)\),? up to \"(.+?)\"", row):
            assert f"# {heading}" in (WORKSHOP.parent / name).read_text(encoding="utf-8"), heading
        if whole := re.match(
            r"\| \d+ \| (\d+) \|[^|]*\[\d\d\]\(\.\./(\w+\.ipynb)\)(?!.*up to)", row
        ):
            needs = re.search(rf"{whole[2]}\).*\| (\d+) \|", README)[1]
            assert "worksheet, part" in row.split("[")[0] or int(whole[1]) >= int(needs), row


def test_numbers_named_in_prose_are_those_that_are_computed():
    cam = np.einsum("k,kyx->yx", worksheet.WEIGHTS, worksheet.MAPS)
    score = f"{cam.mean() + worksheet.BIAS:g}"
    assert f"The highest is {cam.max()}, the score {score}." in TEACHING
    assert all(f"{len(quiz.questions())} questions" in text for text in (TEACHING, README))


def test_what_is_computed_is_what_stands_there():
    for name, text in pages.pages().items():
        assert (WORKSHOP / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("name", ["TEACHING.md", "worksheet.md"])
def test_commands_named_are_there(name):
    text = (WORKSHOP / name).read_text(encoding="utf-8")
    for target in re.findall(r"notebooks/workshop/\w+(?:\.\w+)?", text):
        assert (WORKSHOP.parents[1] / target).exists(), target


def test_slides_are_about_fifteen_with_figures_that_have_words():
    page = slides.make_slides()
    assert page.count("<section>") == 15 and "fifteen slides" in TEACHING
    assert page.count("<img") >= 9 and "http" not in re.sub(r'src="data:[^"]+"', "", page)
    assert not re.search(r'alt=""', page)
    assert page.count("<aside>") == page.count("<section>")
