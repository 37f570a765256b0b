"""What is a record and what is not, and where its image may lie; in lines of JSON, which can hold anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visionlaw.errors import DataError
from visionlaw_mllm import records as module
from visionlaw_mllm.conversations import Turn
from visionlaw_mllm.records import Record, RecordSet, Skipped, Tally

ASKED = {"from": "human", "value": "<image>\nWhat?"}
ANSWERED = {"from": "gpt", "value": "A cat."}


def only(folder: Path, facts: Any, images: Path | None = None) -> Record | Skipped:
    path = folder / "one.jsonl"
    path.write_text(json.dumps(facts))
    (found,) = RecordSet.open(path, images)
    return found


def turns_of(folder: Path, *turns: dict[str, str], image: bool = False) -> list[tuple[str, str]] | str:
    found = only(folder, {"id": 1, "conversations": turns} | ({"image": "a.png"} if image else {}))
    return found.reason if isinstance(found, Skipped) else [(turn.speaker, turn.text) for turn in found.turns]


def said(who: str, text: str) -> dict[str, str]:
    return {"from": who, "value": text}


def test_a_record(tmp_path: Path) -> None:
    found = only(tmp_path, {"id": "7", "image": "b/a.png", "conversations": [ASKED, ANSWERED], "more": 1})

    assert isinstance(found, Record)
    assert (found.id, found.position) == ("7", 0)
    assert found.image is not None
    assert found.image.name == "b/a.png"
    assert found.turns == (Turn("human", "<image>\nWhat?"), Turn("gpt", "A cat."))


@pytest.mark.parametrize(("facts", "expected"), [({"id": 12}, "12"), ({}, "0"), ({"id": None}, "0")])
def test_an_id_is_text_or_the_position(tmp_path: Path, facts: dict[str, Any], expected: str) -> None:
    assert only(tmp_path, facts | {"conversations": [said("human", "Why?"), ANSWERED]}).id == expected


class TestTurns:
    def test_are_kept_as_they_are(self, tmp_path: Path) -> None:
        talk = [("system", "Be brief."), ("human", " Why?\n"), ("gpt", "So. "), ("human", "How?"), ("gpt", "")]
        assert turns_of(tmp_path, *(said(*turn) for turn in talk)) == talk

    def test_of_user_and_assistant(self, tmp_path: Path) -> None:
        assert turns_of(tmp_path, said("user", "Why?"), said("assistant", "So.")) == [("human", "Why?"), ("gpt", "So.")]

    def test_lose_an_answer_without_question(self, tmp_path: Path) -> None:
        assert turns_of(tmp_path, said("gpt", "Hello."), said("human", "Why?"), ANSWERED) == (
            [("human", "Why?"), ("gpt", "A cat.")]
        )

    def test_lose_a_question_without_answer(self, tmp_path: Path) -> None:
        assert turns_of(tmp_path, said("human", "Why?"), ANSWERED, said("human", "<image>")) == (
            [("human", "Why?"), ("gpt", "A cat.")]
        )

    @pytest.mark.parametrize(
        ("turns", "reason"),
        [
            ([said("human", "Why?")], "no answer"),
            ([said("gpt", "So.")], "no answer"),
            ([said("system", "S")], "no answer"),
            ([said("human", "Why?"), said("gpt", " \n")], "Its answer is empty"),
            ([said("human", "Why?"), said("human", "Why?"), ANSWERED], "human speaks where it is the turn of gpt"),
            ([said("human", "Why?"), ANSWERED, said("system", "S"), ANSWERED], "system speaks"),
            ([said("human", "Why?"), said("tool", "x")], "is by 'tool'"),
            ([said("human", "<image>"), ANSWERED], "has the tag <image> and no image"),
        ],
    )
    def test_that_are_none(self, tmp_path: Path, turns: list[dict[str, str]], reason: str) -> None:
        found = turns_of(tmp_path, *turns)
        assert isinstance(found, str)
        assert reason in found

    @pytest.mark.parametrize(
        ("turns", "reason"),
        [
            ([said("human", "What?"), ANSWERED], "an image and no tag <image>"),
            ([said("human", "<image><image>"), ANSWERED], "the tag <image> 2 times"),
            ([ASKED, ANSWERED, ASKED, ANSWERED], "the tag <image> 2 times"),
            ([said("human", "What?"), said("gpt", "<image>")], "outside of the questions"),
            ([said("human", "What?"), ANSWERED, ASKED], "an image and no tag <image>"),
        ],
    )
    def test_that_do_not_say_where_the_image_is(self, tmp_path: Path, turns: list[dict[str, str]], reason: str) -> None:
        found = turns_of(tmp_path, *turns, image=True)
        assert isinstance(found, str)
        assert reason in found

    @pytest.mark.parametrize(
        "conversations", [None, [], {}, "text", 3, [3], [{"from": "human"}], [{"from": 1, "value": "x"}], [[]]]
    )
    def test_of_another_form(self, tmp_path: Path, conversations: Any) -> None:
        assert isinstance(only(tmp_path, {"conversations": conversations}), Skipped)


class TestImages:
    @pytest.mark.parametrize(
        "path", ["/etc/passwd", "../a.png", "b/../../a.png", "", "a\0.png", "..\\a.png", "C:\\a.png\\..", "."]
    )
    def test_outside_of_the_folder_are_refused(self, tmp_path: Path, path: str) -> None:
        found = only(tmp_path, {"id": "x", "image": path, "conversations": [ASKED, ANSWERED]})
        assert isinstance(found, Skipped)
        assert "not a path inside the data set" in found.reason
        assert found.id == "x"

    @pytest.mark.parametrize(
        ("image", "reason"),
        [(3, "Its image is int"), (["a.png", "b.png"], "It has 2 images"), ({"a": 1}, "no image"), ([], "no image")],
    )
    def test_of_another_form(self, tmp_path: Path, image: Any, reason: str) -> None:
        found = only(tmp_path, {"image": image, "conversations": [ASKED, ANSWERED]})
        assert isinstance(found, Skipped)
        assert reason in found.reason

    def test_lie_beside_the_records_or_in_a_folder_given(self, tmp_path: Path) -> None:
        (tmp_path / "pictures").mkdir()
        Image.new("RGB", (3, 2), "red").save(tmp_path / "pictures" / "a.png")
        facts = {"image": "a.png", "conversations": [ASKED, ANSWERED]}

        found = only(tmp_path, facts, tmp_path / "pictures")
        assert isinstance(found, Record)
        assert found.image is not None
        assert found.image.open().load().size == (3, 2)
        beside = only(tmp_path, facts)
        assert isinstance(beside, Record)
        assert beside.image is not None
        with pytest.raises(DataError, match="does not exist"):
            beside.image.open()

    def test_that_are_broken_show_when_they_are_opened(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
        found = only(tmp_path, {"image": ["a.png"], "conversations": [ASKED, ANSWERED]})
        assert isinstance(found, Record)
        assert found.image is not None
        with pytest.raises(DataError, match=r"a\.png"):
            found.image.open().load()


class TestPlaces:
    def test_without_records(self, tmp_path: Path) -> None:
        (tmp_path / "records.csv").write_text("a,b")
        (tmp_path / "empty").mkdir()
        for path, message in (
            ("nowhere.json", "no records at"),
            ("records.csv", "not of a known format"),
            ("empty", "holds no records"),
        ):
            with pytest.raises(DataError, match=message) as error:
                RecordSet.open(tmp_path / path)
            assert error.value.remedy

    def test_without_an_image_folder(self, tmp_path: Path) -> None:
        (tmp_path / "one.jsonl").write_text(json.dumps({"conversations": [said("human", "Why?"), ANSWERED]}))
        with pytest.raises(DataError, match=r"image folder '.*nowhere' is not there"):
            RecordSet.open(tmp_path / "one.jsonl", tmp_path / "nowhere")

    def test_are_counted_from_either_end(self, tmp_path: Path) -> None:
        (tmp_path / "one.jsonl").write_text(json.dumps({"id": "x", "conversations": [said("human", "Why?"), ANSWERED]}))
        records = RecordSet.open(tmp_path / "one.jsonl")
        assert records[0] == records[-1]
        for place in (1, -2):
            with pytest.raises(IndexError):
                records[place]


def test_a_survey_counts_each_kind_and_lists_what_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 2)
    rows = [{"id": "a", "image": "a.png", "conversations": [ASKED, ANSWERED]}] * 3
    rows += [{"id": "b", "conversations": [said("human", "Why?"), ANSWERED]}, *({"id": f"c{n}"} for n in range(4))]
    (tmp_path / "all.json").write_text(json.dumps(rows))

    tally = RecordSet.open(tmp_path / "all.json").survey()

    assert (tally.records, tally.with_image, tally.text_only, tally.skipped) == (8, 3, 1, 4)
    assert [(one.position, one.id) for one in tally.listed] == [(4, "c0"), (5, "c1")]
    assert str(tally) == "8 records: 3 with an image, 1 of text alone, 4 skipped"
    assert str(Tally()) == "0 records"
