"""Results and their provenance, kept in an SQLite file by default and in any SQLAlchemy database by URL."""

from __future__ import annotations

from visionlaw.store.rows import ScoreRow, score_key

__all__ = ["ScoreRow", "score_key"]
