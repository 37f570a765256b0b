"""What this plugin offers visionlaw: the data set ``textpairs``."""

from __future__ import annotations

from collections.abc import Iterator

from visionlaw.hookspecs import hookimpl
from visionlaw.specs import DatasetSpec, Option

KINDS = ("words", "paragraphs", "tables", "charts", "forms")
SCRIPTS = ("latin", "greek", "cyrillic", "armenian", "georgian")
MIXED = "mixed"
UNITS = ("word", "glyph")
FONTS = ("package", "system")
SIZES = ("floored", "box")


@hookimpl
def visionlaw_datasets() -> Iterator[DatasetSpec]:
    """List the pairs of text."""
    yield DatasetSpec(
        id="textpairs",
        target="visionlaw_textpairs.dataset:build",
        description="Words, paragraphs, tables, charts and forms drawn twice, with exact ground truth.",
        tags=("synthetic", "keypoints", "text", "OCR", "no-download"),
        options={
            "pairs": Option(type="int", default=60, description="How many pairs, 1 to 100,000."),
            "seed": Option(type="int", default=0, description="Seed of everything random, 0 or more."),
            "level": Option(
                type="float",
                default=1.0,
                description="Difficulty, 0 (large text, drawn twice almost alike) to 3; 1 is the standard.",
            ),
            "kind": Option(
                type="str", default=MIXED, choices=(MIXED, *KINDS), description="What the images show; mixed: in turn."
            ),
            "script": Option(
                type="str",
                default="latin",
                choices=(*SCRIPTS, MIXED),
                description="The script of the words; mixed: one per pair.",
            ),
            "unit": Option(
                type="str",
                default="word",
                choices=UNITS,
                description="Keypoints at words, cells, fields, ticks and bars, or at single characters (glyph).",
            ),
            "size": Option(
                type="str",
                default="floored",
                choices=SIZES,
                description="What α multiplies: the thing's box, at least 3/8 (glyph: 3/16) of the image; or the box.",
            ),
            "fonts": Option(
                type="str",
                default="package",
                choices=FONTS,
                description="The fonts in matplotlib's wheel, or also free ones found on this system.",
            ),
        },
        license="Apache-2.0; fonts: Bitstream Vera and Arev (DejaVu), SIL OFL 1.1 (STIX), BaKoMa (Computer Modern)",
    )
