"""The results store: runs, scores, and the transactions that studies are kept in."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from visionlaw.errors import StoreError
from visionlaw.store.engine import (
    WRITES,
    connect,
    display_name,
    failures_in_words,
    prepare_schema,
    sqlite_path,
)
from visionlaw.store.rows import ScoreRow
from visionlaw.store.schema import Run, Score

ENVIRONMENT = "VISIONLAW_STORE"
FILE_NAME = "results.sqlite"
MOST_VALUES = 10_000  # of one list in one query: SQLite takes 32,766 values in all, PostgreSQL 65,535


class Store:
    """An open results store; use it in a ``with`` statement, or call :meth:`close`.

    Every change is one transaction: it is there in full or not at all, whatever happens to the process.
    Several processes may read and write at once.
    """

    def __init__(self, engine: Engine, name: str, make: Callable[[], Engine] | None = None) -> None:
        self._use(engine)
        self._make = make
        self.name = name

    def _use(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = sessionmaker(engine)
        self._writing = sessionmaker(engine.execution_options(**{WRITES: True}))

    @classmethod
    def open(cls, location: str | Path, create: bool = True) -> Store:
        """Open a store by path or SQLAlchemy URL.

        Args:
            location: A path of an SQLite file, or a database URL.
            create: Make the folder and the tables now where they are missing, so that a place that cannot be
                written is found at once. Without it the first change makes them: a store that is only read
                leaves nothing behind.

        Raises:
            StoreError: It cannot be opened, is damaged, belongs to something else or follows another schema.
        """
        return cls._open(location, create, "")

    @classmethod
    def of_project(cls, state_dir: Path, create: bool = True) -> Store:
        """Open a project's store: where ``VISIONLAW_STORE`` says, or ``results.sqlite`` in ``state_dir``.

        Raises:
            StoreError: As :meth:`open`.
        """
        named = os.environ.get(ENVIRONMENT)
        advice = f"{ENVIRONMENT} names this store." if named else f"{ENVIRONMENT} can name another place for it."
        return cls._open(named or state_dir / FILE_NAME, create, advice)

    @classmethod
    def _open(cls, location: str | Path, create: bool, advice: str) -> Store:
        with _advising(advice):
            name = display_name(location)
            if create:
                return cls(_made(location), name)
            path = sqlite_path(location)
            if path is None or path.exists():
                engine = connect(location, create=False)
                if prepare_schema(engine, create=False, name=name):
                    return cls(engine, name)
                engine.dispose()
            return cls(_made("sqlite://"), name, make=partial(_made, location, advice))

    @property
    def exists(self) -> bool:
        """Whether there is anything behind it: False until the first change of a store opened without ``create``."""
        return self._make is None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A transaction that sees one state of the store throughout.

        Raises:
            StoreError: The database failed.
        """
        with failures_in_words(self.name), self._reading() as session:
            yield session

    @contextmanager
    def writing(self) -> Generator[Session]:
        """A transaction that commits at the end of the block, or changes nothing when the block raises.

        Raises:
            StoreError: The database failed, or cannot be made.
        """
        if self._make is not None:
            engine = self._make()
            self._engine.dispose()
            self._use(engine)
            self._make = None
        with failures_in_words(self.name), self._writing.begin() as session:
            yield session

    def start_run(self, verb: str, provenance: Mapping[str, Any]) -> int:
        """Record that a run has started, and return its id.

        Args:
            verb: What is done, such as ``score correspondence``.
            provenance: See :func:`visionlaw.store.provenance.run_provenance`; JSON values.
        """
        with self.writing() as session:
            return add_run(session, verb, provenance)

    def finish_run(self, run: int) -> None:
        """Record that a run has come to its end; a run without an end was interrupted.

        Raises:
            StoreError: No such run.
        """
        with self.writing() as session:
            record = session.get(Run, run)
            if record is None:
                raise StoreError(f"The store '{self.name}' has no run {run}.", "Start it with start_run().")
            record.finished = datetime.now(UTC)

    def record_scores(self, rows: Iterable[ScoreRow], run: int) -> None:
        """Record scores in one transaction; a row whose key is stored already replaces that row.

        Args:
            rows: The scores; ``run`` and ``recorded`` of the rows are ignored.
            run: The run that measured them, from :meth:`start_run`.

        Raises:
            StoreError: The database failed; none of the rows is stored then.
        """
        by_key = {row.key: row for row in rows}
        now = datetime.now(UTC)
        with self.writing() as session:
            queries = [select(Score).where(Score.key.in_(keys)) for keys in _batches(by_key)]
            known = {score.key: score for query in queries for score in session.scalars(query)}
            for key, row in by_key.items():
                score = known.get(key)
                if score is None:
                    score = Score(key=key, **_identity(row))
                    session.add(score)
                score.value, score.count, score.extra = row.value, row.count, dict(row.extra)
                score.recorded, score.run_id = now, run

    def renew_scores(self, keys: Iterable[str]) -> None:
        """Make stored scores the latest ones, as if they had been measured again.

        Raises:
            StoreError: The database failed.
        """
        with self.writing() as session:
            for some in _batches(keys):
                session.execute(update(Score).where(Score.key.in_(some)).values(recorded=datetime.now(UTC)))

    def scores(
        self,
        *,
        scorer: str | None = None,
        dataset: str | None = None,
        protocol: str | None = None,
        representations: Sequence[str] | None = None,
        keys: Sequence[str] | None = None,
    ) -> list[ScoreRow]:
        """Return the stored scores that match everything given, the oldest first.

        Args:
            scorer: A scorer's id.
            dataset: A data set's id.
            protocol: A protocol's name.
            representations: Canonical ids.
            keys: Keys from :attr:`ScoreRow.key`.
        """
        query = select(Score)
        for column, wanted in ((Score.scorer, scorer), (Score.dataset, dataset), (Score.protocol, protocol)):
            if wanted is not None:
                query = query.where(column == wanted)
        by_name = [query]
        if representations is not None:
            by_name = [query.where(Score.representation.in_(names)) for names in _batches(representations)]
        queries = by_name
        if keys is not None:
            queries = [query.where(Score.key.in_(some)) for query in by_name for some in _batches(keys)]
        with self.reading() as session:
            found = [score for query in queries for score in session.scalars(query)]
            return [_row(score) for score in sorted(found, key=lambda score: (score.recorded, score.id))]


def _made(location: str | Path, advice: str = "") -> Engine:
    """Connect to a store, and make it where it is missing."""
    with _advising(advice):
        engine = connect(location, create=True)
        prepare_schema(engine, create=True, name=display_name(location))
        return engine


@contextmanager
def _advising(advice: str) -> Generator[None]:
    """Add to the remedy of an error what only the caller can know: how the place of the store was chosen."""
    try:
        yield
    except StoreError as error:
        if not advice:
            raise
        raise StoreError(error.message, f"{error.remedy} {advice}") from error


def add_run(session: Session, verb: str, provenance: Mapping[str, Any], finished: bool = False) -> int:
    """Add a run inside a transaction of the caller, and return its id."""
    now = datetime.now(UTC)
    run = Run(verb=verb, started=now, finished=now if finished else None, provenance=dict(provenance))
    session.add(run)
    session.flush()
    return run.id


def _batches(values: Iterable[str]) -> list[tuple[str, ...]]:
    """Split distinct values into as many as one query may hold."""
    rest = iter(dict.fromkeys(values))
    return list(iter(lambda: tuple(itertools.islice(rest, MOST_VALUES)), ()))


def _identity(row: ScoreRow) -> dict[str, Any]:
    return {
        "representation": row.representation,
        "scorer": row.scorer,
        "dataset": row.dataset,
        "dataset_version": row.dataset_version,
        "protocol": row.protocol,
        "benchmark": row.benchmark,
        "params": dict(row.params),
        "provenance": dict(row.provenance),
    }


def _row(score: Score) -> ScoreRow:
    row = ScoreRow(
        score.representation,
        score.scorer,
        score.dataset,
        score.dataset_version,
        score.protocol,
        score.value,
        score.count,
        score.benchmark,
        score.params,
        score.provenance,
        score.extra,
    )
    return replace(row, run=score.run_id, recorded=score.recorded)
