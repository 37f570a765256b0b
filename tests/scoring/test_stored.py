"""Scores that last, whoever's scorer they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from visionlaw.errors import PluginError
from visionlaw.protocols import EncoderRef, Representation, Score, ScoringJob
from visionlaw.scoring.stored import Measurement, score_and_store
from visionlaw.specs import EncoderSpec
from visionlaw.store import Store

MEASUREMENT = Measurement("acme/score", "pairs", "1")


def encoder(name: str) -> EncoderRef:
    identifier = f"acme/{name}@64"
    spec = EncoderSpec(id=identifier, target="a:b", resolution=64, patch=16, channels=3)
    return EncoderRef(identifier, spec, load=lambda: pytest.fail("a scorer that needs no features loads none"))


class Told:
    """A scorer that gives what it is told to give."""

    protocol = "acme"
    parameters: Mapping[str, Any] = {}

    def __init__(self, *given: str) -> None:
        self.given = given

    def score(self, job: ScoringJob) -> Iterator[Score]:
        for name in self.given:
            yield Score(name, 1.0, 1)


def run(scorer: Told, folder: Path, asked: list[list[str]]) -> list[str]:
    wanted = [(encoder("a"),), (encoder("b"),)]
    with Store.of_project(folder, create=True) as store:

        def begin(missing: Sequence[Representation]) -> tuple[ScoringJob, int]:
            asked.append([part.id for (part,) in missing])
            return ScoringJob(missing, None, None), store.start_run("score", {})  # type: ignore[arg-type]

        return [row.representation for row in score_and_store(scorer, wanted, MEASUREMENT, store, begin)]


def test_what_is_stored_is_not_asked_for_again(tmp_path: Path) -> None:
    asked: list[list[str]] = []
    with pytest.raises(PluginError, match="'acme/score' left out acme/b@64"):
        run(Told("acme/a@64"), tmp_path, asked)
    assert run(Told("acme/b@64"), tmp_path, asked) == ["acme/a@64", "acme/b@64"]
    assert run(Told(), tmp_path, asked) == ["acme/a@64", "acme/b@64"]
    assert asked == [["acme/a@64", "acme/b@64"], ["acme/b@64"]]


@pytest.mark.parametrize("given", [("acme/c@64",), ("acme/a@64", "acme/a@64")])
def test_a_scorer_that_scores_what_is_not_awaited_is_named(tmp_path: Path, given: tuple[str, ...]) -> None:
    with pytest.raises(PluginError, match=f"'acme/score' scored '{given[-1]}', which is not awaited"):
        run(Told(*given), tmp_path, [])
