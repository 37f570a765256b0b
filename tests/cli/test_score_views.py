"""How scores and comparisons are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from visionlaw.cli.score_views import print_breakdown, print_comparison
from visionlaw.correspondence.statistics import Comparison, McNemar
from visionlaw.store import ScoreRow

MEASURING = SimpleNamespace(
    measurement=SimpleNamespace(dataset="warps"), scorer=SimpleNamespace(protocol="strict", parameters={"alpha": 0.1})
)
THREE_OF_ONE_MIND = Comparison(0.1, 90.0, 10.0, 80.0, (70.0, 90.0), 0.25, McNemar(12, 0, 0.0005))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (THREE_OF_ONE_MIND, "do not tell the two apart"),
        (replace(THREE_OF_ONE_MIND, p=0.002), "a/x@2 is better on these pairs by more than chance"),
        (replace(THREE_OF_ONE_MIND, p=0.002, difference=-80.0, interval=(-90.0, -70.0)), "a/y@2 is better"),
        (replace(THREE_OF_ONE_MIND, p=0.04, interval=(-1.0, 90.0)), "do not tell the two apart"),
    ],
)
def test_better_by_more_than_chance_needs_both_the_interval_and_p(capsys, found: Comparison, says: str) -> None:
    """An interval over three pairs leaves 0 out as soon as they agree, as they do by chance once in four times."""
    print_comparison(("a/x@2", "a/y@2"), MEASURING, 3, found)  # pyright: ignore[reportArgumentType]
    assert says in capsys.readouterr().out.splitlines()[-1]


def test_names_of_a_data_set_do_not_reach_the_terminal_as_they_are(capsys) -> None:
    named = {"\x1b[2Jcat": 50.0}
    row = ScoreRow("a/x@2", "correspondence", "pairs", "1", "strict", 50.0, extra={"categories": named})
    values = {"\x1b[2Jbig": {"value": 1.0, "interval": [0, 100], "pairs": 2}}
    row.extra["breakdown"] = {"\x1b[31mscale": values}
    print_breakdown([row], "category")
    print_breakdown([row], "\x1b[31mscale")
    assert "\x1b" not in capsys.readouterr().out


TWO_SETS = """
[space]
representations = ["toyscore/mean@64"]
[correspondence]
dataset = "toypairs"
[benchmarks]
doc = { name = "Documents", kind = "ocr", correspondence = "toywords" }
"""


@pytest.fixture
def two_sets(plugin: Path, tmp_path: Path) -> None:
    """A space whose C is measured on two drawn data sets."""
    code = (plugin / "fixture_toyscore.py").read_text()
    more = '    yield DatasetSpec(id="toywords", target="fixture_toyscore_pairs:Pairs")\n'
    (plugin / "fixture_toyscore.py").write_text(code + more)
    (tmp_path / "registry.toml").write_text(TWO_SETS)


@pytest.mark.usefixtures("two_sets")
def test_pictures_of_two_data_sets_do_not_overwrite_each_other(score, tmp_path: Path) -> None:
    done = score("--matches", "pictures")
    told = {line.removeprefix("Picture: ") for line in done.out.splitlines() if line.startswith("Picture: ")}
    there = {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "pictures").rglob("*.png")}
    assert told == there
    assert len(there) == 6
