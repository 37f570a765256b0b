from __future__ import annotations

import re
from pathlib import Path

import pytest

from visionlaw.features.outputs import Format

PAGE = Path(__file__).parents[3] / "docs/how-to/extract-features.md"
BLOCKS = re.findall(r"<!-- format: (\w+) -->\n```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize(("form", "code"), BLOCKS, ids=[form for form, _ in BLOCKS])
def test_what_the_page_shows_runs(tmp_path, monkeypatch, header, items, run, form, code) -> None:
    monkeypatch.chdir(tmp_path)
    if "open_output" not in code:
        run(Path("features"), form, header, items(4, header, (1,)))
    exec(code, {})


def test_the_page_reads_every_format() -> None:
    assert {form for form, _ in BLOCKS} == {*Format}


def test_formats_are_known_without_torch(python) -> None:
    code = "import sys; from visionlaw.features.outputs import Format; print({'torch', 'numpy'} & {*sys.modules})"
    assert python("-c", code).out == "set()\n"
