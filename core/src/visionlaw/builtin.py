"""Core's own contributions, registered through the same hooks as anyone's."""

from __future__ import annotations

from collections.abc import Iterable

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import (
    CombinerSpec,
    DatasetSpec,
    ImageSourceSpec,
    Option,
    SamplerSpec,
    ScorerSpec,
    ScorerVariant,
)

COMPANION_OPTIONS = {
    "against": Option(
        type="str",
        default="text",
        choices=("text", "reference"),
        description="What features are compared with: embeddings of the captions, or the reference encoders.",
    ),
    "layer": Option(
        type="int",
        default=-1,
        description="text: the language model's hidden states, 0 before the first block, -1 after the last.",
    ),
}
AGAINST_REFERENCES = {"against=reference": ScorerVariant(data="images", needs=("references",))}


@hookimpl
def visionlaw_combiners() -> Iterable[CombinerSpec]:
    """List channel concatenation."""
    yield CombinerSpec(
        id="concat",
        target="visionlaw.features.combine:ConcatCombiner",
        extras=("torch",),
        description="Channel concatenation of the normalised tokens; unequal grids are resampled to the larger one.",
    )


@hookimpl
def visionlaw_scorers() -> Iterable[ScorerSpec]:
    """List correspondence, and the companions of alignment that need no training."""
    yield ScorerSpec(
        id="correspondence",
        target="visionlaw.correspondence.score:CorrespondenceScorer",
        extras=("torch",),
        measures="C",
        unit="PCK, % of keypoints, 0–100",
        range=(0.0, 100.0),
        scale_invariant=True,
        description="Share of keypoints that the nearest token finds in the other image.",
        options={
            "alpha": Option(type="float", default=0.10, description="Share of the target's size that counts as hit."),
            "protocol": Option(
                type="str",
                default="strict",
                choices=("strict", "reference"),
                description="How keypoints are mapped and judged: strict, or as the publications' code.",
            ),
            "matcher": Option(
                type="str",
                default="argmax",
                choices=("argmax", "softargmax", "upsampled"),
                description="How the strict protocol finds a position.",
            ),
        },
    )
    yield ScorerSpec(
        id="maxcos",
        target="visionlaw.alignment.maxcos:MaxCosScorer",
        extras=("torch",),
        measures="A",
        unit="cosine, -1 to 1",
        range=(-1.0, 1.0),
        description="Projected tokens against the most similar ones of reference encoders (ICLR 2025).",
        data="images",
        needs=("projectors", "references", "language"),
    )
    yield ScorerSpec(
        id="loglik",
        target="visionlaw.alignment.loglik:LogLikScorer",
        extras=("language",),
        measures="A",
        unit="mean log-probability of a caption's token, at most 0",
        range=(None, 0.0),
        description="How likely a language model finds captions, given the projected image (COLM 2025).",
        data="captions",
        needs=("projectors", "language"),
        options={
            "dtype": Option(
                type="str",
                default="float32",
                choices=("float32", "float16", "bfloat16"),
                description="Precision of the language model, which numbers depend on from the third digit on.",
            )
        },
    )
    yield ScorerSpec(
        id="mutual-knn",
        target="visionlaw.alignment.mutual_knn:MutualKnnScorer",
        extras=("torch", "language"),
        measures="mutual k-NN",
        unit="share of common neighbours, 0–1",
        range=(0.0, 1.0),
        scale_invariant=True,
        data="captions",
        needs=("language",),
        variants=AGAINST_REFERENCES,
        description="How many nearest neighbours an image has in common by its features and by its caption.",
        options={
            "k": Option(type="int", default=10, description="Neighbours of an image, 1 to images − 1."),
            **COMPANION_OPTIONS,
        },
        tags=("training-free",),
    )
    yield ScorerSpec(
        id="cka",
        target="visionlaw.alignment.cka:CkaScorer",
        extras=("torch", "language"),
        measures="CKA",
        unit="centred kernel alignment, −1 to 1",
        range=(-1.0, 1.0),
        scale_invariant=True,
        data="captions",
        needs=("language",),
        variants=AGAINST_REFERENCES,
        description="Whether features find the same pairs of images alike as captions do: linear CKA.",
        options={
            "debiased": Option(
                type="bool", default=True, description="Whether the unbiased HSIC is used; false: as published in 2019."
            ),
            **COMPANION_OPTIONS,
        },
        tags=("training-free",),
    )
    yield ScorerSpec(
        id="logme",
        target="visionlaw.alignment.logme:LogmeScorer",
        extras=("torch", "language"),
        measures="LogME",
        unit="log evidence per image and dimension, −1.42 to 5.49",
        range=(-1.42, 5.49),
        scale_invariant=True,
        data="captions",
        needs=("language",),
        variants=AGAINST_REFERENCES,
        description="How well a linear model explains the captions' embeddings by the features, by its evidence.",
        options=COMPANION_OPTIONS,
        tags=("training-free",),
    )
    yield ScorerSpec(
        id="gromov-wasserstein",
        target="visionlaw.alignment.gromov_wasserstein:GromovWassersteinScorer",
        extras=("transport", "language"),
        measures="GW",
        unit="distance, 0–1.42, lower is better",
        range=(0.0, 1.42),
        scale_invariant=True,
        higher_is_better=False,
        data="captions",
        needs=("language",),
        variants=AGAINST_REFERENCES,
        description="How well the distances between images can be laid upon those between captions.",
        options=COMPANION_OPTIONS,
        tags=("training-free",),
    )


_COLUMNS = {
    "image": Option(type="str", default="image", description="The column of the images."),
    "caption": Option(type="str", default="caption", description="The column of the captions, if there is one."),
}


@hookimpl
def visionlaw_image_sources() -> Iterable[ImageSourceSpec]:
    """List folders, lists of files, and tables."""
    yield ImageSourceSpec(
        id="folder",
        target="visionlaw.images.folder:build",
        tiny="visionlaw.testing.miniatures:images",
        description="The images of a folder and of all folders in it.",
        tags=("no-download",),
    )
    yield ImageSourceSpec(
        id="list",
        target="visionlaw.images.listed:build",
        tiny="visionlaw.testing.miniatures:listed",
        description="Images that a file lists, relative to it: a path a line, or .csv, .tsv, .jsonl with captions.",
        tags=("no-download",),
        options=_COLUMNS,
        captions=True,
    )
    yield ImageSourceSpec(
        id="parquet",
        target="visionlaw.images.parquet:build",
        tiny="visionlaw.testing.miniatures:parquet",
        description="Images in a parquet file, or in a folder of them, with captions where there is a column of them.",
        tags=("no-download",),
        extras=("parquet",),
        options=_COLUMNS,
        captions=True,
    )
    yield ImageSourceSpec(
        id="hf",
        target="visionlaw.images.huggingface:build",
        tiny="visionlaw.testing.miniatures:saved",
        description="A Hugging Face data set on this machine: saved to disk, or a folder of Arrow or parquet files.",
        tags=("no-download",),
        extras=("parquet",),
        options={
            **_COLUMNS,
            "split": Option(type="str", default="", description="The split, where there are several."),
        },
        captions=True,
    )


@hookimpl
def visionlaw_datasets() -> Iterable[DatasetSpec]:
    """List the form in which pairs are exchanged."""
    yield DatasetSpec(
        id="pairs",
        target="visionlaw.datasets.folder:build",
        tiny="visionlaw.testing.miniatures:pairs",
        description="Pairs of your own: a folder of pairs.json and images, as 'visionlaw dataset make' writes it.",
        tags=("keypoints", "no-download"),
        license="as the folder's maker says",
        needs_root=True,
    )


@hookimpl
def visionlaw_samplers() -> Iterable[SamplerSpec]:
    """List the default sampler, the paper's, chance, and the baselines of the bench."""
    yield SamplerSpec(
        id="bayes",
        target="visionlaw.policy.bayes.sampler:BayesSampler",
        description="What is most likely to be the best, by a Bayesian law that past benchmarks may warm-start.",
        options={
            "noise": Option(
                type="float",
                default=0.02,
                description="Relative standard deviation by which finetuning a representation twice would differ.",
            )
        },
    )
    yield SamplerSpec(
        id="region",
        target="visionlaw.policy.samplers:RegionSampler",
        description="The paper's: one setting from each region of the (A, C) square, in ever finer divisions.",
    )
    yield SamplerSpec(
        id="random",
        target="visionlaw.policy.samplers:RandomSampler",
        description="Any setting that has not been trained, with equal chance.",
    )
    yield SamplerSpec(
        id="rank-a",
        target="visionlaw.policy.baselines:RankByA",
        description="Baseline: train in the order of A. Predicts places, the best result first; no performance.",
        tags=("baseline",),
    )
    yield SamplerSpec(
        id="rank-c",
        target="visionlaw.policy.baselines:RankByC",
        description="Baseline: train in the order of C. Predicts places, the best result first; no performance.",
        tags=("baseline",),
    )
    yield SamplerSpec(
        id="rank-ac",
        target="visionlaw.policy.baselines:RankByBoth",
        description="Baseline: train in the order of A + C/2. Predicts places, the best result first; no performance.",
        tags=("baseline",),
    )
    yield SamplerSpec(
        id="gaussian-process",
        target="visionlaw.policy.regressors:GaussianProcess",
        description="Baseline: scikit-learn's Gaussian process on A and C, asking where it expects to improve most.",
        tags=("baseline",),
    )
    yield SamplerSpec(
        id="bayesian-ridge",
        target="visionlaw.policy.regressors:RidgeRegression",
        description="Baseline: scikit-learn's Bayesian ridge on the quadratic law, asking where it expects to improve.",
        tags=("baseline",),
    )
