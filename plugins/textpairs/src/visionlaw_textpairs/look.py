"""How a page looks: its format, paper, ink and fonts."""

from __future__ import annotations

from dataclasses import dataclass

from visionlaw_textpairs.dice import Dice
from visionlaw_textpairs.fonts import Face
from visionlaw_textpairs.page import Colour

LONGER_SIDE = 512

FORMATS = ((512, 512), (512, 416), (416, 512), (512, 464), (464, 512))

# Paper, ink and accent; those further down come with higher levels.
COLOURS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((255, 255, 255), (15, 15, 20), (40, 80, 160)),
    ((252, 249, 240), (30, 25, 25), (140, 40, 40)),
    ((244, 238, 220), (50, 35, 25), (30, 95, 80)),
    ((226, 236, 246), (20, 35, 80), (150, 60, 20)),
    ((238, 224, 200), (70, 40, 20), (20, 60, 110)),
    ((214, 230, 210), (20, 60, 40), (120, 30, 90)),
    ((28, 32, 40), (235, 235, 225), (250, 190, 80)),
    ((30, 62, 58), (240, 236, 215), (245, 160, 120)),
    ((250, 214, 120), (60, 20, 60), (20, 70, 120)),
)
WEIGHTS = ("regular",) * 5 + ("bold",) * 3 + ("italic", "bold italic")


@dataclass(frozen=True)
class Look:
    """How a page looks.

    Attributes:
        size: (W, H) of the page, and of the image it is seen in.
        paper: Its colour.
        ink: The text's.
        accent: That of headings and bars.
        body: The text's font.
        heading: The headings' font.
        scale: What text sizes are multiplied with.
        margin: The blank edge in pixels.
    """

    size: tuple[int, int]
    paper: Colour
    ink: Colour
    accent: Colour
    body: Face
    heading: Face
    scale: float
    margin: float


def draw_look(dice: Dice, faces: tuple[Face, ...]) -> Look:
    """Draw the look of a page."""
    shown = COLOURS[: 3 + round(2 * dice.level)]
    paper, ink, accent = dice.choice("colours", shown)
    return Look(
        size=dice.choice("format", FORMATS),
        paper=paper,
        ink=ink,
        accent=accent,
        body=draw_face(dice, "body", faces),
        heading=draw_face(dice, "heading", faces),
        scale=dice.by_level(1.0, 0.45) * dice.uniform("scale", 0.85, 1.15),
        margin=dice.uniform("margin", 14, 34),
    )


def draw_face(dice: Dice, name: str, faces: tuple[Face, ...]) -> Face:
    """Draw a font: its family first, then one of its styles, regular most often."""
    family = dice.choice(f"{name} family", sorted({face.family for face in faces}))
    styles = {face.style: face for face in faces if face.family == family}
    weights = [weight for weight in WEIGHTS if weight in styles]
    return styles[dice.choice(f"{name} style", weights)]
