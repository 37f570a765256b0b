from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.errors import DataError
from visionlaw.law.normalise import min_max
from visionlaw.law.tables import load_table

TableFile = Callable[[str | bytes], Path]
HEADER = "setting,benchmark,performance,a_loglik,c_pck010\n"
ROWS = ("one,mme,1400,-2.0,10\n", "two,mme,1300,-2.5,20\n", "three,mme,900,-3.0,5\n")


@pytest.fixture
def table_file(tmp_path: Path) -> TableFile:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "mine.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_iclr_table_averages_the_two_references() -> None:
    table = load_table("iclr2025")
    assert (len(table.settings), len(table.benchmarks), table.a_definition) == (13, 8, "maxcos")
    clip336, mmbench = table.settings.index("clip@336"), table.benchmarks.index("mmbench")
    assert table.A[mmbench, clip336] == pytest.approx((0.5684375 + 1.0078125) / 2)
    assert table.C[mmbench, clip336] == 15.66
    assert table.performance[mmbench, clip336] == 64.26116838


def test_colm_table_is_loglik() -> None:
    table = load_table("colm2025")
    assert (len(table.settings), len(table.benchmarks), table.a_definition) == (15, 8, "loglik")
    assert table.A.max() < 0


def test_benchmarks_come_in_the_papers_order_with_their_kinds() -> None:
    table = load_table("iclr2025")
    assert table.benchmarks == ("mmbench", "mme", "okvqa", "seedbench", "mmmu", "textvqa", "vizwiz", "scienceqa")
    assert table.kinds == ("vision",) * 4 + ("ocr",) * 4


def test_arrays_are_frozen() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load_table("iclr2025").performance[0, 0] = 100.0


def test_points_span_the_unit_square_on_every_benchmark() -> None:
    points = load_table("iclr2025").points()
    assert points.shape == (8, 13, 2)
    assert (points.min(axis=1) == 0).all()
    assert (points.max(axis=1) == 1).all()


def test_own_file_with_generic_columns_and_kinds(table_file: TableFile) -> None:
    path = table_file("\ufeffsetting,benchmark,performance,a,c,kind\none,docs,1,0.2,3,ocr\ntwo,docs,2,0.4,1,ocr\n\n")
    table = load_table(path)
    assert (table.a_definition, table.benchmarks, table.kinds) == ("unspecified", ("docs",), ("ocr",))


def test_unknown_benchmark_is_of_kind_other(table_file: TableFile) -> None:
    assert load_table(table_file(HEADER + "".join(ROWS).replace("mme", "mine"))).kinds == ("other",)


def test_unfinished_settings_only_on_request(table_file: TableFile) -> None:
    path = table_file(HEADER + "".join(ROWS) + "four,mme,,-1.9,30\n")
    with pytest.raises(DataError, match=r"mine\.csv:5: 'performance' is blank"):
        load_table(path)
    table = load_table(path, unfinished=True)
    assert math.isnan(table.performance[0, 3])
    assert table.C[0, 3] == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv is empty"),
        (" \n\n", "mine.csv is empty"),
        (HEADER, "has a header and no rows"),
        (HEADER + ROWS[0], "holds 1 setting"),
        (HEADER + ROWS[0] + "two,mme,nan,-2,3\n", "mine.csv:3: 'performance' is nan"),
        (HEADER + ROWS[0] + "two,mme,inf,-2,3\n", "mine.csv:3: 'performance' is inf"),
        (HEADER + ROWS[0] + "two,mme,12,,3\n", "mine.csv:3: 'a_loglik' is blank"),
        (HEADER + ROWS[0] + "two,mme,12,-2\n", "mine.csv:3: 'c_pck010' is blank"),
        (HEADER + ROWS[0] + "two,mme,12,-2,high\n", "mine.csv:3: 'c_pck010' is 'high', not a number"),
        (HEADER + ROWS[0] + ",mme,12,-2,3\n", "mine.csv:3: 'setting' is blank"),
        (HEADER + ROWS[0] + "two,mme,12,-2,3,9\n", "mine.csv:3: the row has more cells"),
        (HEADER + ROWS[0] + ROWS[1] + ROWS[0], "mine.csv:4: 'one' on 'mme' was already given in line 2"),
        (HEADER + ROWS[0] + ROWS[1] + "one,okvqa,1,2,3\n", "the row of 'two' on 'okvqa' is missing"),
        (HEADER.replace("c_pck010", "c_pck100") + ROWS[0], "Did you mean 'c_pck100'"),
        (HEADER.replace("performance,", "") + "one,mme,1,2\n", "mine.csv:1: column 'performance' is missing"),
        (HEADER.replace("a_loglik", "alignment") + ROWS[0], "mine.csv:1: column 'a_clip224' or 'a_loglik' or 'a'"),
        (HEADER.replace("a_loglik", "a_clip224") + ROWS[0], "mine.csv:1: column 'a_clip336' is missing"),
        (HEADER.replace("performance", "setting") + ROWS[0], "mine.csv:1: column 'setting' appears twice"),
        (HEADER[:-1] + ",a\n" + "one,mme,1,2,3,4\n", "two definitions, loglik and unspecified"),
        (HEADER[:-1] + ",kind\n" + "one,mme,1,2,3,vison\n", "Did you mean 'vision'"),
        (HEADER[:-1] + ",kind\n" + "one,mme,1,2,3,ocr\ntwo,mme,1,2,3,vision\n", "mine.csv:3: 'mme' is of kind"),
        (HEADER.encode() + b"caf\xe9,mme,1,2,3\n", "mine.csv:2: the file is not UTF-8"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(table_file: TableFile, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_table(table_file(text))
    assert message in str(caught.value)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_name_that_is_neither_table_nor_file() -> None:
    with pytest.raises(DataError, match=r"neither a shipped table nor a file.*Did you mean 'iclr2025'"):
        load_table("iclr2024")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_table(tmp_path)


def test_a_constant_score_cannot_be_normalised(table_file: TableFile) -> None:
    table = load_table(table_file(HEADER + "one,mme,1,-2,3\ntwo,mme,2,-2,4\n"))
    with pytest.raises(DataError, match=r"A of benchmark 'mme' in .* is -2 for all 2 settings"):
        table.points()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20).filter(lambda v: max(v) - min(v) > 1e-3))
def test_min_max_keeps_the_order_and_fills_the_unit_interval(values: list[float]) -> None:
    scaled = min_max(np.array(values))
    assert (scaled.min(), scaled.max()) == (0, 1)
    order = np.argsort(values, kind="stable")
    assert (np.diff(scaled[order]) >= 0).all()


def test_a_table_whose_c_is_not_asked_for_may_lack_it_or_leave_it_blank(table_file: TableFile) -> None:
    for text in ("setting,benchmark,a\none,mme,1\ntwo,mme,2\n", "setting,benchmark,a,c\none,mme,1,\ntwo,mme,2,5\n"):
        table = load_table(table_file(text), unfinished=True, needs_c=False)
        assert np.isnan(table.C).all()
        np.testing.assert_array_equal(table.A, [[1, 2]])
        with pytest.raises(DataError, match=r"mine\.csv:\d: .*'c"):
            load_table(table_file(text), unfinished=True)
