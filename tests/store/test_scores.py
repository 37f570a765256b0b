from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from visionlaw.errors import StoreError
from visionlaw.store import ScoreRow, Store, run_provenance

ROW = ScoreRow(
    representation="clip/vit-l-14@224",
    scorer="correspondence",
    dataset="warps",
    dataset_version="1-abc",
    protocol="strict",
    value=41.5,
    count=60,
    params={"alpha": 0.1},
    provenance={"visionlaw-transformers": "0.1"},
    extra={"per_keypoint": 40.0, "per_category": {"chelsea": 12.5}},
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / ".visionlaw" / "results.sqlite") as opened:
        yield opened


def record(store: Store, *rows: ScoreRow) -> int:
    run = store.start_run("score correspondence", run_provenance(["score", "correspondence"], protocol="strict"))
    store.record_scores(rows, run)
    store.finish_run(run)
    return run


def test_a_score_comes_back_as_it_went_in_with_its_run_and_time(store: Store) -> None:
    before = datetime.now(UTC)
    run = record(store, ROW)
    (found,) = store.scores()
    assert found == ROW
    assert found.run == run
    assert found.recorded is not None
    assert found.recorded.utcoffset() == timedelta(0)
    assert before <= found.recorded <= datetime.now(UTC)


def test_recording_the_same_measurement_again_replaces_its_value(store: Store) -> None:
    record(store, ROW)
    second = record(store, replace(ROW, value=42.0, extra={}))
    (found,) = store.scores()
    assert (found.value, found.extra, found.run) == (42.0, {}, second)


@pytest.mark.parametrize(
    "change",
    [
        {"representation": "clip/vit-l-14@336"},
        {"scorer": "alignment"},
        {"dataset": "spair"},
        {"dataset_version": "2-abc"},
        {"protocol": "reference"},
        {"benchmark": "mme"},
        {"params": {"alpha": 0.05}},
        {"provenance": {"visionlaw-transformers": "0.2"}},
    ],
)
def test_a_measurement_that_differs_in_anything_stands_beside_the_first(store: Store, change: dict) -> None:
    record(store, ROW, replace(ROW, value=1.0, **change))
    assert sorted(row.value for row in store.scores()) == [1.0, 41.5]


def test_the_key_is_known_before_the_measurement(store: Store) -> None:
    record(store, ROW)
    key = replace(ROW, value=0.0, count=0, extra={}).key
    other = replace(ROW, dataset_version="2-abc").key
    assert [row.value for row in store.scores(keys=[key, other])] == [41.5]
    assert store.scores(keys=[]) == []


def test_scores_are_filtered_by_what_is_given(store: Store) -> None:
    a = replace(ROW, representation="a/b@2")
    b = replace(ROW, representation="c/d@2", scorer="alignment", protocol="maxcos")
    record(store, a, b)
    assert store.scores(scorer="alignment") == [b]
    assert store.scores(protocol="strict") == [a]
    assert store.scores(representations=["a/b@2", "x/y@2"]) == [a]
    assert store.scores(scorer="alignment", dataset="spair") == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(StoreError, match="not a score"):
        replace(ROW, value=value)


def test_a_description_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(StoreError, match="JSON"):
        replace(ROW, extra={"when": datetime.now(UTC)})


def test_rows_of_an_unknown_run_are_refused_together(store: Store) -> None:
    with pytest.raises(StoreError, match="does not hold"):
        store.record_scores([ROW, replace(ROW, protocol="reference")], run=99)
    assert store.scores() == []


def test_a_run_keeps_its_provenance_and_says_whether_it_ended(store: Store) -> None:
    provenance = run_provenance(["x"], plugins={"visionlaw-b": "2", "visionlaw-a": "1"}, seed=3, combiner="concat")
    run = store.start_run("score correspondence", provenance)
    with store.reading() as session:
        row = session.execute(text("select verb, finished from runs")).one()
        assert tuple(row) == ("score correspondence", None)
    store.finish_run(run)
    with store.reading() as session:
        assert session.execute(text("select finished from runs")).scalar_one() is not None
    assert provenance["plugins"] == {"visionlaw-a": "1", "visionlaw-b": "2"}
    assert provenance["libraries"]["numpy"]
    assert (provenance["seed"], provenance["combiner"], provenance["command"]) == (3, "concat", ["x"])
    with pytest.raises(StoreError, match="no run 17"):
        store.finish_run(17)


def test_a_whole_large_space_is_asked_for_at_once(store: Store) -> None:
    """100,000 representations are allowed; a query may hold 32,766 values in SQLite and 65,535 in PostgreSQL."""
    rows = [replace(ROW, representation=f"a/{i}@2") for i in range(3)]
    for row in (rows[2], rows[0], rows[1]):
        record(store, row)
    names = [f"a/{i}@2" for i in range(40_000)]
    keys = [replace(ROW, representation=name).key for name in names[:35_000]]
    counts: list[int] = []

    def count(_connection: object, _cursor: object, _statement: str, parameters: Sequence[object], *_: object) -> None:
        counts.append(len(parameters))

    event.listen(Engine, "before_cursor_execute", count)
    try:
        assert store.scores(representations=names) == [rows[2], rows[0], rows[1]]
        assert store.scores(representations=[*names, *names]) == [rows[2], rows[0], rows[1]]
        assert store.scores(keys=keys, representations=names[1:]) == [rows[2], rows[1]]
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert max(counts) < 32_766


def test_rows_that_are_recorded_in_batches_replace_each_its_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visionlaw.store.store.MOST_VALUES", 2)
    rows = [replace(ROW, representation=f"a/{i}@2", value=float(i)) for i in range(5)]
    record(store, *rows)
    record(store, *(replace(row, value=row.value + 10) for row in rows))
    assert [row.value for row in store.scores(representations=[r.representation for r in rows])] == [10, 11, 12, 13, 14]
