"""Checks of data sets of image pairs.

Of a large one the first 32 pairs are looked at. That a keypoint is on the right thing is for its author to know; what
can be known of every data set is checked: that keypoints lie inside the images as they are loaded, and that where
source and target show the same pixels they do so at the keypoints (:mod:`visionlaw.testing.displacement`).
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from visionlaw.datasets.checks import outside
from visionlaw.protocols import CorrespondenceDataset, Instances, Pair
from visionlaw.specs import DatasetSpec
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.collection_checks import copied
from visionlaw.testing.displacement import find_displacement
from visionlaw.testing.elsewhere import ask_elsewhere
from visionlaw.testing.samples import check_ref, items_of, load, pairs_of, seen_images
from visionlaw.testing.subjects import Subject

WELL_FORMED = ("keypoints", "sizes", "further-positions")


@check("dataset-protocol", "dataset", needs=("options",))
def dataset_protocol(subject: Subject) -> None:
    """It loads, and has what a ``CorrespondenceDataset`` has: ``version``, ``len()``, iteration."""
    spec = subject.declared
    if isinstance(spec, DatasetSpec) and spec.needs_root and spec.tiny is None:
        fail(
            f"'{spec.id}' needs a folder, and names no miniature of one to check it with.",
            "Name a factory in its spec: tiny='package.tiny:write' writes a miniature of the real layout.",
        )
    if not isinstance(subject.instance, CorrespondenceDataset):
        fail(f"The target gives {type(subject.instance).__name__}, which lacks one of version, len() and iteration.")
    told = len(subject.instance)
    if told < 1:
        fail(f"len() is {told}: there is nothing to check.", "Have the miniature hold pairs of the default options.")


@check("pairs", "dataset", needs=("dataset-protocol",))
def pairs(subject: Subject) -> None:
    """It yields pairs: an id, two image references with a key, arrays of points."""
    for number, item in enumerate(items_of(subject)):
        if not isinstance(item, Pair):
            fail(f"Item {number} is {type(item).__name__}.", "Yield visionlaw.protocols.Pair.")
        if not isinstance(cast("Any", item.id), str) or not item.id:
            fail(f"Pair {number} has the id {item.id!r:.60}.", "Give it a text.")
        for side, ref in (("source", item.source), ("target", item.target)):
            check_ref(ref, f"the {side} of pair '{item.id}'")


@check("version", "dataset", needs=("stable",))
def version(subject: Subject) -> None:
    """Its version is a text, the same of every instance, in every process, and wherever its folder lies."""
    told = subject.instance.version
    if not isinstance(told, str) or not told.strip():
        fail(f"Its version is {told!r:.60}.", "Give what identifies the content: generator, seed, digest of the files.")
    others = [(subject.load().version, "another instance"), (ask_elsewhere(subject).version, "another process")]
    if subject.declared.tiny is not None:
        others.append((subject.load(root=copied(subject, "moved")).version, "a copy of the folder"))
    for other, where in others:
        if other != told:
            fail(f"In {where} the version is '{other!s:.80}', not '{told:.80}'.", "Let it depend on the content alone.")


@check("ids", "dataset", needs=("pairs",))
def ids(subject: Subject) -> None:
    """No two pairs have the same id."""
    seen: set[str] = set()
    for pair in pairs_of(subject):
        if pair.id in seen:
            fail(f"Two pairs have the id '{pair.id}'.", "Name pairs by what they show, or number them.")
        seen.add(pair.id)


@check("keypoints", "dataset", needs=("pairs",))
def keypoints(subject: Subject) -> None:
    """Source and target points are float64 arrays ``[m, 2]`` of one m, finite, and some pair has keypoints."""
    found = pairs_of(subject)
    for pair in found:
        for side, points in (("source", pair.source_points), ("target", pair.target_points)):
            _check_points(points, f"Pair '{pair.id}' has {side} points")
        if len(pair.source_points) != len(pair.target_points):
            told = f"{len(pair.source_points)} source points and {len(pair.target_points)} target points"
            fail(f"Pair '{pair.id}' has {told}.", "Leave out what only one image shows.")
    if not any(len(pair.source_points) for pair in found):
        fail(f"None of the first {len(found)} pairs has a keypoint.")


def _check_points(points: Any, what: str) -> None:
    kind = str(points.dtype) if hasattr(points, "dtype") else type(points).__name__
    if not isinstance(points, np.ndarray) or kind != "float64":
        fail(f"{what} in {kind}, not in an array of float64.", "Use np.array(points, dtype=np.float64).")
    points = cast("NDArray[np.float64]", points)
    if points.ndim != 2 or points.shape[1] != 2:
        fail(f"{what} of shape {list(points.shape)}, not [m, 2].", "Use points.reshape(-1, 2), x before y.")
    if not np.isfinite(points).all():
        fail(f"{what} that are not finite.", "Leave out keypoints that are not visible.")


@check("sizes", "dataset", needs=("keypoints",))
def sizes(subject: Subject) -> None:
    """The size that α multiplies is a positive number, or an array ``[m]`` of them."""
    for pair in pairs_of(subject):
        _check_sizes(pair.size, len(pair.source_points), f"Pair '{pair.id}' has the size", scalar=True)


def _check_sizes(size: Any, count: int, what: str, scalar: bool = False) -> None:
    values = np.asarray(size)
    if values.dtype.kind not in "fiu" or not (values.shape == (count,) or (scalar and not values.shape)):
        shape = f"{type(size).__name__} of shape {list(values.shape)}"
        fail(f"{what} {shape} for {count} keypoints.", "Give one number, or one per keypoint.")
    if not (np.isfinite(values) & (values > 0)).all():
        fail(f"{what} {size}, which α cannot multiply.", "Give lengths in target pixels, above 0.")


@check("further-positions", "dataset", needs=("keypoints",))
def further_positions(subject: Subject) -> None:
    """Further true positions count keypoints that there are, and have a finite point and a positive size each."""
    for pair in pairs_of(subject):
        further: Any = pair.instances
        if further is None:
            continue
        what = f"Of its further positions, pair '{pair.id}' has"
        if not isinstance(further, Instances):
            fail(f"{what} {type(further).__name__}.", "Give visionlaw.protocols.Instances, or None.")
        keypoint = np.asarray(further.keypoint)
        if keypoint.dtype.kind not in "iu" or keypoint.ndim != 1:
            fail(f"{what} keypoints in {keypoint.dtype} of shape {list(keypoint.shape)}.", "Give int64 [n].")
        _check_points(further.points, f"{what} points")
        if len(further.points) != len(keypoint):
            fail(f"{what} {len(keypoint)} keypoints and {len(further.points)} points.", "Give n of each.")
        if len(keypoint) and not 0 <= keypoint.min() <= keypoint.max() < len(pair.source_points):
            fail(f"{what} one of a keypoint that the pair does not have.", "Count keypoints from 0 to m - 1.")
        _check_sizes(further.size, len(keypoint), f"{what} the size")


@check("attributes", "dataset", needs=("pairs",))
def attributes(subject: Subject) -> None:
    """Category and attributes are plain: texts and finite numbers, which JSON can say."""
    for pair in pairs_of(subject):
        category: Any = pair.category
        if not isinstance(category, str):
            fail(f"Pair '{pair.id}' has the category {category!r:.60}.", "Give a text, or leave it empty.")
        for name, value in cast("dict[Any, Any]", pair.attributes).items():
            plain = type(value) in (str, int, float) and not (isinstance(value, float) and not math.isfinite(value))
            if not isinstance(name, str) or not plain:
                told = f"{name!r} = {value!r:.60} ({type(value).__name__})"
                fail(
                    f"Pair '{pair.id}' has the attribute {told}.", "Give str, int or float; .item() of a numpy scalar."
                )


@check("keypoints-inside", "dataset", needs=(*WELL_FORMED, "image-loads"))
def keypoints_inside(subject: Subject) -> None:
    """Keypoints lie inside the images as they are loaded: from -½ to W - ½ and H - ½."""
    seen = seen_images(subject)
    for pair in pairs_of(subject):
        further = () if pair.instances is None else pair.instances.points.tolist()
        for side, points in (
            ("source", pair.source_points.tolist()),
            ("target", [*pair.target_points.tolist(), *further]),
        ):
            told = outside(points, seen[getattr(pair, side).key][0])
            if told:
                fail(
                    f"In the {side} of pair '{pair.id}', {told}",
                    "Give pixel positions (x, y) in the image that load() returns; MATLAB and pixel corners count "
                    "otherwise.",
                )


@check("keypoints-on-content", "dataset", needs=("keypoints-inside",))
def keypoints_on_content(subject: Subject) -> None:
    """Where pairs show the same pixels twice, they do so at the keypoints, not half a pixel or half a patch beside."""
    found = find_displacement(
        (load(pair.source, "a source"), load(pair.target, "a target"), pair.source_points, pair.target_points)
        for pair in pairs_of(subject)
    )
    if found is None:
        skip("Source and target do not show the same pixels, so that only its author knows where keypoints belong.")
    if found.away:
        fail(
            f"What the sources show at keypoints, the targets show ({found.x:+.1f}, {found.y:+.1f}) pixels beside "
            f"them, over {found.keypoints} keypoints.",
            "Count source and target positions alike, from the centre of the top-left pixel, in the loaded images.",
        )
