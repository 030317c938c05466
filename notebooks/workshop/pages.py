"""Pages that are computed: `python notebooks/workshop/pages.py` writes them anew where they stand.

These are quiz.md, the key in worksheet.md and the table of misconceptions in TEACHING.md.
"""

import re
from pathlib import Path
from typing import Any

import quiz
import worksheet
import yaml

HERE = Path(__file__).resolve().parent
QUIZ = """# What do you know about maps?

Choose an answer: it opens and says whether, and why. Nothing is sent anywhere.

"""


def misconceptions() -> list[dict[str, Any]]:
    """Return what people think, and what to reply."""
    text = (HERE / "misconceptions.yml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def table() -> str:
    """Return the table of misconceptions."""
    lines = ["| what people think | what to reply | cured in |", "|---|---|---|"]
    for each in misconceptions():
        anchor = each["heading"].replace(" ", "-")
        link = (
            f"[{each['notebook'][:2]}, {each['heading']}](<../{each['notebook']}.ipynb#{anchor}>)"
        )
        lines.append(f"| {each['says']} | {each['reply']} | {link} |")
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Return the text of each page that holds something computed, by its name."""
    teaching = (HERE / "TEACHING.md").read_text(encoding="utf-8")
    sheet = (HERE / "worksheet.md").read_text(encoding="utf-8")
    start = "## What people think\n\n"
    head, rest = teaching.split(start)
    sentence = rest.split("\n\n")[0]
    tail = rest[rest.index("\n\n## ") :]
    return {
        "quiz.md": QUIZ + quiz.as_page(),
        "TEACHING.md": f"{head}{start}{sentence}\n\n{table()}{tail}",
        "worksheet.md": re.sub(r"(?s)(## Key\n\n).*", rf"\1{worksheet.key()}\n", sheet),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
