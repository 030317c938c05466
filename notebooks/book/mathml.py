"""Formulas as MathML, which browsers since 2023, paper and e-readers draw without a script."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert


def draw_inline(writer: Any, node: Any) -> None:
    """Put a formula of a line into the page."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def draw_block(writer: Any, node: Any) -> None:
    """Put a formula with a line of its own into the page."""
    formula = convert(node.astext(), display="block")
    # A long one scrolls, by keyboard too.
    writer.body.append(f'<div class="formula" tabindex="0">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer this to Sphinx under the name `mathml`."""
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
    return {"parallel_read_safe": True}
