"""The question bank: wrong choices have names, numbers are computed, the scorer finds the truth."""

import re
from pathlib import Path

import numpy as np
import pytest
import quiz
import torch
import yaml

WORKSHOP = Path(__file__).resolve().parents[2] / "notebooks" / "workshop"

BANK = quiz.questions()
NAMES = {
    each["name"]
    for each in yaml.safe_load((WORKSHOP / "misconceptions.yml").read_text(encoding="utf-8"))
}


def test_the_bank_is_large_and_covers_every_notebook_up_to_12():
    assert len(BANK) >= 24
    assert {question["id"][:2] for question in BANK} == {f"{n:02}" for n in range(13)}
    assert len({question["id"] for question in BANK}) == len(BANK)
    assert len(quiz.questions(core=True)) == 8


@pytest.mark.parametrize("question", BANK, ids=lambda question: question["id"])
def test_every_wrong_choice_is_a_misconception_with_its_reason(question):
    assert len({choice["text"] for choice in question["choices"].values()}) == 4
    assert {choice["misconception"] for choice in question["wrong"]} <= NAMES
    assert all(len(choice["why"]) > 15 for choice in question["wrong"])
    numbers = re.findall(r"\d\.\d|\d %", question["right"])
    assert not numbers or "verify" in question, "a number in a right answer is computed"
    assert eval(question.get("verify", "True"), {"torch": torch})  # our own file


def test_the_right_choice_is_not_always_at_the_same_letter():
    letters = [
        letter
        for question in BANK
        for letter, choice in question["choices"].items()
        if choice["misconception"] is None
    ]
    assert set(letters) == set(quiz.LETTERS)
    assert max(map(letters.count, quiz.LETTERS)) <= len(BANK) / 2


def test_gift_page_and_paper_have_one_right_choice_and_three_wrong_ones_each():
    blocks = quiz.as_gift().strip().split("\n\n")
    assert len(blocks) == len(BANK)
    for block in blocks:
        head, *choices, end = block.split("\n")
        assert head.startswith("::") and head.endswith(" {") and end == "}"
        assert sorted(choice[0] for choice in choices) == ["=", "~", "~", "~"]
        assert all(len(re.findall(r"(?<!\\)#", choice)) == 1 for choice in choices)
        assert not re.search(r"(?<!\\)[{}~=]", "".join(choice[1:] for choice in choices))
    page, paper = quiz.as_page(), quiz.as_paper()
    assert page.count("<details>") == 4 * len(BANK) and page.count("Right.") == len(BANK)
    assert paper.count("<li>") == 8 * 4 + 8


def simulated(count, seed, gain):
    """A class of known ability: the stronger, the more often right (Rasch 1960)."""
    rng = np.random.default_rng(seed)
    core = quiz.questions(core=True)
    ease = np.linspace(2, -2, len(core))
    ability = rng.normal(0, 1.5, count)
    rows = []
    for time, shift in (("before", 0), ("after", gain)):
        for learner in range(count):
            row = {"learner": str(learner), "time": time}
            for question, easy in zip(core, ease, strict=True):
                knows = rng.random() < 1 / (1 + np.exp(-(ability[learner] + shift + easy)))
                choices = {c["misconception"] is None: k for k, c in question["choices"].items()}
                row[question["id"]] = choices[bool(knows)]
            rows.append(row)
    return rows


def test_the_scorer_finds_difficulty_discrimination_and_gain_of_a_simulated_class():
    text = quiz.score(simulated(2_000, seed=1, gain=1.0))
    before = [line for line in text.split("after:")[0].splitlines() if re.match(r"\d\d\.\d", line)]
    right = [int(re.search(r"(\d+)%", line)[1]) for line in before]
    assert right == sorted(right, reverse=True) and right[0] > 75 and right[-1] < 25
    assert all(0.2 < float(line.split()[2]) < 0.7 for line in before)
    low, high = map(int, re.search(r"interval \+(\d+)% to \+(\d+)%", text).groups())
    assert 8 < low < high < 22


@pytest.mark.parametrize(
    ("gain", "least", "most"), [(0, 0, 0.1), (0.35, 0.2, 0.4), (0.7, 0.75, 0.9)]
)
def test_thirty_learners_show_what_teaching_says_they_show(gain, least, most):
    texts = [quiz.score(simulated(30, seed, gain)) for seed in range(60)]
    found = sum(int(re.search(r"interval ([+-]\d+)%", text)[1]) > 0 for text in texts) / 60
    assert least <= found <= most and "rough" in texts[0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "No column"),
        ([{"learner": "1", "time": "before", "q1": "a"}], "No column"),
        ([{"learner": "1", "time": "then", "00.1": "a"}], "before or after"),
    ],
)
def test_a_table_that_says_nothing_is_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        quiz.score(rows)
