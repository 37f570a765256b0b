"""``visionlaw.score``: C of representations, best first, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionlaw.errors import InvalidIdError
from visionlaw.libraries import require_torch
from visionlaw.project import Project
from visionlaw.protocols import silent
from visionlaw.scoring.correspondence import MeasuringC

if TYPE_CHECKING:
    from visionlaw.features.runtime import Dtype, Runtime
    from visionlaw.store import ScoreRow


def score(
    *representations: str,
    dataset: str | None = None,
    root: str | Path | None = None,
    scorer: str | None = None,
    device: str | None = None,
    dtype: Dtype = "float32",
    checkpoints: Mapping[str, str | Path] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> list[ScoreRow]:
    """Return the scores of representations on one data set, best first.

    ::

        for row in visionlaw.score("classical/hog@256", "classical/daisy@256", dataset="warps", alpha=0.05):
            print(row.representation, row.value, row.extra["intervals"]["value"])

    It is what ``visionlaw score correspondence`` does for one data set, with the same store and caches: those of the
    nearest registry.toml's folder, or of the working directory. What is stored is neither encoded nor scored again, and
    each score is stored as soon as it is known. :class:`visionlaw.scoring.correspondence.MeasuringC` yields them one by
    one.

    Args:
        *representations: Ids, aliases, published names or combinations; none: all of the space.
        dataset: Id of the image pairs; None: the space's.
        root: Folder of the data set; None: the space's.
        scorer: Id of the scorer; None: the space's, which is core's own.
        device: As torch names it; None: the best there is.
        dtype: Precision of the encoders: ``float32``, ``float16`` or ``bfloat16``.
        checkpoints: Encoder id → a local folder to load instead of the spec's checkpoint.
        progress: Called as ``progress(stage, done, total)``.
        **options: Options of the scorer: ``alpha``, ``protocol``, ``matcher`` for core's; None: the space's.

    Raises:
        UnknownIdError, InvalidIdError, ConflictError, PluginError: An encoder, the scorer or the data set cannot be
            used.
        DataError: The data cannot be read, or encoders that cannot be combined are.
        WeightsError: A checkpoint folder is not there or not complete.
        MissingDependencyError: torch is not installed, and a score is not stored.
        StoreError: The store cannot be read or written.
    """
    check_names(representations)
    here = Project.find()
    runtime = runtime_of(device, dtype)
    folders = {name: Path(folder).expanduser() for name, folder in (checkpoints or {}).items()}
    chosen = here.representations(representations or here.space.representations, runtime, folders)
    folder = None if root is None else Path(root).expanduser()
    given = {name: value for name, value in options.items() if value is not None}
    measuring = MeasuringC.prepare(here, dataset, folder, scorer, device, **given)
    return measuring.ranked(measuring.scores(chosen, progress=progress or silent))


def check_names(representations: Sequence[object]) -> None:
    """Check that names are texts.

    Raises:
        InvalidIdError: One is a list, or something else.
    """
    for name in representations:
        if not isinstance(name, str):
            raise InvalidIdError(f"{name!r} is no id.", 'Give ids one by one: "a", "b".')


def runtime_of(device: str | None, dtype: Dtype) -> Runtime | None:
    """Return how encoders compute, None for the default: stored scores can be had without torch.

    Raises:
        MissingDependencyError: torch is not installed.
    """
    if (device, dtype) == (None, "float32"):
        return None
    require_torch()
    from visionlaw.features.runtime import Runtime

    return Runtime(device, dtype)
