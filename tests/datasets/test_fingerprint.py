"""Fingerprints of folders that somebody packed to be walked for ever."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from visionlaw.datasets.fingerprint import fingerprint


def test_links_that_multiply_are_walked_once(tmp_path: Path) -> None:
    """Each of 40 folders has two links to the next one: 2⁴⁰ ways to the last."""
    folders = [tmp_path / str(level) for level in range(41)]
    for folder in folders:
        folder.mkdir()
    for folder, below in pairwise(folders):
        for name in "ab":
            (folder / name).symlink_to(below)
    note = folders[-1] / "note.json"
    note.write_text("1")
    before = fingerprint(tmp_path, ["0"])
    assert fingerprint(tmp_path, ["0"]) == before
    os.utime(note, ns=(1, 1))
    assert fingerprint(tmp_path, ["0"]) != before


def test_a_second_link_that_leads_elsewhere_is_a_change(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "notes" / name).mkdir(parents=True)
        (tmp_path / "notes" / name / "note.json").write_text("1")
    link = tmp_path / "notes" / "test"
    link.symlink_to("one")
    before = fingerprint(tmp_path, ["notes"])
    link.unlink()
    link.symlink_to("two")
    assert fingerprint(tmp_path, ["notes"]) != before
