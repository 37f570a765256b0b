"""The protocols: what the object behind a spec's ``target`` can do.

``target`` is called as ``target(spec, **options)`` (data sets and image sources also get ``root``) and returns an
object of the kind's protocol. No base class is needed. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from visionlaw.alignment.language import LanguageRef
    from visionlaw.features.geometry import Geometry
    from visionlaw.features.maps import FeatureMap
    from visionlaw.policy.state import StudyState
    from visionlaw.specs import EncoderSpec

T = TypeVar("T")
R = TypeVar("R")


@runtime_checkable
class Encoder(Protocol):
    """A frozen vision encoder, loaded and ready."""

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        """Turn an RGB image into the encoder's input ``[3, S, S]`` and the geometry of its tokens.

        :func:`visionlaw.features.preprocess.prepare` does both for every resize mode. Called from several threads.
        """
        ...

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Encode inputs ``[B, 3, S, S]`` into tokens ``[B, h·w, C]``, row-major, special tokens dropped."""
        ...


@runtime_checkable
class ModuleEncoder(Encoder, Protocol):
    """An encoder whose weights are one torch module, so that core can choose device, precision and compilation.

    Core moves :attr:`module` to the device and dtype asked for (:mod:`visionlaw.features.runtime`); ``encode`` gets its
    batch there. What else the computation needs, such as the embedding of an empty prompt, belongs into
    the module as a buffer. An encoder without it computes on the CPU in float32.
    """

    @property
    def module(self) -> torch.nn.Module:
        """All weights and buffers."""
        ...


@runtime_checkable
class LayeredEncoder(Encoder, Protocol):
    """An encoder whose spec has the option ``layer`` and that reads several layers in one forward pass."""

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[int]) -> Sequence[torch.Tensor]:
        """Encode inputs ``[B, 3, S, S]``; return the tokens ``[B, h·w, C]`` of each layer, in the order asked for."""
        ...


@runtime_checkable
class Combiner(Protocol):
    """A way to make one representation of several encoders, chosen by ``combiner`` under [space] of registry.toml.

    Scorers work on rows: :meth:`combine_rows` gets the parts' cosines, and what it returns must be the cosines of what
    :meth:`combine` returns, which is what training sees. The scorer brings the parts together first, so that a combiner
    need not resize anything in :meth:`combine_rows`: each part's raw tokens are resized bilinearly to the larger grid
    (:func:`visionlaw.features.combine.common_grid`), and parts that show different parts of an image are refused.
    """

    def combine(self, maps: Sequence[FeatureMap]) -> FeatureMap:
        """Combine the feature maps of one image, at least one, on grids that may differ.

        Raises:
            DataError: The maps do not show the same part of the image.
        """
        ...

    def combine_rows(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        """Combine cosine rows ``[m, h·w]``, one per encoder and all on one grid, into those of the combined features.

        Args:
            rows: At least two: the rows of a single encoder are its own. They may be of the keypoints of many pairs;
                each stands for itself.

        Returns:
            ``[m, h·w]`` float32. The rows given are the scorer's and must not be changed: other combinations need them.
        """
        ...


@dataclass(frozen=True)
class ImageRef:
    """An image that is loaded on demand.

    Attributes:
        key: Stable identity of the image's content: a digest of its bytes, or of the recipe that draws it.
        load: Returns the image, the same pixels each time; may be called from a worker thread. It goes to worker
            processes by pickle, which a :func:`functools.partial` of a module's function survives, and no lambda.
    """

    key: str
    load: Callable[[], Image] = field(compare=False)


@dataclass(frozen=True)
class Instances:
    """Further true positions of a pair's keypoints, as where one word stands in several places: any of them is right.

    Attributes:
        keypoint: ``[n]`` which of the pair's m keypoints each belongs to, 0 to m - 1.
        points: ``[n, 2]`` pixel positions (x, y) in the target.
        size: ``[n]`` the length in target pixels that α multiplies there.
    """

    keypoint: NDArray[np.int64]
    points: NDArray[np.float64]
    size: NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two images with corresponding keypoints.

    Attributes:
        id: Stable and unique within the data set.
        source: The image whose keypoints are given.
        target: The image in which they are searched.
        source_points: ``[m, 2]`` pixel positions (x, y) from the centre of the top-left pixel.
        target_points: ``[m, 2]``, the true positions of the same keypoints.
        size: The length in target pixels that α multiplies, such as the longer side of the target's box; or ``[m]``
            lengths, one per keypoint, such as the longer sides of the words' boxes.
        category: What the pair shows, for the macro average.
        attributes: Further properties to break the score down by.
        instances: Further true positions; a keypoint is right when it is found at any of its positions.
    """

    id: str
    source: ImageRef
    target: ImageRef
    source_points: NDArray[np.float64]
    target_points: NDArray[np.float64]
    size: float | NDArray[np.float64]
    category: str = ""
    attributes: Mapping[str, str | int | float] = field(default_factory=dict[str, "str | int | float"])
    instances: Instances | None = None


@runtime_checkable
class CorrespondenceDataset(Protocol):
    """Image pairs with corresponding keypoints. ``target(spec, root=None, **options)``."""

    @property
    def version(self) -> str:
        """Identity of the content: generator version, seed, digest of the files…, for the provenance."""
        ...

    def __len__(self) -> int:
        """Count the pairs."""
        ...

    def __iter__(self) -> Iterator[Pair]:
        """Yield the pairs, each time the same in the same order."""
        ...


@dataclass(frozen=True)
class Finding:
    """Something wrong with a data set, as ``visionlaw dataset check`` lists it.

    Attributes:
        kind: ``missing`` (a file), ``unreadable`` (a file or a record), ``outside`` (a keypoint outside its image) or
            ``inconsistent`` (records that contradict each other, or the image).
        where: The file, relative to the data set's folder, or the pair's id.
        message: One sentence.
    """

    kind: str
    where: str
    message: str


@runtime_checkable
class CheckedDataset(CorrespondenceDataset, Protocol):
    """A data set that reads files, and goes on without what is wrong with them."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong with the records; pairs that cannot be used for it are left out of the iteration."""
        ...


@runtime_checkable
class ImageSource(Protocol):
    """Images, with captions where there are any. ``target(spec, root=None, **options)``."""

    def __len__(self) -> int:
        """Count the images."""
        ...

    def __iter__(self) -> Iterator[CaptionedImage]:
        """Yield each image with its caption, or None, each time the same in the same order; nothing is decoded here."""
        ...


@runtime_checkable
class IndexedSource(ImageSource, Protocol):
    """A source that can be read by place, so that drawing 100 images of half a million reads those alone."""

    def __getitem__(self, index: int, /) -> CaptionedImage:
        """Return the image at a place, from 0.

        Raises:
            DataError: It cannot be read; the message names it.
        """
        ...


@dataclass(frozen=True)
class EncoderRef:
    """An encoder that is loaded only when a feature is missing.

    Attributes:
        id: Exact id with its options, as in the representation.
        spec: Its declaration.
        provenance: What its features depend on beside the id, as JSON values: plugin distribution and version,
            checkpoint, revision, libraries…
        load: Returns the loaded encoder; slow.
    """

    id: str
    spec: EncoderSpec
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    load: Callable[[], Encoder] = field(compare=False, kw_only=True)


Representation = tuple[EncoderRef, ...]
"""One encoder, or several that are combined."""
CaptionedImage = tuple[ImageRef, str | None]
"""An image, with its caption where it has one."""


@runtime_checkable
class FeatureStore(Protocol):
    """Where feature maps survive between runs; :class:`visionlaw.features.cache.FeatureCache` is core's."""

    def get(self, encoder: EncoderRef, image: str) -> FeatureMap | None:
        """Return the features of the image of that key, or None where they have to be computed."""
        ...

    def put(self, encoder: EncoderRef, features: Mapping[str, FeatureMap]) -> None:
        """Keep the features of images, by key: all or nothing, also when the process is killed. Ends their claims."""
        ...

    def claim(self, encoder: EncoderRef, images: Sequence[str]) -> frozenset[str]:
        """Reserve images for this process to compute, and return those that are: no other process has claimed them.

        A claim ends with :meth:`put`, :meth:`release`, or the process, however it dies. Who claims looks the image up
        once more: another process may have finished it just before.
        """
        ...

    def release(self, encoder: EncoderRef, images: Sequence[str]) -> None:
        """Give up claims on images that will not be computed."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class ScoringJob:
    """What a scorer is asked to score.

    Attributes:
        representations: One encoder each, or several that are combined.
        data: What the scorer measures on, as its spec's ``data`` says: a :class:`CorrespondenceDataset`, or a sequence
            of :data:`CaptionedImage`, each with a caption where the spec says ``captions``.
        combiner: How several encoders make one representation.
        combiner_id: Its id with its options, which projectors of combinations are checked against; None: not checked.
        cache: Where features are kept; None: nowhere.
        scratch: A folder for what the scorer itself would like to keep between runs, such as similarities: whatever it
            can compute again; None: nowhere.
        scratch_limit: The most bytes that it may keep there; None: no limit.
        device: Where the scorer's own tensors are computed, as torch names it; encoders bring theirs.
        progress: Called as ``progress(stage, done, total)`` with a few words for people, and the count over all stages.
        projectors: The folder of trained projectors, for a scorer that needs them
            (:func:`visionlaw.alignment.projector.projector_folder`).
        references: The reference encoders, for a scorer that needs them.
        language: The language model, for a scorer that needs it, or whose projectors were trained for it.
    """

    representations: Sequence[Representation]
    data: Any
    combiner: Combiner
    cache: FeatureStore | None = None
    scratch: Path | None = None
    scratch_limit: int | None = None
    device: str = "cpu"
    progress: Callable[[str, int, int], None] = silent
    projectors: Path | None = None
    references: Sequence[Representation] = ()
    language: LanguageRef | None = None
    combiner_id: str | None = None


@dataclass(frozen=True)
class Score:
    """The score of one representation.

    Attributes:
        representation: Its canonical id, ``a`` or ``a + b``.
        value: In the unit that the scorer's spec names.
        count: What the mean runs over: pairs or images.
        details: What was measured along with it, as JSON values.
    """

    representation: str
    value: float
    count: int
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class Scorer(Protocol):
    """A cheap score of frozen features. ``target(spec, **options)``."""

    @property
    def protocol(self) -> str:
        """Name of the definition that the number follows; numbers of two protocols are never compared."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What else the number depends on, as JSON values, such as ``{"alpha": 0.1}``."""
        ...

    def score(self, job: ScoringJob) -> Iterator[Score]:
        """Score all representations of a job, each once, yielding each as soon as it is known, in any order.

        Each encoder encodes each image once, however many representations it is part of, and none whose features are in
        the job's cache. A score depends neither on the other representations nor on their order. Nothing that the job
        holds is changed, and its progress is told up to the total.

        Raises:
            DataError: There are no data.
        """
        ...


@runtime_checkable
class Sampler(Protocol):
    """A rule that chooses which representation to train next, and ranks them. Works on all trials at once.

    All that it goes by is in the state, which it does not change, and for choices in the random numbers that it is
    given: studies go on in other processes. Trials know nothing of each other. Candidates may come late, fail, and go.
    It chooses wherever something is open, whatever the budget: that is the study's to count.

    A sampler may also have ``explain(state, choice) -> str``: one or two sentences on why it chose candidate ``choice``
    of the one trial of ``state``, taken before the choice. ``visionlaw policy ask`` shows them. And it may have
    ``belief(state) -> visionlaw.policy.belief.Belief``, expectations with their errors and chances of being the best:
    then those rank the candidates, and the stop rule and ``ask --explain`` use them. And it may have
    ``chance_of_better(state, delta) -> [T, b]``: the chance that something untrained beats the best result told by more
    than the share ``delta`` of it; the stop rule uses it.
    """

    def ask(self, state: StudyState, rng: np.random.Generator) -> NDArray[np.int64]:
        """Choose an open candidate for each trial: ``[T]`` indices, -1 where none is open."""
        ...

    def predict(self, state: StudyState) -> NDArray[np.float64]:
        """Predict performance, ``[T, b, k]``, higher is better; NaN where nothing can be said yet."""
        ...


@runtime_checkable
class Trainer(Protocol):
    """Finetunes an MLLM on a representation and evaluates it, in the project of the working directory."""

    def finetune(self, representation: str, workdir: Path) -> Path:
        """Train, and return the folder of the trained model; resumes when called again.

        It writes into ``workdir``, which may not be there yet, and what several trainings share into the project's
        ``.visionlaw``. A model that is there and was trained just so is returned as it is.

        Raises:
            VisionlawError: The representation is unknown, or something it needs is missing.
        """
        ...

    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        """Return the performance on each benchmark, in its own unit: of all that are asked for, and the same each time.

        Raises:
            VisionlawError: There is no model in that folder, a benchmark is unknown, or one cannot be measured.
        """
        ...


@runtime_checkable
class Executor(Protocol):
    """A place where tasks run."""

    def map(self, task: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Run an idempotent task on every item and yield the results in the order of the items.

        Items may come from a generator. What a task raises comes out as it is.
        """
        ...
