"""The question bank: `python notebooks/workshop/quiz.py gift | paper | score ANSWERS.csv`.

gift    quiz.gift for Moodle (its GIFT format), with all questions and what to say to each choice
paper   quiz.html: the eight core questions on a page to print, and their key on another
score   what a class answered: how difficult each question was, whether it tells strong learners
        from weak ones, which misconception took how many, and what changed from before to after

ANSWERS.csv has a line for each learner and time: `learner,time,00.1,01.1,...` with `before` or
`after` as the time, and the letter of the choice, as printed, under each question.
"""

import argparse
import csv
import html
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import yaml

BANK = Path(__file__).resolve().parent / "quiz.yml"
LETTERS = "abcd"
Question = dict[str, Any]


def questions(core: bool = False) -> list[Question]:
    """Return all questions, or the core ones, each with its `choices` in the printed order."""
    bank: list[Question] = yaml.safe_load(BANK.read_text(encoding="utf-8"))
    for question in bank:
        right = {"text": question["right"], "why": question["why"], "misconception": None}
        choices = [right, *question["wrong"]]
        random.Random(question["id"]).shuffle(choices)  # the same order everywhere
        question["choices"] = dict(zip(LETTERS, choices, strict=True))
    return [question for question in bank if question["core"] or not core]


def as_page() -> str:
    """Return the quiz as Markdown: opening a choice tells whether and why, without any script."""
    lines = []
    for number, question in enumerate(questions(), 1):
        lines.append(f"## Question {number} (notebook {question['id'][:2]})\n\n{question['ask']}\n")
        for choice in question["choices"].values():
            verdict = "Not quite." if choice["misconception"] else "Right."
            text, why = html.escape(choice["text"]), html.escape(choice["why"])
            lines.append(f"<details><summary>{text}</summary>{verdict} {why}</details>\n")
    return "\n".join(lines)


def as_gift() -> str:
    """Return the quiz in Moodle's GIFT format."""

    def plain(text: str) -> str:
        return re.sub(r"([~=#{}:\\])", r"\\\1", text)

    blocks = []
    for question in questions():
        choices = [
            f"{'~' if choice['misconception'] else '='}{plain(choice['text'])}"
            f"#{plain(choice['why'])}"
            for choice in question["choices"].values()
        ]
        blocks.append(
            f"::{question['id']}::{plain(question['ask'])} {{\n" + "\n".join(choices) + "\n}"
        )
    return "\n\n".join(blocks) + "\n"


def as_paper() -> str:
    """Return the core questions as an HTML page to print, the key on a page of its own."""
    asked, key = [], []
    for number, question in enumerate(questions(core=True), 1):
        choices = "".join(
            f"<li>{html.escape(c['text'])}</li>" for c in question["choices"].values()
        )
        asked.append(f"<h2>{number}. {html.escape(question['ask'])}</h2><ol type=a>{choices}</ol>")
        letter = next(k for k, c in question["choices"].items() if c["misconception"] is None)
        key.append(f"<li>{letter} ({question['id']}): {html.escape(question['why'])}</li>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Eight questions</title>'
        "<style>body{font:10.5pt/1.3 sans-serif;max-width:46em;margin:auto}h1{font-size:15pt}"
        "h2{font-size:10.5pt;margin:.8em 0 .2em}ol{margin:0}section{break-before:page}</style>"
        "<h1>Eight questions on class activation maps</h1>"
        "<p>Name: ________ &nbsp; before / after</p>"
        f"{''.join(asked)}<section><h1>Key</h1><ol>{''.join(key)}</ol></section></html>\n"
    )


def score(rows: list[dict[str, str]]) -> str:
    """Return what the answers of a class say, as text. Raises `ValueError` where they say nothing.

    Difficulty is the share of right answers. Discrimination is the correlation of a question with
    the sum of the others (corrected item-total correlation). The gain is the mean difference of
    those who answered twice, with a 95 % interval from 10,000 bootstrap draws of learners.
    """
    known = {question["id"]: question for question in questions()}
    asked = [column for column in (rows[0] if rows else {}) if column in known]
    if not asked:
        raise ValueError("No column bears the number of a question, as 00.1 does.")
    strange = {row["time"] for row in rows} - {"before", "after"}
    if strange:
        raise ValueError(f"time is before or after, not {', '.join(sorted(strange))}.")
    keys = [
        next(k for k, c in known[q]["choices"].items() if not c["misconception"]) for q in asked
    ]
    given = [[(row[q] or "").strip().lower() for q in asked] for row in rows]
    right = np.array(given) == np.array(keys)
    lines = []
    for time in ("before", "after"):
        chosen = np.array([row["time"] == time for row in rows])
        if not chosen.any():
            continue
        lines += [
            f"{time}: {chosen.sum()} learners",
            "question  right  discrimination  wrong choices",
        ]
        for column, question in enumerate(asked):
            hits = right[chosen, column]
            others = np.delete(right[chosen], column, axis=1).sum(1)
            tells = hits.std() > 0 and others.std() > 0
            fit = f"{np.corrcoef(hits, others)[0, 1]:14.2f}" if tells else " " * 13 + "-"
            letters = Counter(row[column] for row, use in zip(given, chosen, strict=True) if use)
            names = [
                f"{choice['misconception']} {letters[letter] / chosen.sum():.0%}"
                for letter, choice in known[question]["choices"].items()
                if choice["misconception"] and letters[letter]
            ]
            lines.append(f"{question:8} {hits.mean():6.0%}  {fit}  {', '.join(names)}")
    lines.append(gain(rows, right.mean(1)))
    return "\n".join(lines)


def gain(rows: list[dict[str, str]], shares: np.ndarray) -> str:
    """Return what changed for the learners who answered before and after, in a sentence."""
    of = {(row["learner"], row["time"]): share for row, share in zip(rows, shares, strict=True)}
    both = [name for name, time in of if time == "before" and (name, "after") in of]
    if len(both) < 2:
        return "Nobody, or one learner, answered before and after: no gain can be given."
    changes = np.array([of[name, "after"] - of[name, "before"] for name in both])
    draws = np.random.default_rng(0).choice(changes, (10_000, len(changes))).mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return (
        f"gain of {len(both)} learners: {changes.mean():+.0%} of the questions, 95 % interval "
        f"{low:+.0%} to {high:+.0%}. Without a group that was not taught, some of this is "
        "practice; and with few learners the numbers of single questions are rough."
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("what", choices=("gift", "paper", "score"))
    parser.add_argument("answers", nargs="?", type=Path, help="for score: a CSV file")
    chosen = parser.parse_args()
    if chosen.what != "score":
        name = {"gift": "quiz.gift", "paper": "quiz.html"}[chosen.what]
        Path(name).write_text(as_gift() if chosen.what == "gift" else as_paper(), encoding="utf-8")
        print(name)
        return
    if chosen.answers is None:
        parser.error("score takes a CSV file of answers")
    try:
        with chosen.answers.open(encoding="utf-8-sig", newline="") as file:
            print(score(list(csv.DictReader(file))))
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"{chosen.answers}: {error}")


if __name__ == "__main__":
    main()
