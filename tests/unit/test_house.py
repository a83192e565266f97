"""The house is in order: documents that agree with the code, files where they belong."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tools.metrics_page import metrics_page

import douga_shared
from douga_shared.errors import ExitCode
from douga_shared.recipe import WHOLE, Output

HOUSE = Path(__file__).parents[2]
ROOMS = ("shared/douga_shared", "producer/douga_producer", "worker/douga_worker")
MADE_BY_TOOLS = {"out", "build", "dist", "__pycache__", "node_modules"}
LARGEST_TEXT_BYTES = 1_000_000
LARGEST_FILE_BYTES = 16_000_000
CODE_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```|((?:^ {4}\S[^\n]*\n)+)", re.MULTILINE | re.DOTALL)


def _files(folder: Path = HOUSE) -> Iterator[Path]:
    """Yield the files that people wrote; `.ci` is the one hidden folder among them."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name in MADE_BY_TOOLS or path.name.endswith(".egg-info"):
            continue
        if path.is_file():
            yield path
        elif not path.name.startswith(".") or path.name == ".ci":
            yield from _files(path)


DOCUMENTS = [path for path in _files() if path.suffix == ".md"]


def _name(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def _text(name: str) -> str:
    return (HOUSE / name).read_text(encoding="utf-8")


def _commands(document: Path) -> list[str]:
    """Return the lines of the document's code blocks, without the prompt."""
    blocks = CODE_BLOCK.finditer(document.read_text(encoding="utf-8"))
    lines = "\n".join(block[1] or block[2] for block in blocks).splitlines()
    return [line.strip().removeprefix("$ ") for line in lines]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    """A reader who follows a link between documents arrives."""
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [] == [link for link in local if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_make_command_in_the_documents_exists(document: Path) -> None:
    """`make demo` in a document is a target of the Makefile."""
    wanted = set(re.findall(r"`make ([a-z-]+)`", document.read_text(encoding="utf-8")))
    wanted |= {match[1] for line in _commands(document) if (match := re.match(r"make ([a-z-]+)", line))}
    targets = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))
    assert set() == wanted - targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_douga_command_in_the_documents_exists(document: Path) -> None:
    """`douga clean` in a code block is a command that the help text lists."""
    wanted = {match[1] for line in _commands(document) if (match := re.match(r"douga ([a-z]+)", line))}
    known = set(re.findall(r"^  ([a-z]+)  ", _help(), re.MULTILINE))
    assert set() == wanted - known


@pytest.mark.parametrize("document", ["README.md", "docs/farm.md"])
def test_every_option_in_the_documents_exists(document: str) -> None:
    """What a document says of a command can be typed."""
    wanted = set(re.findall(r"(?:`| )(--[a-z-]+)", "\n".join(_spoken(document))))
    commands = re.findall(r"^  ([a-z]+)  ", _help(), re.MULTILINE)
    helps = [*map(_help, commands), _help_of("-m", "tools.farm")]
    assert set() == wanted - set(re.findall(r"--[a-z-]+", "\n".join(helps)))


def _spoken(document: str) -> list[str]:
    """Return what the document says in code: what stands between backticks and in blocks."""
    return [*re.findall(r"`[^`\n]+`", _text(document)), *_commands(HOUSE / document)]


@cache
def _help(*command: str) -> str:
    return _help_of("-c", "from douga_producer.cli import main; main()", *command)


def _help_of(*arguments: str) -> str:
    asked = [sys.executable, *arguments, "--help"]
    return subprocess.run(asked, cwd=HOUSE, capture_output=True, text=True, check=True).stdout


def test_the_readme_names_both_commands() -> None:
    """What a newcomer types first stands in a code block of the README."""
    assert {"make demo", "make test"} <= set(_commands(HOUSE / "README.md"))


def test_the_readme_lists_every_exit_code() -> None:
    """A farm's wrangler finds each exit code in the README's table, and no other."""
    rows = re.findall(r"^\| (\d[\d, ]*) \|", _text("README.md"), re.MULTILINE)
    assert sorted(ExitCode) == sorted(int(code) for row in rows for code in row.split(","))


def test_the_readme_lists_every_output() -> None:
    """Each kind of drawing has its row, with the file it gives."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| `A0001([^`]+)` \|", _text("README.md"), re.MULTILINE))
    layer = {Output.SVG_LAYERS: "red", Output.PNG_LAYERS: "red"}
    assert {output.value: output.file_suffix(layer.get(output, WHOLE)) for output in Output} == rows


def test_the_changelog_knows_this_version() -> None:
    """The version in the code is the newest in the changelog."""
    versions = re.findall(r"^## \[([\d.]+)\]", _text("CHANGELOG.md"), re.MULTILINE)
    assert douga_shared.__version__ == versions[0]


def test_the_page_of_metrics_is_that_of_the_code() -> None:
    """`python -m tools.metrics_page` writes it anew."""
    assert metrics_page() == _text("docs/metrics.md")


def test_decisions_are_numbered_without_gaps() -> None:
    """A decision is superseded, never deleted: no number is missing or used twice."""
    numbers = [int(path.name[:4]) for path in sorted((HOUSE / "docs/decisions").glob("*.md"))]
    assert list(range(1, len(numbers) + 1)) == numbers


@pytest.mark.parametrize("decision", sorted((HOUSE / "docs/decisions").glob("*.md")), ids=_name)
def test_a_decision_says_what_was_rejected(decision: Path) -> None:
    """Each decision has its number as title and the four parts that make it useful later."""
    lines = decision.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {int(decision.name[:4])}. ")
    parts = [line for line in lines if line.startswith("## ")]
    assert ["## Context", "## Decision", "## Consequences", "## Rejected"] == parts


def test_the_map_shows_the_rooms_that_exist() -> None:
    """ARCHITECTURE.md draws every module and folder of the packages, and none that is not there."""
    drawn: set[str] = set()
    room = ""
    drawing = re.findall(r"^```text\n(.*?)^```", _text("ARCHITECTURE.md"), re.MULTILINE | re.DOTALL)[0]
    for line in drawing.splitlines():
        indented, name = line.startswith("  "), line.split()[0] if line.split() else ""
        if name and not indented:
            room = name
        elif name and not line.startswith("   "):
            drawn.add(room + name)
    assert _rooms() == drawn


def _rooms() -> set[str]:
    """Return the modules and folders directly inside each package."""
    inside = (path for room in ROOMS for path in (HOUSE / room).iterdir())
    return {
        _name(path) + ("/" if path.is_dir() else "")
        for path in inside
        if not path.name.startswith("_") and (path.suffix == ".py" or path.is_dir())
    }


def test_no_file_is_a_drawer_for_everything() -> None:
    """A file is one noun or one step, so none is called utils."""
    drawers = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}
    assert [] == [_name(path) for path in _files() if path.name in drawers]


def test_no_file_is_too_large_for_a_repository() -> None:
    """Text stays readable, and nothing needs large file storage."""
    sizes = {_name(path): path.stat().st_size for path in _files()}
    text = {".py", ".md", ".toml", ".txt", ".sh", ".html", ".css", ".js", ".json", ".svg"}
    limits = {name: LARGEST_TEXT_BYTES if Path(name).suffix in text else LARGEST_FILE_BYTES for name in sizes}
    assert [] == [name for name, size in sizes.items() if size > limits[name]]


def test_constraints_pin_every_direct_dependency() -> None:
    """An installation with constraints.txt is the same everywhere."""
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    names = {_plain(re.split(r"[\[<>=]", item)[0]) for item in wanted} - {"douga"}
    pinned = {_plain(line.split("==")[0]) for line in _text("constraints.txt").splitlines() if "==" in line}
    assert set() == names - pinned


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_the_light_side_loads_neither_torch_nor_opencv() -> None:
    """A studio's machine imports the client without the worker's libraries."""
    program = (
        "import pkgutil, importlib, sys, douga_shared, douga_producer\n"
        "for package in (douga_shared, douga_producer):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "heavy = {'torch', 'cv2', 'numpy', 'PIL', 'scipy', 'skimage', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]\n" == answer.stdout
