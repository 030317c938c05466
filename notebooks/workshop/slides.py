"""Slides for the talk before the hands-on: `python notebooks/workshop/slides.py`.

It writes slides.html, one file, which needs no connection: arrow keys, Page Up and Down, or a touch
on the left or right half; `n` shows the notes; printing gives one slide a page. Figures come from
the notebooks as they are stored, so they change with them.
"""

import argparse
import html
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1]


@dataclass
class Slide:
    """A title, a line to say, the notes, and a figure: notebook and words of its alt text."""

    title: str
    line: str
    notes: str
    notebook: str = ""
    alt_has: str = ""


SLIDES = (
    Slide(
        "Where does the network look?",
        "Class activation maps, step by step",
        "Ask before you begin: where is the bee, and which parts tell you so?",
        *("00", "three maps"),
    ),
    Slide(
        "It saw names only",
        "Nobody told the network where anything is.",
        "Ask before the figure: where will it be orange for each name?",
        *("00", "own quarter"),
    ),
    Slide(
        "Step 1: predict",
        "A picture goes in, a score for every class comes out.",
        "Scores are no probabilities; softmax makes shares of them.",
        *("01", "resized photograph"),
    ),
    Slide(
        "Step 2: the weights of a class",
        "One row of numbers: for and against.",
        "The row belongs to the class, not to the picture.",
        *("02", "signed bars"),
    ),
    Slide(
        "The sum says how much",
        "score = weights · features + bias",
        "Worksheet, part 1.",
    ),
    Slide(
        "Step 3: hook the feature maps",
        "Before pooling forgets the place.",
        "A mean of 49 numbers does not know where they were.",
        *("03", "the crop; feature map"),
    ),
    Slide(
        "Step 4: the weighted sum",
        "Weight times feature map, added up.",
        "Worksheet, part 2.",
        *("04", "as numbers"),
    ),
    Slide(
        "Two checks",
        "mean(map) + bias = score. And the map moves with the picture.",
        "Shuffle the cells: which check notices?",
        *("04", "two windows"),
    ),
    Slide(
        "What moving cannot see",
        "A map that is always one cell aside moves along.",
        "Mirror the picture: the fault lands on the other side.",
        *("05", "two outlines"),
    ),
    Slide(
        "Step 5: upsample and overlay",
        "7 by 7 numbers become a picture. Everything between them is interpolated.",
        "Read it to one cell.",
        *("05", "the overlay of"),
    ),
    Slide(
        "One scale for all classes",
        "Orange speaks for the class, purple against it.",
        "Two maps, each on its own scale, are equally orange. What follows? Nothing.",
        *("05", "evidence"),
    ),
    Slide(
        "Evidence, not extent",
        "Strong on head and chest, weak on the rest: is the map wrong?",
        "It shows what tells this class from the others.",
        *("04", "head"),
    ),
    Slide(
        "Right, for the wrong reason",
        "Two networks, equally good. One reads a letter.",
        "Ask: which picture would tell them apart?",
        *("09", "xray_fair"),
    ),
    Slide(
        "What a map does not prove",
        "The reason. The next picture. That nothing else matters.",
        "Collect sentences for the exit ticket.",
    ),
    Slide(
        "Your turn",
        "explorer.html: your photograph, your class. Guess first.",
        "QR code of serve.py.",
    ),
)
IMAGE = re.compile(r'<img\b[^>]*?src="(data:image/[^"]+)"[^>]*?>', re.S)
ALT = re.compile(r'alt="([^"]*)"')


def figures(number: str) -> list[tuple[str, str]]:
    """Return (source, alt) of every picture that a notebook has stored, in order."""
    [file] = NOTEBOOKS.glob(f"{number}_*.ipynb")
    found = []
    for cell in nbformat.read(file, as_version=4).cells:
        for output in cell.get("outputs", []):
            for image in IMAGE.finditer(output.get("data", {}).get("text/html", "")):
                alt = ALT.search(image[0])
                found.append((image[1], html.unescape(alt[1]) if alt else ""))
    return found


def make_slides() -> str:
    """Return the slides as one HTML page. Raises `LookupError` for a figure that is not there."""
    sections = []
    for slide in SLIDES:
        figure = ""
        if slide.notebook:
            fitting = [f for f in figures(slide.notebook) if slide.alt_has in f[1].lower()]
            if not fitting:
                raise LookupError(
                    f'No picture of notebook {slide.notebook} says "{slide.alt_has}".'
                )
            source, alt = fitting[0]
            figure = f'<img src="{source}" alt="{html.escape(alt, quote=True)}">'
        sections.append(
            f"<section><h1>{slide.title}</h1><p>{slide.line}</p>{figure}"
            f"<aside>{slide.notes}</aside></section>"
        )
    return PAGE.replace("SECTIONS", "\n".join(sections))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Class Activation Maps: the talk</title>
<style>
  body { margin: 0; font: 1.6rem/1.4 system-ui, sans-serif; color: #1b1b1b; background: #fff; }
  section { display: none; box-sizing: border-box; min-height: 100vh; padding: 4vh 6vw;
    flex-direction: column; gap: 2vh; }
  section.now { display: flex; }
  h1 { margin: 0; font-size: 2.6rem; }
  p { margin: 0; }
  img { width: 100%; max-height: 66vh; object-fit: contain; object-position: left top; }
  aside { display: none; border-top: 2px solid #b35000; font-size: 1.2rem; padding-top: 1vh; }
  body.notes aside { display: block; }
  @page { size: A4 landscape; }
  @media print {
    section { display: flex; break-after: page; min-height: 0; }
    aside { display: block; }
  }
</style></head>
<body>
<main>
SECTIONS
</main>
<script>
const slides = [...document.querySelectorAll("section")];
let now = 0;
function go(to) {
  now = Math.max(0, Math.min(slides.length - 1, to));
  slides.forEach((slide, i) => slide.classList.toggle("now", i === now));
  history.replaceState(null, "", `#${now + 1}`);
}
addEventListener("keydown", ({ key }) => {
  if (["ArrowRight", "ArrowDown", "PageDown", " "].includes(key)) go(now + 1);
  if (["ArrowLeft", "ArrowUp", "PageUp"].includes(key)) go(now - 1);
  if (key === "n") document.body.classList.toggle("notes");
});
addEventListener("click", ({ clientX }) => go(now + (clientX > innerWidth / 2 ? 1 : -1)));
go((parseInt(location.hash.slice(1)) || 1) - 1);
</script>
</body></html>
"""


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("slides.html"))
    out = parser.parse_args().out
    out.write_text(make_slides(), encoding="utf-8")
    print(f"{out}: {len(SLIDES)} slides, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
