"""Results and their provenance, kept in an SQLite file by default and in any SQLAlchemy database by URL.

:class:`Store` opens it, :class:`ScoreRow` is one score, :func:`run_provenance` describes a run. The tables
are in :mod:`visionlaw.store.schema`.
"""

from __future__ import annotations

from visionlaw.store.provenance import run_provenance
from visionlaw.store.rows import ScoreRow
from visionlaw.store.store import Store

__all__ = ["ScoreRow", "Store", "run_provenance"]
