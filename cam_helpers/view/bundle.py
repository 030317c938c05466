"""The parts of the view that are no Python, put together into one script and one style."""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VIEW = ("words.js", "views.js", "view.js")


def script(*names: str) -> str:
    """Return modules as one script without `import` and `export`: files cannot be imported."""
    code = "\n".join(read(name) for name in names)
    code = re.sub(r"^import \{[^}]*\} from .*;\n", "", code, flags=re.MULTILINE)
    return re.sub(r"^export ", "", code, flags=re.MULTILINE)


def read(name: str) -> str:
    """Return the text of one part."""
    return (HERE / name).read_text(encoding="utf-8")


def fill(template: str, parts: dict[str, str]) -> str:
    """Put parts where their names stand in double braces."""
    return re.sub(r"{{([\w.]+)}}", lambda found: parts[found[1]], read(template))


def as_json(data: Any) -> str:
    """Return JSON that ends no script, whatever the names in it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
