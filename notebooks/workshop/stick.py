"""A memory stick for machines without a network: `python notebooks/workshop/stick.py --help`.

On the stick lie: wheels of all that is needed for one system and one Python, the wheel of this
project, the student edition, the book with the explorer, a script that installs without a network,
checksums, and a page that says how. It needs pip, uv, and a connection once, here.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LINUX = ("2014", *(f"_2_{number}" for number in range(17, 36)))
# Of each system: pip's names, uv's name, and megabytes to fetch (29 November 2026).
PLATFORMS = {
    "windows": (("win_amd64",), "x86_64-pc-windows-msvc", 261),
    "macos-arm64": (
        tuple(f"macosx_{version}_0_arm64" for version in (11, 12, 13, 14)),
        "aarch64-apple-darwin",
        261,
    ),
    "linux": (tuple(f"manylinux{tag}_x86_64" for tag in LINUX), "x86_64-manylinux_2_35", 3_130),
}
README = """Class Activation Maps, step by step

No installation:  open  book/explorer.html  or  book/index.html  by a double click.

With Python {python} on {platform}:
  Windows:       install.bat
  macOS, Linux:  sh install.sh
It makes a folder .venv here and needs no network. Then
  Windows:       .venv\\Scripts\\jupyter lab student\\00_start_here.ipynb
  macOS, Linux:  .venv/bin/jupyter lab student/00_start_here.ipynb

Notebook 11 compares with three libraries, which are not on this stick: read it in the book.
Macs with an Intel processor: PyTorch has no wheels for them. Use the book and the explorer.
Are the files whole?  sha256sum -c SHA256SUMS  (macOS: shasum -a 256 -c SHA256SUMS)
"""
INSTALL = (
    "{python} -m venv .venv{end}"
    "{pip} install --no-index --find-links wheels cam-helpers[lab,measure]{end}"
)


def requirements(python: str, platform: str) -> str:
    """Return what uv.lock names for a system, one exact version a line, without conditions."""
    extras = [part for extra in ("lab", "measure") for part in ("--extra", extra)]
    export = ["uv", "export", "-q", "--locked", "--no-dev", "--no-emit-project", "--no-hashes"]
    listed = _output(*export, *extras)
    if platform == "linux":
        # uv.lock leaves triton out (pyproject.toml says why); pip insists on it.
        wanted = next(line for line in requires("torch") or () if line.startswith("triton"))
        listed += wanted.partition(";")[0] + "\n"
    for_system = ["--python-platform", PLATFORMS[platform][1], "--python-version", python]
    return _output(
        *("uv", "pip", "compile", "-q", "--no-deps", "--no-header", "--no-annotate", "--no-config"),
        *(*for_system, "-"),
        given=listed,
    )


def _output(*command: str, given: str = "") -> str:
    done = subprocess.run(
        command,
        cwd=PROJECT,
        check=True,
        input=given,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},  # torch's wheels ask for it
    )
    return done.stdout


def download(listed: Path, wheels: Path, python: str, platform: str, index: str | None) -> None:
    """Fetch every wheel for a system, whatever system this is."""
    tags = [part for tag in PLATFORMS[platform][0] for part in ("--platform", tag)]
    chosen = ["--index-url", index] if index else []
    subprocess.run(
        [
            *("uv", "tool", "run", "pip", "download", "--only-binary=:all:", "--no-deps", "-q"),
            *(*tags, "--python-version", python, *chosen, "-r", listed, "-d", wheels),
        ],
        check=True,
    )


def write_scripts(out: Path, python: str, platform: str) -> None:
    """Write both install scripts, the page that says how, and the checksums of all files."""
    windows = INSTALL.format(python="py -" + python, pip=r".venv\Scripts\pip", end="\r\n")
    (out / "install.bat").write_bytes(windows.encode())
    unix = INSTALL.format(python="python" + python, pip=".venv/bin/pip", end="\n")
    (out / "install.sh").write_text('set -e\ncd "$(dirname "$0")"\n' + unix, encoding="utf-8")
    text = README.format(python=python, platform=platform)
    (out / "README.txt").write_text(text, encoding="utf-8")
    files = sorted(path for path in out.rglob("*") if path.is_file())
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out).as_posix()}\n"
        for path in files
    ]
    (out / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def run(*command: object) -> None:
    """Run one of the project's own programs."""
    subprocess.run([sys.executable, *map(str, command)], cwd=PROJECT, check=True)


def main() -> None:
    """Read the command line; say the size before anything is fetched."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("--platform", choices=PLATFORMS, required=True)
    parser.add_argument("--python", default="3.12", help="the learners' Python, as 3.12")
    parser.add_argument("--out", type=Path, required=True, help="a new folder: the stick")
    parser.add_argument("--index", help="an index with torch's CPU build, where it can be reached")
    chosen = parser.parse_args()
    if chosen.out.exists():
        parser.error(f"{chosen.out} is there already: choose a new folder")
    print(f"About {PLATFORMS[chosen.platform][2]} MB of wheels come from the network.", flush=True)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "stick"
        (made / "wheels").mkdir(parents=True)
        listed = Path(place) / "requirements.txt"
        listed.write_text(requirements(chosen.python, chosen.platform), encoding="utf-8")
        download(listed, made / "wheels", chosen.python, chosen.platform, chosen.index)
        run("-m", "hatchling", "build", "-t", "wheel", "-d", made / "wheels")
        run("notebooks/workshop/editions.py", "student", "--out", made / "student")
        (made / "answers.md").unlink()  # the instructor's, not the learners'
        run("notebooks/book/make_book.py", "--out", made / "book")
        write_scripts(made, chosen.python, chosen.platform)
        shutil.move(made, chosen.out)  # only a whole stick appears
    print(f"{chosen.out} can be copied to a stick.")


if __name__ == "__main__":
    main()
