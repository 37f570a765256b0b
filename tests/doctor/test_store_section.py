"""The store, whole, damaged, busy and somebody else's: one sentence, and nothing is changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from visionlaw.doctor import store
from visionlaw.store import Store


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VISIONLAW_STORE", raising=False)
    return tmp_path / ".visionlaw" / "results.sqlite"


@pytest.fixture
def filled(path: Path) -> Path:
    with Store.open(path) as opened:
        for verb in ("score correspondence", "score alignment"):
            opened.start_run(verb, {"words": "x" * 100_000})
    return path


def test_none_is_no_problem_and_none_is_made(bench, path: Path) -> None:
    section = store.examine(bench())
    assert (section.facts["exists"], section.findings) == (False, ())
    assert ("state", "nothing is stored yet") in section.rows
    assert not path.parent.exists()


def test_what_is_in_it(bench, filled: Path) -> None:
    section = store.examine(bench())
    assert section.findings == ()
    assert {key: section.facts[key] for key in ("exists", "schema", "scores", "studies", "runs")} == {
        "exists": True,
        "schema": 1,
        "scores": 0,
        "studies": 0,
        "runs": 2,
    }
    assert ("holds", "0 scores, 0 studies, 2 runs") in section.rows


def test_a_file_that_is_no_database(bench, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are no results" * 1000)
    (finding,) = store.examine(bench()).findings
    assert "is damaged, or it is not a database" in finding.message
    assert path.read_bytes() == b"these are no results" * 1000


def test_damage_that_shows_only_where_all_of_a_file_is_read(bench, filled: Path) -> None:
    with sqlite3.connect(filled) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(filled.read_bytes())
    overflow = next(
        start for start in range(0, len(content), size) if content[start + 4 : start + size] == b"x" * (size - 4)
    )
    content[overflow : overflow + 4] = b"\xff" * 4  # where a long text goes on: counting does not look there
    filled.write_bytes(content)
    with Store.open(filled, create=False) as opened:
        assert opened.exists
    (finding,) = store.examine(bench()).findings
    assert finding.message.startswith(f"The store '{filled}' is damaged: ")
    assert filled.read_bytes() == content


def test_another_schema_and_another_programs_database(bench, filled: Path) -> None:
    with sqlite3.connect(filled) as connection:
        connection.execute("UPDATE meta SET schema_version = 99")
    connection.close()
    assert "follows schema 99" in store.examine(bench()).findings[0].message
    filled.unlink()
    with sqlite3.connect(filled) as connection:
        connection.execute("CREATE TABLE songs (title)")
    connection.close()
    assert "database of something else" in store.examine(bench()).findings[0].message


@pytest.mark.slow
def test_one_that_is_kept_busy_is_given_up(bench, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SECONDS", 5)
    connection = sqlite3.connect(filled, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        (finding,) = store.examine(bench()).findings
    finally:
        connection.close()
    assert str(filled) in finding.message
    assert finding.message.endswith("did not end within 5 s.")
    assert "busy" in finding.remedy


@pytest.mark.parametrize("place", ["nosuchdb://ada:pw@host/x", "postgresql+nosuchdriver://ada:pw@host/x", "://"])
def test_a_place_that_is_none(bench, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("VISIONLAW_STORE", place)
    section = store.examine(bench())
    assert len(section.findings) == 1
    assert "pw" not in section.findings[0].message
