"""Checks of combiners, on feature maps of drawn images by three synthetic encoders.

Training sees what ``combine`` makes, scores see what ``combine_rows`` makes: most checks are about those two agreeing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from visionlaw.errors import DataError
from visionlaw.guard import describe_error
from visionlaw.protocols import Combiner
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.subjects import Subject
from visionlaw.testing.varied import as_given, choices

if TYPE_CHECKING:
    import torch

    from visionlaw.features.maps import FeatureMap
    from visionlaw.features.preprocess import Resize

CLOSE = 1e-4
"""By how much cosines may differ that are computed in two ways."""
HALF = 0.5
"""Tokens by which the combination's geometry may be off where its parts' grids differ."""


@check("combiner-protocol", "combiner", needs=("target", "options"))
def combiner_protocol(subject: Subject) -> None:
    """It combines feature maps, and rows of cosines."""
    if not isinstance(subject.instance, Combiner):
        lacking = [name for name in ("combine", "combine_rows") if not hasattr(subject.instance, name)]
        fail(f"'{subject.name}' lacks {' and '.join(lacking)}.", "Follow visionlaw.protocols.Combiner.")


@check("combiner-combines", "combiner", needs=("combiner-protocol",))
def combiner_combines(subject: Subject) -> None:
    """Of feature maps on one grid it makes one on that grid, of finite numbers."""
    import torch

    from visionlaw.features.maps import FeatureMap

    for names in ("ab", "aba"):
        parts = _maps(names)
        made = cast("Any", _combiner(subject).combine(parts))
        if not isinstance(made, FeatureMap):
            fail(f"'{subject.name}' makes {type(made).__name__}.", "Return visionlaw.features.maps.FeatureMap.")
        if made.grid != parts[0].grid:
            fail(f"'{subject.name}' makes {_told(made)} of two maps of {_told(parts[0])}.", "Keep the grid.")
        if not made.tokens.is_floating_point() or not bool(torch.isfinite(made.tokens).all()):
            fail(f"'{subject.name}' makes tokens that are not finite numbers.", "Look for divisions by zero.")


@check("combiner-inputs", "combiner", needs=("combiner-combines",))
def combiner_inputs(subject: Subject) -> None:
    """It changes neither the maps nor the rows that it is given: other combinations need them."""
    import torch

    combiner, parts = _combiner(subject), _maps("ab")
    rows = [_cosines(part, part) for part in parts]
    given = {"maps": [part.tokens for part in parts], "rows": rows}
    before = {name: [one.clone() for one in tensors] for name, tensors in given.items()}
    combiner.combine(parts)
    combiner.combine_rows(rows)
    for name, tensors in given.items():
        if not all(torch.equal(one, copy) for one, copy in zip(tensors, before[name], strict=True)):
            fail(f"'{subject.name}' writes into the {name} that it is given.", "Copy them first.")


@check("combiner-deterministic", "combiner", needs=("combiner-inputs",))
def combiner_deterministic(subject: Subject) -> None:
    """The same maps and the same rows give the same combination, by a new instance too."""
    import torch

    parts = _maps("ab")
    rows = [_cosines(part, part) for part in parts]
    first, second = ((c.combine(parts).tokens, c.combine_rows(rows)) for c in (_combiner(subject), _combiner(subject)))
    for what, one, other in zip(("maps", "rows"), first, second, strict=True):
        if one.shape != other.shape or not torch.allclose(one, other):
            fail(f"'{subject.name}' makes something else of the same {what}.", "Seed what is random.")


@check("combiner-channels", "combiner", needs=("combiner-deterministic",))
def combiner_channels(subject: Subject) -> None:
    """Tokens of a combination have the same number of channels whatever the image: projectors are made for it."""
    combiner = _combiner(subject)
    found = {combiner.combine(_maps("ab", image)).channels for image in range(3)}
    if len(found) > 1:
        fail(
            f"'{subject.name}' makes tokens of {' and '.join(map(str, sorted(found)))} channels of the same encoders.",
            "Let the channels depend on the parts' channels alone.",
        )


@check("combiner-single", "combiner", needs=("combiner-channels",))
def combiner_single(subject: Subject) -> None:
    """A single encoder stays what it is: the cosines between its tokens do not change."""
    combiner = _combiner(subject)
    (source,), (target,) = _maps("a"), _maps("a", 1)
    own, made = _cosines(source, target), _cosines(combiner.combine([source]), combiner.combine([target]))
    if own.shape != made.shape or _apart(own, made) > CLOSE:
        fail(
            f"'{subject.name}' changes the cosines of a single encoder.",
            "Return its map, or its normalised tokens, where there is one part.",
        )


@check("combiner-grids", "combiner", needs=("combiner-deterministic",))
def combiner_grids(subject: Subject) -> None:
    """Parts on unequal grids meet on the larger one, or are refused in a sentence."""
    for names in ("ac", "ca"):
        parts = _maps(names)
        try:
            made = _combiner(subject).combine(parts)
        except DataError as error:
            skip(f"it refuses unequal grids: {error.message.rstrip('.')}")
        except Exception as error:  # noqa: BLE001  other people's code
            fail(
                f"'{subject.name}' raises {describe_error(error)} on unequal grids.",
                "Resize the parts to the larger grid (visionlaw.features.sampling.resample), or raise DataError.",
            )
        larger = max(parts, key=lambda part: part.grid)
        if made.grid != larger.grid:
            fail(
                f"'{subject.name}' makes {_told(made)} of parts of {' and '.join(map(_told, parts))}.",
                f"Resize the parts to the larger grid: {_told(larger)}.",
            )


@check("combiner-geometry", "combiner", needs=("combiner-deterministic",))
def combiner_geometry(subject: Subject) -> None:
    """The combination's tokens lie in the image where the parts' tokens lie."""
    combiner = _combiner(subject)
    for names in ("ab", "ac", "ca"):
        parts = _maps(names)
        try:
            made = combiner.combine(parts).geometry
        except Exception:  # noqa: BLE001, S112  unequal grids are the matter of 'combiner-grids'
            continue
        for part in parts:
            expected = part.geometry.resampled(made.grid)
            off = np.abs(made.to_grid(expected.cell_centres()) - expected.to_grid(expected.cell_centres())).max()
            if made.image_size != part.geometry.image_size or off > (
                HALF if len(set(map(_told, parts))) > 1 else CLOSE
            ):
                fail(
                    f"The tokens of '{subject.name}' lie {off:.2g} tokens from where those of its parts lie.",
                    "Return the geometry of a part, visionlaw.features.combine.common_geometry checks that they agree.",
                )


@check("combiner-parts", "combiner", needs=("combiner-deterministic",))
def combiner_parts(subject: Subject) -> None:
    """Encoders that show different parts of an image are refused in a sentence."""
    squashed, cropped = _maps("a")[0], _maps("b", resize="crop")[0]
    try:
        _combiner(subject).combine([squashed, cropped])
    except DataError:
        return
    except Exception as error:  # noqa: BLE001  other people's code
        fail(f"'{subject.name}' raises {describe_error(error)} on different parts of an image.", _PARTS)
    fail(f"'{subject.name}' combines a squashed image with the middle of it, position by position.", _PARTS)


_PARTS = "Raise DataError: visionlaw.features.combine.common_geometry does."


@check("combiner-rows", "combiner", needs=("combiner-single", "combiner-each-row"))
def combiner_rows(subject: Subject) -> None:
    """The rows that it combines are the cosines of the maps that it combines."""
    combiner = _combiner(subject)
    for names in ("ab", "ba", "bab"):
        _check_rows(subject, combiner, names)


@check("combiner-resized-rows", "combiner", needs=("combiner-rows", "combiner-grids"))
def combiner_resized_rows(subject: Subject) -> None:
    """They are so on unequal grids too, where the scorer has resized the parts' raw tokens."""
    combiner = _combiner(subject)
    for names in ("ac", "cb"):
        _check_rows(subject, combiner, names)


@check("combiner-each-row", "combiner", needs=("combiner-deterministic",))
def combiner_each_row(subject: Subject) -> None:
    """Each row stands for itself: which others come with it changes nothing."""
    combiner = _combiner(subject)
    rows = [_cosines(one, other) for one, other in zip(_maps("ab"), _maps("ab", 1), strict=True)]
    together = combiner.combine_rows(rows)
    alone = combiner.combine_rows([row[3:4] for row in rows])
    if alone.shape != together[3:4].shape or _apart(together[3:4], alone) > CLOSE:
        fail(
            f"'{subject.name}' makes another row of a keypoint's rows when other keypoints come with it.",
            "Combine each row by itself: rows may be of many pairs.",
        )


@check("combiner-options", "combiner", needs=("combiner-combines",))
def combiner_options(subject: Subject) -> None:
    """Every value that an option may have works."""
    for options in choices(subject.declared):
        try:
            combiner = cast("Combiner", subject.load(**options))
            combiner.combine(_maps("ab"))
            combiner.combine_rows([_cosines(part, part) for part in _maps("ab")])
        except Exception as error:  # noqa: BLE001  other people's code
            fail(
                f"'{subject.name}' fails with {as_given(options)}: {describe_error(error)}.",
                "Make it work, or take the value out of the option's choices.",
            )


def _combiner(subject: Subject) -> Combiner:
    return cast("Combiner", subject.load())


def _maps(names: Sequence[str], image: int = 0, resize: Resize = "squash") -> list[FeatureMap]:
    """Return the feature maps of a drawn image by synthetic encoders."""
    from visionlaw.libraries import require_torch

    require_torch()
    from visionlaw.testing.synthetic import feature_map

    return [feature_map(name, image, resize) for name in names]


def _cosines(source: FeatureMap, target: FeatureMap) -> torch.Tensor:
    """Return the cosines of every token of a map with every token of another."""
    from visionlaw.features.sampling import unit

    return unit(source.tokens) @ unit(target.tokens).T


def _check_rows(subject: Subject, combiner: Combiner, names: str) -> None:
    """Compare the combined rows of two images with the cosines of their combined maps."""
    from visionlaw.features.combine import common_grid
    from visionlaw.features.sampling import resample

    sources, targets = _maps(names), _maps(names, 1)
    try:
        expected = _cosines(combiner.combine(sources), combiner.combine(targets))
    except DataError:
        skip("it refuses unequal grids")
    grid = common_grid([part.grid for part in sources])
    rows = [
        _cosines(resample(source, grid), resample(target, grid))
        for source, target in zip(sources, targets, strict=True)
    ]
    found = combiner.combine_rows(rows)
    if found.shape != expected.shape:
        fail(f"'{subject.name}' makes rows of shape {list(found.shape)}.", f"Return {list(expected.shape)}.")
    off = _apart(found, expected)
    if off > CLOSE:
        fail(
            f"Rows that '{subject.name}' combines are up to {off:.2g} from the cosines of the maps that it combines.",
            "Make combine_rows compute the cosines of what combine returns.",
        )


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).abs().max())


def _told(features: FeatureMap) -> str:
    h, w = features.grid
    return f"{h}×{w} tokens"
