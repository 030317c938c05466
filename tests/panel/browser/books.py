"""Small notebooks, made on the fly."""

import nbformat

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
EXPLORER = """
import cam_helpers as ch

panel = ch.explorer(picture="cat_and_dog", other_network=ch.load_network(weights=None))
panel
"""


def write_book(path, code=EXPLORER):
    """Write a notebook of one code cell between two cells of text."""
    cells = [
        nbformat.v4.new_markdown_cell("before"),
        nbformat.v4.new_code_cell(code.strip()),
        nbformat.v4.new_markdown_cell("after"),
    ]
    # Without the name of its kernel, JupyterLab would ask for it.
    book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(book, path)
