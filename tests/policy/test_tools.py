"""Which results go together in one law."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.errors import StudyError
from visionlaw.policy.tools import Tool, check_tools, series_of, stated_version, tool_of
from visionlaw.store.studies import History, ResultRow


@pytest.mark.parametrize(
    ("source", "version", "tool"),
    [
        ("lmms-eval", "0.7.3", Tool("lmms-eval", "0.7")),
        ("lmms-eval 0.7", "", Tool("lmms-eval", "0.7")),
        ("LMMS_eval", "main@9f1d0c5e", Tool("lmms-eval")),
        ("lmms-eval", "0.1 (git 10e80a4)", Tool("lmms-eval", "0.1")),
        ("VLMEvalKit", "git 12345678", Tool("vlmevalkit")),
        ("vlmevalkit", "12ab34cd", Tool("vlmevalkit")),
        ("our-harness", "v2.4.1, patched", Tool("our-harness", "2")),
        ("our-harness", "", Tool("our-harness")),
        ("", "0.7", None),
        ("Anna's table", "", None),
    ],
)
def test_a_source_names_a_tool_or_none(source: str, version: str, tool: Tool | None) -> None:
    assert tool_of(source, version) == tool


@pytest.mark.parametrize(
    ("version", "series"), [("1", "1"), ("0", "0"), ("0.7", "0.7"), ("10.2.1rc1", "10"), ("", None)]
)
def test_below_1_every_minor_version_is_a_series(version: str, series: str | None) -> None:
    assert series_of(version) == series


def test_a_stated_version_completes_the_files_and_does_not_contradict_it() -> None:
    assert stated_version("0.7.3", "main@9f1d0c5e", "lmms-eval") == "0.7.3 (main@9f1d0c5e)"
    assert stated_version("", "main@9f1d0c5e", "lmms-eval") == "main@9f1d0c5e"
    assert stated_version("0.1.2", "0.1 (git 10e80a4)", "lmms-eval") == "0.1.2 (git 10e80a4)"
    with pytest.raises(StudyError, match=r"'--source-version' says 0.7, but the file is one of lmms-eval 0.1"):
        stated_version("0.7", "0.1 (git 10e80a4)", "lmms-eval")


def row(source: str, version: str = "") -> ResultRow:
    return ResultRow(1.0, source, version, datetime(2026, 1, 1, tzinfo=UTC))


def mixes(before: ResultRow, now: ResultRow, *, other: str = "b", benchmark: str = "mme") -> bool:
    try:
        check_tools(History(results={other: {benchmark: before}}), "a", {"mme": now})
    except StudyError:
        return True
    return False


@pytest.mark.parametrize(
    ("before", "now", "mixed"),
    [
        (row("lmms-eval", "0.7.1"), row("lmms-eval", "0.7.3"), False),
        (row("lmms-eval", "0.7.1"), row("lmms-eval", "0.3"), True),
        (row("lmms-eval", "0.7.1"), row("vlmevalkit", "0.7.1"), True),
        (row("lmms-eval", "main@1"), row("lmms-eval", "dev@2"), False),  # neither is known
        (row("lmms-eval", "main@1"), row("lmms-eval", "0.7"), True),
        (row("our-harness"), row("lmms-eval", "0.7"), True),
        (row(""), row("lmms-eval", "0.7"), False),
        (row("lmms-eval", "0.7"), row(""), False),
        (row("Anna's table"), row("lmms-eval", "0.7"), False),
    ],
)
def test_tools_and_their_series_do_not_mix(before: ResultRow, now: ResultRow, mixed: bool) -> None:
    assert mixes(before, now) is mixed
    assert mixes(now, before) is mixed


def test_only_other_representations_on_the_same_benchmark_count() -> None:
    kit = row("vlmevalkit")
    assert mixes(kit, row("lmms-eval"))
    assert not mixes(kit, row("lmms-eval"), other="a")
    assert not mixes(kit, row("lmms-eval"), benchmark="gqa")


def test_the_sentence_names_both_and_the_way_out() -> None:
    with pytest.raises(StudyError) as error:
        check_tools(History(results={"b": {"mme": row("lmms-eval", "0.7")}}), "a", {"mme": row("lmms-eval")})
    assert str(error.value) == (
        "'mme' of 'b' was measured by lmms-eval 0.7, that of 'a' by lmms-eval of unknown version: one law would mix "
        "them. Say the version with '--source-version', or measure both alike; '--force' tells it all the same."
    )


texts = st.text(alphabet="ab-0123456789. ", max_size=8)


@given(texts, texts, texts, texts)
def test_whether_two_results_mix_does_not_depend_on_their_order(a: str, b: str, c: str, d: str) -> None:
    assert mixes(row(a, b), row(c, d)) is mixes(row(c, d), row(a, b))
    assert not mixes(row(a, b), row(a, b))
