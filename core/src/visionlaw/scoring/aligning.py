"""``visionlaw.score_alignment``: A of representations, best first, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionlaw.project import Project
from visionlaw.protocols import silent
from visionlaw.scoring.alignment import ALL, Method
from visionlaw.scoring.ranking import check_names, runtime_of
from visionlaw.space import ImagesAt

if TYPE_CHECKING:
    from visionlaw.features.runtime import Dtype
    from visionlaw.store import ScoreRow


def score_alignment(
    *representations: str,
    benchmarks: Sequence[str] | None = None,
    scorer: str | None = None,
    images: str | None = None,
    root: str | Path | None = None,
    n: int | None = None,
    seed: int | None = None,
    language: str | Path | None = None,
    revision: str | None = None,
    device: str | None = None,
    dtype: Dtype = "float32",
    checkpoints: Mapping[str, str | Path] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> list[ScoreRow]:
    """Return the A of representations: benchmark by benchmark, best first.

    ::

        for row in visionlaw.score_alignment("clip@224", "dinov2@224", images="folder", root="photos", n=20):
            print(row.benchmark, row.representation, row.value, row.extra["interval"])

    It is what ``visionlaw score alignment`` does, with the same store and caches: those of the nearest registry.toml's
    folder, or of the working directory. :class:`visionlaw.scoring.alignment.Method` yields scores one by one.

    Args:
        *representations: Ids, aliases, published names or combinations; none: all of the space. A scorer that needs
            projectors needs one of each (``visionlaw align``).
        benchmarks: Keys of [benchmarks]; None: all that name images, or with ``images`` none: one score for all. A
            scorer of captions has one for all.
        scorer: Id of the scorer; None: the space's definition of A.
        images: Id of the image source; None: the space's.
        root: Its file or folder.
        n: How many images are drawn; None: as the space says.
        seed: Of the drawing; None: the space's.
        language: Folder or hub repository of the language model; None: the space's.
        revision: Of the hub repository.
        device: As torch names it; None: the best there is.
        dtype: Precision of the encoders: ``float32``, ``float16`` or ``bfloat16``.
        checkpoints: Encoder id → a local folder to load instead of the spec's checkpoint.
        progress: Called as ``progress(stage, done, total)``.
        **options: Options of the scorer.

    Raises:
        UnknownIdError, InvalidIdError, ConflictError, PluginError: An encoder, the scorer, a benchmark or the image
            source cannot be used.
        ConfigError: Images, references or a language model are needed, and not named.
        DataError: A source has too few images, a representation no projector, or encoders cannot be combined.
        WeightsError: The language model or a checkpoint folder is not there.
        MissingDependencyError: torch is not installed.
        StoreError: The store cannot be read or written.
    """
    check_names(representations)
    here = Project.find()
    runtime = runtime_of(device, dtype)
    folders = {name: Path(folder).expanduser() for name, folder in (checkpoints or {}).items()}
    method = Method.prepare(
        here,
        scorer,
        n=n,
        seed=seed,
        language=None if language is None else str(language),
        revision=revision,
        runtime=runtime,
        checkpoints=folders,
        **{name: value for name, value in options.items() if value is not None},
    )
    chosen = here.representations(representations or here.space.representations, runtime, folders)
    method.check_trained(chosen)
    if images is None:
        measurings = method.on_benchmarks(benchmarks)
    else:
        at = ImagesAt(images, None if root is None else Path(root).expanduser())
        measurings = [method.on(at, benchmark) for benchmark in benchmarks or (ALL,)]
    return [row for each in measurings for row in each.ranked(each.scores(chosen, progress=progress or silent))]
