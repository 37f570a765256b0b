"""Opening a store: where nothing is, where something else is, where nothing can be written."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from visionlaw.errors import StoreError
from visionlaw.store import ScoreRow, Store

ROW = ScoreRow("a/b@2", "correspondence", "warps", "1", "strict", 1.0)


def filled(path: Path) -> Path:
    with Store.open(path) as store:
        store.record_scores([ROW], store.start_run("test", {}))
    return path


def test_a_new_store_uses_the_write_ahead_log_and_enforces_foreign_keys(tmp_path: Path) -> None:
    path = filled(tmp_path / "deep" / "er" / "results.sqlite")
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        assert connection.execute("select schema_version from meta").fetchall() == [(1,)]
    connection.close()
    with Store.open(path) as store, store.reading() as session:
        assert session.connection().exec_driver_sql("pragma foreign_keys").scalar() == 1


def test_reading_where_there_is_no_store_finds_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / ".visionlaw" / "results.sqlite", create=False) as store:
        assert store.scores() == []
        assert not store.exists
    assert list(tmp_path.iterdir()) == []


def test_the_first_change_makes_a_store_that_was_opened_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / ".visionlaw" / "results.sqlite"
    with Store.open(path, create=False) as first, Store.open(path, create=False) as second:
        for store, row in ((first, ROW), (second, replace(ROW, representation="c/d@2"))):
            store.record_scores([row], store.start_run("test", {}))
            assert store.exists
        assert len(first.scores()) == len(second.scores()) == 2
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    connection.close()
    with Store.open("sqlite://", create=False) as store:
        store.record_scores([ROW], store.start_run("test", {}))
        assert store.scores() == [ROW]


def test_a_store_that_cannot_be_made_says_so_at_the_first_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Store.open(tmp_path / "file" / "results.sqlite", create=False) as store:
        assert store.scores() == []
        with pytest.raises(StoreError, match=r"The folder .* cannot be made"):
            store.start_run("test", {})
        assert not store.exists


def test_only_a_project_speaks_of_the_variable_that_places_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("nonsense" * 1000)

    def remedies(variable: str | None) -> list[str]:
        monkeypatch.delenv("VISIONLAW_STORE", raising=False)
        if variable is not None:
            monkeypatch.setenv("VISIONLAW_STORE", variable)
        found = []
        for create in (True, False):
            with pytest.raises(StoreError) as caught, Store.of_project(blocked / "state", create) as store:
                store.start_run("test", {})
            found.append(caught.value.remedy)
        return found

    assert all(r.endswith("VISIONLAW_STORE can name another place for it.") for r in remedies(None))
    for named in (blocked, "postgresql://me:secret@host:port/db", "nonsense://host/db"):
        assert all(r.endswith("VISIONLAW_STORE names this store.") for r in remedies(str(named)))
        with pytest.raises(StoreError) as caught:
            Store.open(named)
        assert "VISIONLAW" not in str(caught.value)


def test_the_environment_moves_the_store_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISIONLAW_STORE", raising=False)
    with Store.of_project(tmp_path / ".visionlaw") as store:
        assert store.name == str(tmp_path / ".visionlaw" / "results.sqlite")
    monkeypatch.setenv("VISIONLAW_STORE", f"sqlite:///{tmp_path}/other.sqlite")
    with Store.of_project(tmp_path / "unused"):
        pass
    assert (tmp_path / "other.sqlite").exists()
    assert not (tmp_path / "unused").exists()


def test_a_newer_schema_is_refused_and_nothing_touched(tmp_path: Path) -> None:
    path = filled(tmp_path / "results.sqlite")
    connection = sqlite3.connect(path)
    connection.execute("update meta set schema_version = 7")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(StoreError, match=r"schema 7.*reads schema 1.*Upgrade"):
            Store.open(path, create)
    assert path.read_bytes() == before


@pytest.mark.parametrize("create", [True, False])
def test_an_older_schema_does_not_ask_for_an_upgrade(tmp_path: Path, create: bool) -> None:
    path = filled(tmp_path / "results.sqlite")
    connection = sqlite3.connect(path)
    connection.execute("update meta set schema_version = 0, created_by = 'visionlaw 0.0.7'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"made by visionlaw 0\.0\.7, follows schema 0;.*reads schema 1") as caught:
        Store.open(path, create)
    assert "use it with visionlaw 0.0.7" in caught.value.remedy
    assert "pgrade" not in caught.value.remedy


@pytest.mark.parametrize("create", [True, False])
def test_a_file_of_another_kind_is_refused_and_kept(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "results.sqlite"
    path.write_bytes(b"PNG is not a database" * 100)
    with pytest.raises(StoreError, match="damaged, or it is not a database"):
        Store.open(path, create)
    assert path.read_bytes() == b"PNG is not a database" * 100


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    path = filled(tmp_path / "results.sqlite")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    with pytest.raises(StoreError, match="damaged"), Store.open(path) as store:
        store.scores()


def test_the_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("create table albums (id)")
    connection.close()
    with pytest.raises(StoreError, match="something else"):
        Store.open(path)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"The folder .* cannot be made"):
        Store.open(tmp_path / "file" / ".visionlaw" / "results.sqlite")


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = filled(tmp_path / "results.sqlite")
    with (
        pytest.raises(StoreError, match="cannot be opened for writing"),
        Store.open(f"sqlite:///file:{path}?mode=ro&uri=true") as store,
    ):
        store.start_run("test", {})


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_read_only_folder_can_be_read_but_not_written(tmp_path: Path) -> None:
    path = filled(tmp_path / "results.sqlite")
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with Store.open(path, create=False) as store:
            assert store.scores() == [ROW]
        with pytest.raises(StoreError, match="cannot be opened for writing"), Store.open(path) as store:
            store.start_run("test", {})
    finally:
        tmp_path.chmod(0o755)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "results.sqlite")

    def no_room_left(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("pragma max_page_count = 1")  # SQLite then fails as it does on a full disk

    event.listen(Engine, "connect", no_room_left)
    try:
        with Store.open(path) as store:
            big = ScoreRow("c/d@2", "correspondence", "warps", "1", "strict", 2.0, extra={"x": "y" * 100_000})
            with pytest.raises(StoreError, match=r"is full; the last change was not stored. Free some space"):
                store.record_scores([big], run=1)
    finally:
        event.remove(Engine, "connect", no_room_left)
    with Store.open(path) as store:
        assert store.scores() == [ROW]


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("postgresql+nodriver://me:secret@host/db", "cannot be opened"),
        ("nonsense://me:secret@host/db", "cannot be opened"),
        ("postgresql://me:secret@host:port/db", "not a database URL"),
    ],
)
def test_a_bad_url_is_one_sentence_without_its_password(location: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        Store.open(location)
    assert "secret" not in str(caught.value)


def test_a_store_in_memory_works(tmp_path: Path) -> None:
    with Store.open("sqlite://") as store:
        store.record_scores([ROW], store.start_run("test", {}))
        assert store.scores() == [ROW]
