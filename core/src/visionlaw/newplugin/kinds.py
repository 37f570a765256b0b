"""The kinds of plugins that can be begun from a template, and what differs about their metadata."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PluginKind(StrEnum):
    """What a new plugin provides."""

    ENCODER = "encoder"
    DATASET = "dataset"
    SCORER = "scorer"
    SAMPLER = "sampler"
    COMBINER = "combiner"
    TRAINER = "trainer"


@dataclass(frozen=True)
class Metadata:
    """What a kind's pyproject.toml, changelog and release notes say.

    Attributes:
        description: What the plugin is, in one line, for PyPI.
        keywords: For PyPI, beside ``visionlaw``.
        extra: The extra of visionlaw that it requires.
        dependencies: What its code imports beside visionlaw, as requirements.
        test: What its tests need beside pytest.
        example: The id that it lists, without its prefix.
        numbers: What of it must not change under one id and version.
        before: What to look at before a release, beside the checks; one sentence each.
    """

    description: str
    keywords: tuple[str, ...]
    dependencies: tuple[str, ...]
    example: str
    numbers: str
    before: tuple[str, ...]
    extra: str = ""
    test: tuple[str, ...] = ()


NUMPY = "numpy>=1.26"
PILLOW = "pillow>=10.3"
TORCH = "torch>=2.4"
SAFETENSORS = "safetensors>=0.4.3"

METADATA: dict[PluginKind, Metadata] = {
    PluginKind.ENCODER: Metadata(
        description="a vision encoder.",
        keywords=("vision encoder", "features"),
        extra="hub",
        dependencies=(PILLOW, SAFETENSORS, TORCH),
        example="small@224",
        numbers="features",
        before=(
            "`checkpoint` and `revision` in `plugin.py` are those of the weights, `license` is the weights' own, and\n"
            "  `visionlaw extract` gives the features that the network's own code gives for the same image.",
        ),
    ),
    PluginKind.DATASET: Metadata(
        description="correspondence pairs.",
        keywords=("correspondence", "keypoints"),
        dependencies=(NUMPY, PILLOW),
        example="dots",
        numbers="pairs or pixels",
        before=("`version` names everything that the content depends on, and `license` is the data's own.",),
    ),
    PluginKind.SCORER: Metadata(
        description="a score of frozen features.",
        keywords=("score", "features"),
        extra="torch",
        dependencies=(TORCH,),
        example="rank",
        numbers="scores",
        before=("`protocol` has another name wherever the same features would score otherwise than before.",),
    ),
    PluginKind.SAMPLER: Metadata(
        description="a rule that chooses what is trained next.",
        keywords=("active learning", "model selection"),
        dependencies=(NUMPY,),
        example="farthest",
        numbers="choices or predictions",
        before=("`visionlaw policy replay` still shows what the README claims.",),
    ),
    PluginKind.COMBINER: Metadata(
        description="a way to make one representation of several encoders.",
        keywords=("features", "fusion"),
        extra="torch",
        dependencies=(TORCH,),
        example="product",
        numbers="tokens",
        before=("The docstring says what the tokens of a combination are, and what their cosines.",),
    ),
    PluginKind.TRAINER: Metadata(
        description="training on a representation, and evaluation.",
        keywords=("training", "evaluation"),
        extra="torch",
        dependencies=(NUMPY, PILLOW, SAFETENSORS, TORCH),
        test=("visionlaw-classical",),
        example="probe",
        numbers="results",
        before=("A training that was killed goes on where it stopped, and gives the same model.",),
    ),
}
