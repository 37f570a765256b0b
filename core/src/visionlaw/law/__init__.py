"""The law: performance is a function of alignment A and correspondence C, and how far that can be trusted.

``load_table`` reads a finished table, ``fit`` fits one benchmark of it, ``table_figures`` all of them and
``reproduce`` what the papers printed beside ours. ``choose`` compares models of the law on settings they have not seen,
and fits the best, whose predictions come with intervals. Nothing here needs torch.
"""

from __future__ import annotations

from visionlaw.law.choice import Choice, check_choice, choose
from visionlaw.law.figures import table_figures
from visionlaw.law.fit import Law, Prediction, fit
from visionlaw.law.reproduce import reproduce
from visionlaw.law.tables import LawTable, load_table

__all__ = [
    "Choice",
    "Law",
    "LawTable",
    "Prediction",
    "check_choice",
    "choose",
    "fit",
    "load_table",
    "reproduce",
    "table_figures",
]
