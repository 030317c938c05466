"""How the notebooks become a site that needs no server and no connection: `make book`.

Sphinx reads `notebooks/` and shows what the notebooks have stored; nothing is run.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# The one place where the address of the project stands. Where there is none, no button and no link
# that needs it is shown.
REPOSITORY = PYPROJECT["urls"].get("Repository", "").removesuffix("/")
SITE = PYPROJECT["urls"].get("Documentation", "")
BRANCH = "main"
repository_blob = f"{REPOSITORY}/blob/{BRANCH}" if REPOSITORY else ""

project = "Class Activation Maps, step by step"
author = "The authors of Class Activation Maps, step by step"
copyright = f"{author}. Text and pictures: CC BY 4.0"
version = release = PYPROJECT["version"]
language = "en"

sys.path.insert(0, str(Path(__file__).parent))
extensions = ["myst_nb", "sphinxext.opengraph", "links", "mathml", "phone"]
root_doc = "index"
exclude_patterns = ["**.ipynb_checkpoints", "workshop/hub"]
suppress_warnings = ["mystnb.unknown_mime_type"]  # a widget's; a picture stands beside it
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4

myst_heading_slug_func = "links.heading_anchor"

html_math_renderer = "mathml"  # mathml.py; no script has to draw a formula
html_context = {"default_mode": "auto"}
html_theme = "sphinx_book_theme"
html_title = project
html_copy_source = False
html_use_index = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which a browser forbids to files
html_static_path = ["book.css"]
html_css_files = ["book.css"]
html_theme_options: dict[str, Any] = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],
}
if REPOSITORY:
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "repository_branch": BRANCH,
        "path_to_docs": "notebooks",
        "use_repository_button": True,
        "use_source_button": True,
        "launch_buttons": {
            "colab_url": "https://colab.research.google.com",
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        },
    }
ogp_site_url = SITE
ogp_site_name = project
ogp_description_length = 180

# The handout: no scripts, no theme.
if tags.has("paper"):  # noqa: F821 (Sphinx gives it)
    html_theme, html_theme_options = "basic", {}
    extensions.remove("sphinxext.opengraph")
    html_static_path = ["paper.css"]
    html_css_files = ["paper.css"]
    epub_css_files = ["paper.css"]
    epub_show_urls = "no"
    suppress_warnings += ["epub.unknown_project_files", "epub.duplicated_toc_entry"]
