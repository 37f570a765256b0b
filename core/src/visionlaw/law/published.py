"""What the two papers print: the figures of PROTOCOLS §4 and §5, in one place.

ICLR is the anonymous ICLR 2025 submission of "Law of Vision Representation in MLLMs", COLM its COLM 2025 version
(arXiv 2408.16357v3). Facts only; every figure stands here as printed, misprints included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visionlaw.law.forms import TERMS

Groups = Mapping[str, float]


def _groups(vision: float, ocr: float) -> Groups:
    return {"vision": vision, "ocr": ocr}


@dataclass(frozen=True)
class Misprint:
    """A printed coefficient that contradicts the paper's own data."""

    benchmark: str
    term: str
    printed: float


@dataclass(frozen=True)
class PublishedLaw:
    """What a paper prints about the law.

    Attributes:
        r2: R² by form, averaged over each group of benchmarks.
        r2_per_benchmark: R² of the quadratic form in A and C.
        coefficients: Of the same form, by benchmark and term, to three decimals, as printed.
        misprints: Which of them are misprints.
        gaps: Difference between the best and the second-best setting, in % of the best, as printed.
        gap_remarks: Where the printed gap is another than that.
        sources: Where each of these stands.
    """

    r2: Mapping[str, Groups]
    r2_per_benchmark: Mapping[str, float]
    coefficients: Mapping[str, Mapping[str, float]]
    misprints: tuple[Misprint, ...]
    gaps: Mapping[str, float]
    gap_remarks: Mapping[str, str]
    sources: Mapping[str, str]


@dataclass(frozen=True)
class FirstHit:
    """A published share of runs in which the optimum appeared among the top 3 by n finetunings at the latest."""

    n: int
    share: float


def _coefficients(*values: float) -> Mapping[str, float]:
    return dict(zip(TERMS, values, strict=True))


LAWS: Mapping[str, PublishedLaw] = {
    "iclr2025": PublishedLaw(
        r2={
            "A-linear": _groups(0.5080, 0.5506),
            "C-linear": _groups(0.4612, 0.1945),
            "AC-linear": _groups(0.8324, 0.6618),
            "A-quadratic": _groups(0.7656, 0.7745),
            "C-quadratic": _groups(0.5691, 0.2907),
            "AC-quadratic": _groups(0.9572, 0.8521),
            "random-quadratic": _groups(0.4509, 0.3577),
        },
        r2_per_benchmark={
            "mmbench": 0.9634,
            "mme": 0.9736,
            "okvqa": 0.9542,
            "seedbench": 0.9375,
            "mmmu": 0.8352,
            "textvqa": 0.9028,
            "vizwiz": 0.8038,
            "scienceqa": 0.8667,
        },
        coefficients={
            "mmbench": _coefficients(-0.127, 3.191, 0.910, -0.721, -1.570, -0.189),
            "mme": _coefficients(-0.163, 1.915, 1.591, -1.318, -0.073, -1.075),
            "okvqa": _coefficients(-0.121, 2.367, 0.933, -1.804, 0.156, -0.503),
            "seedbench": _coefficients(0.938, 1.740, 1.345, -1.271, 0.322, -0.856),
            "mmmu": _coefficients(-0.241, 2.747, 1.416, -2.145, -0.242, -1.212),
            "textvqa": _coefficients(-0.065, 0.842, 0.756, -1.519, 2.943, -1.062),
            "vizwiz": _coefficients(0.069, 2.145, -0.102, -1.772, 0.720, 0.116),
            "scienceqa": _coefficients(0.013, -0.198, 1.422, -0.487, 2.400, -1.409),
        },
        misprints=(Misprint("mmbench", "A2", -0.721), Misprint("seedbench", "1", 0.938)),
        gaps={
            "mmbench": 0.915,
            "mme": 1.83,
            "okvqa": 1.39,
            "seedbench": 0.434,
            "mmmu": 0.806,
            "textvqa": 0.269,
            "vizwiz": 0.410,
            "scienceqa": 0.215,
        },
        gap_remarks={"okvqa": "the printed 1.39 is the gap between the best and the third-best setting"},
        sources={"r2": "ICLR Tables 3-4", "coefficients": "ICLR Tables 3-4", "gaps": "ICLR Table 9"},
    ),
    "colm2025": PublishedLaw(
        r2={
            "A-linear": _groups(0.8053, 0.5800),
            "C-linear": _groups(0.3902, 0.1457),
            "AC-linear": _groups(0.8055, 0.6206),
            "A-quadratic": _groups(0.9148, 0.7967),
            "C-quadratic": _groups(0.5656, 0.3011),
            "AC-quadratic": _groups(0.9406, 0.8385),
            "random-quadratic": _groups(0.3690, 0.3126),
        },
        r2_per_benchmark={},
        coefficients={},
        misprints=(),
        gaps={},
        gap_remarks={},
        sources={"r2": "COLM Table 2"},
    ),
}

FIRST_HITS: Mapping[str, FirstHit] = {
    "mmbench": FirstHit(4, 0.901),
    "mme": FirstHit(3, 0.906),
    "okvqa": FirstHit(3, 0.900),
    "seedbench": FirstHit(3, 0.860),
    "mmmu": FirstHit(7, 0.965),
    "textvqa": FirstHit(5, 0.831),
    "vizwiz": FirstHit(3, 0.846),
    "scienceqa": FirstHit(3, 0.966),
}
"""ICLR Table 1; the share is that of R@3."""

FIRST_HIT_MEAN = 0.8969
"""ICLR Table 1, mean share over the eight benchmarks, at 3.88 finetunings on average."""

BUDGET_SEVEN: Mapping[str, float] = {"random": 0.482, "R@1": 0.6823, "R@2": 0.8101, "R@3": 0.8968}
"""ICLR Table 8, "budget 7". R@3 is Table 1's mean again, that is first hits at Table 1's numbers of finetunings; the
paper does not say how random is counted."""

FIGURE_FOUR_BUDGET = 4
FIGURE_FOUR: Mapping[str, float] = {"policy": 0.8772, "random": 0.267}
"""COLM Figure 4: mean over six benchmarks at four finetunings. Random is 4/15, a setting's chance of being drawn."""
