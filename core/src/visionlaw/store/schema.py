"""The tables of the results store, version 1.

Reading guide: a *run* is one command with its provenance; a *score* is one number of one representation; a
*study* is one question to the policy, its *trials* are the representations it has asked for or heard of, its
*results* the performances told. Unique constraints say what may stand in the store once only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 1


class UTCDateTime(TypeDecorator[datetime]):
    """A point in time, stored in UTC and read back with its time zone, also where the database has none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a time without a zone is refused, since nobody could tell what it meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Attach UTC where the database returned a bare time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The registry of the tables below."""

    type_annotation_map = {datetime: UTCDateTime, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


class Meta(Base):
    """One row: which version of this schema the store follows."""

    __tablename__ = "meta"

    id: Mapped[int] = mapped_column(primary_key=True)
    schema_version: Mapped[int]
    created_by: Mapped[str]


class Run(Base):
    """One command, or one part of a program: where numbers came from."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    verb: Mapped[str]
    started: Mapped[datetime]
    finished: Mapped[datetime | None]
    provenance: Mapped[dict[str, Any]]


class Score(Base):
    """One :class:`visionlaw.store.rows.ScoreRow`."""

    __tablename__ = "scores"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    representation: Mapped[str] = mapped_column(index=True)
    scorer: Mapped[str]
    dataset: Mapped[str]
    dataset_version: Mapped[str]
    protocol: Mapped[str]
    benchmark: Mapped[str]
    params: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any]]
    value: Mapped[float]
    count: Mapped[int]
    extra: Mapped[dict[str, Any]]
    recorded: Mapped[datetime]
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))


class StudyRecord(Base):
    """One question to the policy, as it was put when the study began."""

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    sampler: Mapped[str]
    mode: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    budget: Mapped[int]
    benchmarks: Mapped[list[str]]
    scores: Mapped[str]
    a_definition: Mapped[str]
    lower_is_better: Mapped[list[str]]
    created: Mapped[datetime]


class Trial(Base):
    """A representation that the study asked for, or heard of from outside: then it has no position."""

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("study_id", "representation"),
        UniqueConstraint("study_id", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    representation: Mapped[str]
    position: Mapped[int | None]
    status: Mapped[str]
    asked: Mapped[datetime | None]
    reason: Mapped[str]
    failure: Mapped[str]
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))


class Result(Base):
    """The performance of one representation on one benchmark, as told."""

    __tablename__ = "results"
    __table_args__ = (UniqueConstraint("study_id", "representation", "benchmark"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"))
    representation: Mapped[str]
    benchmark: Mapped[str]
    value: Mapped[float]
    source: Mapped[str]
    source_version: Mapped[str]
    told: Mapped[datetime]
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
