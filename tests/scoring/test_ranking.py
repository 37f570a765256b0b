"""``visionlaw.score`` and what it stands for, as a researcher types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import visionlaw
from visionlaw.errors import DataError, InvalidIdError, UnknownIdError
from visionlaw.project import Project
from visionlaw.scoring.correspondence import MeasuringC


@pytest.fixture(autouse=True)
def project(installed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a space of toys, as the working directory."""
    installed("toyscore", "acme", "shelf")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.toml").write_text(
        '[space]\nrepresentations = ["toy-mean", "toy-fine"]\n[correspondence]\ndataset = "toypairs"\nalpha = 0.2\n'
    )


def encoded(folder: Path) -> int:
    log = folder / "encoded.log"
    return sum(int(line.split()[1]) for line in log.read_text().splitlines()) if log.exists() else 0


def test_one_call_is_the_command(cli, tmp_path: Path) -> None:
    found = visionlaw.score("toy-mean", "toy-fine + toy-mean", "toy-fine")
    assert [row.value for row in found] == sorted((row.value for row in found), reverse=True)
    assert {row.representation for row in found} == {
        "toyscore/mean@64",
        "toyscore/fine@64",
        "toyscore/fine@64 + toyscore/mean@64",
    }
    told = json.loads(cli("score", "correspondence", "toy-mean", "toy-fine", "toy-fine + toy-mean", "--json").out)
    assert [(row["representation"], row["value"], row["alpha"]) for row in told] == [
        (row.representation, row.value, 0.2) for row in found
    ]
    assert encoded(tmp_path) == 10, "one store and one cache"


def test_without_names_it_is_the_space_and_options_are_the_scorer_s(tmp_path: Path) -> None:
    wide, narrow = (visionlaw.score(alpha=alpha) for alpha in (0.3, 0.01))
    assert {row.representation for row in wide} == {"toyscore/mean@64", "toyscore/fine@64"}
    assert max(row.value for row in narrow) < min(row.value for row in wide)
    assert visionlaw.score(alpha=None)[0].params["alpha"] == 0.2
    (reference, *_) = visionlaw.score("toy-mean", protocol="reference")
    assert (reference.protocol, reference.params) == ("reference", {"alpha": 0.2})
    assert encoded(tmp_path) == 10


def test_another_s_scorer_and_data_set() -> None:
    best, second = visionlaw.score("toy-mean", "toy-fine", scorer="acme/strange")
    assert best.value < second.value, "of this one the lowest is the best"
    assert visionlaw.score("toy-mean", scorer="acme/alike", power=3)[0].scorer == "acme/alike?power=3"
    with pytest.raises(DataError, match="the shelf"):
        visionlaw.score("toy-mean", dataset="shelf", root=Path.cwd())


def test_progress_is_told_to_whom_it_may_concern() -> None:
    seen: list[tuple[str, int, int]] = []
    visionlaw.score("toy-mean", progress=lambda *step: seen.append(step))
    assert seen[-1] == ("toyscore/mean@64", 5, 5)
    seen.clear()
    visionlaw.score("toy-mean", progress=lambda *step: seen.append(step))
    assert seen == [], "what is stored takes no time"


@pytest.mark.parametrize(
    ("name", "options", "error", "says"),
    [
        ("toyscore/man@64", {}, UnknownIdError, "Did you mean 'toyscore/mean@64'"),
        ("toy-mean", {"dataset": "toypair"}, UnknownIdError, "Did you mean 'toypairs'"),
        ("toy-mean", {"aplha": 0.1}, InvalidIdError, "Did you mean 'alpha'"),
        ("toy-mean", {"alpha": "much"}, InvalidIdError, "takes float, not 'much'"),
        ("toy-mean", {"protocol": "strickt"}, InvalidIdError, "not 'strickt'. Did you mean 'strict'"),
        ("toy-mean", {"dataset": "shelf", "root": "nowhere"}, DataError, "'nowhere' is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(name: str, options: dict, error: type[Exception], says: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=says):
        visionlaw.score(name, **options)
    assert not (tmp_path / ".visionlaw").exists()


def test_the_example_of_measuring_works() -> None:
    here = Project.find()
    measuring = MeasuringC.prepare(here, dataset="toypairs")
    found = list(measuring.scores(here.representations(["toy-mean", "toy-fine"])))
    assert [row.representation for row in found] == ["toyscore/mean@64", "toyscore/fine@64"], "as asked, not ranked"
    for row in found:
        low, high = row.extra["intervals"]["value"]
        assert low <= row.value <= high
    assert measuring.ranked(found) == visionlaw.score()


def test_the_name_costs_nothing_until_it_is_used(python: Callable) -> None:
    code = (
        "import sys, visionlaw; assert 'score' in dir(visionlaw); before = set(sys.modules); visionlaw.score;"
        "print([m for m in ('torch', 'sqlalchemy') if m in before], 'torch' in sys.modules)"
    )
    assert python("-c", code).out == "[] False\n"
