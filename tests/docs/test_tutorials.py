"""The tutorials, line by line: what a reader types is typed, what a reader is shown is what comes out.

A block with a title is a file; a ``diff`` with a title changes one; a ``console`` block is typed. Of the output that is
shown, ``…`` stands for anything. Blocks without a language are for readers alone.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.docs.conftest import Block

pytestmark = pytest.mark.slow
COMMANDS_TO_BE_CHECKED = 9
WORDS = {"python -m build": "python -m build --no-isolation"}
"""What is typed otherwise, since nothing can be downloaded here."""


class Reader:
    """Types what a page says, in an environment of its own that sees the libraries of this one."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "reader"
        self.folder.mkdir()
        venv.create(home / "venv", with_pip=False)
        site = home / "venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        (site / "shared.pth").write_text("\n".join(path for path in sys.path if Path(path).is_dir()))
        script = home / "venv" / "bin" / "visionlaw"
        script.write_text(f"#!{home}/venv/bin/python\nfrom visionlaw.cli.main import main\n\nmain()\n")
        script.chmod(0o755)
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
            "PATH": f"{home}/venv/bin{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it backwards: 0 is --no-build-isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "COLUMNS": "200",
            "HF_HUB_OFFLINE": "1",
        }
        self.typed: list[str] = []

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if block.language == "console":
            self._type_all(block)
        elif block.language == "diff":
            self._change(block)
        elif block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")

    def _type_all(self, block: Block) -> None:
        code = int(block.title.removeprefix("exit code ") or 0)
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            command, _, shown = re.sub(r"\\\n\s*", "", part).partition("\n")
            self.typed.append(command)
            out = self._type(command, code, block)
            assert_shown(shown, out, f"{block}: {command}")

    def _type(self, command: str, code: int, block: Block) -> str:
        if command.startswith("cd "):
            self.folder = (self.folder / command.removeprefix("cd ")).resolve(strict=True)
            return ""
        done = subprocess.run(
            WORDS.get(command, command),
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, f"{block}: {command}\n{done.stdout}"
        return done.stdout

    def _change(self, block: Block) -> None:
        path = self.folder / block.title
        text = path.read_text(encoding="utf-8")
        old: list[str] = []
        for line in block.text.splitlines():
            if line.startswith("-"):
                old.append(line[1:])
            elif line.startswith("+"):
                before = "\n".join(old)
                assert text.count(before) == 1, f"{block}: '{before}' is not in {block.title}, or more than once"
                text, old = text.replace(before, line[1:]), []
        path.write_text(text, encoding="utf-8")


def assert_shown(shown: str, out: str, where: str) -> None:
    """Check that the lines that are shown are what came out, from the first line on; a line ``…`` is any lines."""
    lines, position, anywhere = [line.rstrip() for line in out.splitlines()], 0, False
    for line in (line.rstrip() for line in shown.splitlines() if line.strip()):
        if line == "…":
            anywhere = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        candidates = lines[position:] if anywhere else lines[position : position + 1]
        found = next((place for place, text in enumerate(candidates) if pattern.fullmatch(text)), None)
        assert found is not None, f"{where}\ndoes not show\n{line}\nbut\n{out}"
        position, anywhere = position + found + 1, False


def test_the_tutorial_of_plugin_authors_line_by_line(blocks: Callable[[str], list[Block]], tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks("tutorial/plugin.md"):
        if "python -m build" in block.text and importlib.util.find_spec("build") is None:
            continue
        reader.follow(block)
    needed = reader.typed[: reader.typed.index("python -m pytest -q") + 1]
    assert {"visionlaw list encoder --search toy", "visionlaw check visionlaw-toy"} <= set(needed)
    assert len(needed) <= COMMANDS_TO_BE_CHECKED


def test_the_first_run_line_by_line(blocks: Callable[[str], list[Block]], tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks("tutorial/first-run.md"):
        reader.follow(block)
    assert len(reader.typed) >= 10


def test_what_is_shown_is_compared() -> None:
    assert_shown("a … c\n…\nd\n", "a b c\nx\nd\n", "here")
    for shown in ("d\n", "a b c\nd\n", "…\nd\n…\nx\n", "a b d\n"):
        with pytest.raises(AssertionError, match="does not show"):
            assert_shown(shown, "a b c\nx\nd\n", "here")
