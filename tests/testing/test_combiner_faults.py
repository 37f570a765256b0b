"""Each fault of a combiner is found by exactly the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from visionlaw.errors import DataError
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.maps import FeatureMap
from visionlaw.features.sampling import resample, unit
from visionlaw.specs import CombinerSpec, Option, Spec

FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


class Good(ConcatCombiner):
    def __init__(self, spec: CombinerSpec, order: str = "given") -> None:
        super().__init__(spec)
        self.order = order


@fault("combiner-protocol")
class WithoutRows:
    def __init__(self, spec: CombinerSpec, order: str = "given") -> None: ...

    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        return maps[0]


@fault("combiner-combines")
class ReturnsTokens(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> Any:
        return super().combine(maps).tokens


@fault("combiner-combines")
class MakesNaN(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        made = super().combine(maps)
        return FeatureMap(made.tokens / 0.0, made.geometry) if len(maps) > 1 else made


@fault("combiner-combines")
class TakesTwoAtTheMost(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        if len(maps) > 2:
            raise ValueError("too many values to unpack")
        return super().combine(maps)


@fault("combiner-inputs")
class NormalisesInPlace(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        for one in maps:
            one.tokens.div_(one.tokens.norm(dim=1, keepdim=True))
        return super().combine(maps)


@fault("combiner-inputs")
class AddsUpInPlace(Good):
    def combine_rows(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        total = rows[0]
        for row in rows[1:]:
            total += row
        return total / len(rows)


@fault("combiner-deterministic")
class UnseededProjection(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        made = super().combine(maps)
        turn = torch.linalg.qr(torch.randn(made.channels, made.channels)).Q
        return FeatureMap(made.tokens @ turn, made.geometry)


@fault("combiner-channels")
class KeepsWhatVaries(Good):
    """Channels that are 0 are added until each image has another number of them."""

    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        made = super().combine(maps)
        more = int(made.tokens.abs().sum() * 1000) % 7
        return FeatureMap(torch.nn.functional.pad(made.tokens, (0, more)), made.geometry)


@fault("combiner-single")
class CentresASingleOne(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        made = super().combine(maps)
        return made if len(maps) > 1 else FeatureMap(made.tokens - made.tokens.mean(dim=0), made.geometry)


@fault("combiner-grids")
class TakesTheSmallerGrid(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        smallest = min(one.grid for one in maps)
        return super().combine([resample(one, smallest) for one in maps])


@fault("combiner-grids")
class FailsOnUnequalGrids(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        if len({one.grid for one in maps}) > 1:
            raise RuntimeError("Sizes of tensors must match except in dimension 1.")
        return super().combine(maps)


@fault("combiner-geometry")
class HalfATokenAside(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        made = super().combine(maps)
        x, y = made.geometry.offset
        return FeatureMap(made.tokens, replace(made.geometry, offset=(x + 0.6, y)))


@fault("combiner-parts")
class LooksAtGridsAlone(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        return super().combine([FeatureMap(one.tokens, self.placed(one, maps[0])) for one in maps])

    def placed(self, one: FeatureMap, first: FeatureMap) -> Any:
        return one.geometry if one.grid != first.grid else first.geometry


@fault("combiner-rows")
class AddsRows(Good):
    def combine_rows(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(rows)).sum(dim=0)


@fault("combiner-rows")
class ConcatenatesRawTokens(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        made = super().combine(maps)
        grids = [resample(one, made.grid) for one in maps]
        return FeatureMap(torch.cat([one.tokens for one in grids], dim=1), made.geometry)


@fault("combiner-resized-rows")
class ResizesNormalisedTokens(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        return super().combine([FeatureMap(unit(one.tokens), one.geometry) for one in maps])


@fault("combiner-each-row")
class StandardisesRowsTogether(Good):
    def combine_rows(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        made = super().combine_rows(rows)
        return made - made.mean(dim=0) * (len(made) > 1)


@fault("combiner-options")
class LacksAChoice(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        if self.order == "sorted":
            raise KeyError(self.order)
        return super().combine(maps)


def spec_of(cls: type) -> CombinerSpec:
    order = Option(type="str", default="given", choices=("given", "sorted"), description="The order of the parts.")
    return CombinerSpec(
        id="faulty", target=f"{__name__}:{cls.__name__}", description="Concatenation.", options={"order": order}
    )


class RefusesUnequalGrids(Good):
    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        if len({one.grid for one in maps}) > 1:
            raise DataError("Encoders of unequal grids are not combined.", "Combine encoders of one grid.")
        return super().combine(maps)


def test_a_good_one_passes_every_check(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    results = results_of(spec_of(Good))
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}


def test_unequal_grids_may_be_refused(results_of: Callable[[Spec], dict[str, Any]]) -> None:
    results = results_of(spec_of(RefusesUnequalGrids))
    told = {name: r.status for name, r in results.items() if r.status != "passed"}
    assert told == {"combiner-grids": "skipped", "combiner-resized-rows": "skipped"}


@pytest.mark.parametrize(
    ("check", "cls"), [(check, cls) for check, classes in FAULTS.items() for cls in classes], ids=lambda v: str(v)
)
def test_each_fault_is_found_by_its_check(check: str, cls: type, failing: Callable[[Spec], set[str]]) -> None:
    assert failing(spec_of(cls)) == {check}


def test_no_check_is_without_a_fault() -> None:
    from visionlaw.testing.checks import all_checks

    assert {check.name for check in all_checks() if check.kinds == ("combiner",)} == set(FAULTS)
