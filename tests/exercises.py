"""How exercises stand in a notebook, so that tests find their answers (CONTRIBUTING.md says more).

starter   a code cell tagged `exercise`, which runs as it stands and is not right
check     the next code cell, tagged `check`; it prints "right", or what is wrong
hint      a text cell tagged `hint`, folded
answer    a text cell tagged `answer`, folded, with one block of code that replaces the starter
"""

import re
from dataclasses import dataclass

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
TAGS = ("exercise", "check", "hint", "answer")


@dataclass
class Exercise:
    """The cells of one exercise; a list is empty, or longer than 1, where the rules are broken."""

    starter: dict
    check: list
    hint: list
    answer: list

    @property
    def solved(self) -> str:
        """The answer in place of the starter, then the check."""
        [block] = BLOCK.findall(self.answer[0].source)
        return block + "\n" + self.check[0].source


def tags_of(cell):
    return cell.metadata.get("tags", [])


def exercises_of(book):
    """Return the exercises of a notebook: what follows each starter, up to the next one."""
    found = []
    for cell in book.cells:
        if "exercise" in tags_of(cell):
            found.append(Exercise(cell, [], [], []))
        for kind in ("check", "hint", "answer"):
            if kind in tags_of(cell):
                getattr(found[-1], kind).append(cell)
    return found


def says_right(outputs):
    """Say whether the last line that a check prints begins with "right"."""
    lines = "".join(each.get("text", "") for each in outputs).strip().splitlines()
    return bool(lines) and lines[-1].startswith("right")
