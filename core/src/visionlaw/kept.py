"""What a project keeps of its computations under one limit: features, and the similarity rows made of them.

Rows are part of what an encoder has left behind: whoever removes its features wants them computed anew, so its rows go
with them. No torch is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visionlaw.correspondence import rowfiles
from visionlaw.correspondence.rowfiles import StoredRows
from visionlaw.errors import UnknownIdError, did_you_mean
from visionlaw.features.cache import upkeep
from visionlaw.features.cache.upkeep import Pruned, bytes_below

if TYPE_CHECKING:
    from visionlaw.project import Project

ROWS_SHARE = 0.25
"""The most that rows may take of the limit. They take far less than the features that they are made of."""


@dataclass(frozen=True)
class KeptPruned:
    """What a pruning has removed.

    Attributes:
        images: Features of so many images, counted once per encoder.
        row_sets: So many sets of similarity rows.
        bytes: What it has freed.
        left: Bytes of features and rows that remain.
    """

    images: int
    row_sets: int
    bytes: int
    left: int


def trim(project: Project) -> None:
    """Keep to the project's limit.

    Raises:
        DataError: The cache cannot be written to.
    """
    limit = project.file.cache.limit
    if bytes_below(project.feature_cache) + bytes_below(project.row_cache) > limit:
        prune_to(project, limit)


def prune_to(project: Project, limit: int) -> KeptPruned:
    """Remove what has not been used for longest, features or rows, until the rest takes no more than so many bytes.

    Raises:
        DataError: The cache cannot be written to.
    """
    sets = rowfiles.stored(project.row_cache)
    shards = upkeep.uses(project.feature_cache)
    total = sum(size for _, size in shards) + sum(one.bytes for one in sets)
    going: list[StoredRows] = []
    uses = [(when, size, None) for when, size in shards] + [(one.used_at, one.bytes, one) for one in sets]
    for _, size, rows in sorted(uses, key=lambda use: use[0]):
        if total <= limit:
            break
        total -= size
        if rows is not None:
            going.append(rows)
    return _prune(project, going, lambda: upkeep.prune_to(project.feature_cache, limit - _rows_left(project)))


def prune_encoder(project: Project, encoder: str) -> KeptPruned:
    """Remove all features and rows of an encoder, in every version and precision.

    Args:
        project: The project.
        encoder: The encoder's exact id.

    Raises:
        UnknownIdError: There are none.
        DataError: The cache cannot be written to.
    """
    features = {summary.id for summary in upkeep.summaries(project.feature_cache)}
    rows = [(one.rows.encoder, one) for one in rowfiles.stored(project.row_cache) if one.rows is not None]
    known = features | {name for name, _ in rows}
    if encoder not in known:
        raise UnknownIdError(
            f"The cache '{project.scratch}' holds nothing of '{encoder}'.",
            did_you_mean(encoder, known) or "See what it holds: visionlaw cache ls",
        )

    def forget() -> Pruned:
        if encoder in features:
            return upkeep.prune_encoder(project.feature_cache, encoder)
        return Pruned(0, 0, sum(size for _, size in upkeep.uses(project.feature_cache)))

    return _prune(project, [one for name, one in rows if name == encoder], forget)


def prune_all(project: Project) -> KeptPruned:
    """Remove all features and rows.

    Raises:
        DataError: The cache cannot be written to.
    """
    return _prune(project, rowfiles.stored(project.row_cache), lambda: upkeep.prune_all(project.feature_cache))


def _prune(project: Project, rows: Sequence[StoredRows], features: Callable[[], Pruned]) -> KeptPruned:
    """Remove row sets, then features."""
    before = _rows_left(project)
    rowfiles.sweep(project.row_cache)
    removed = sum(rowfiles.remove(one.path) for one in rows)
    pruned, left = features(), _rows_left(project)
    return KeptPruned(pruned.images, removed, pruned.bytes + max(0, before - left), pruned.left + left)


def _rows_left(project: Project) -> int:
    return bytes_below(project.row_cache)
