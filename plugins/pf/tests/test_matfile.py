"""MATLAB files as scipy writes them, and what is left of them when they are damaged."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import savemat

from visionlaw.errors import DataError
from visionlaw_pf.matfile import MAX_UNPACKED_BYTES, Matrix, read_matrix


def written(variables: Mapping[str, object], compressed: bool = False, version: str = "5") -> bytes:
    stream = io.BytesIO()
    savemat(stream, dict(variables), do_compression=compressed, format=version)
    return stream.getvalue()


DTYPES = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


@given(
    st.sampled_from(DTYPES).flatmap(lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=2, max_dims=3))),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_scipy_writes_is_read(values, compressed: bool) -> None:
    around = {"before": {"a": [1, 2], "b": "text"}, "kps": values, "after": np.array(["x", 1], dtype=object)}

    matrix = read_matrix(written(around, compressed), "kps")

    assert matrix is not None
    assert matrix.shape == values.shape
    np.testing.assert_array_equal(np.array(matrix.values), values.astype(float).ravel(order="F"))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_name_that_is_not_there_is_none(compressed: bool) -> None:
    assert read_matrix(written({"bbox": np.ones((1, 4)), "kps2": 3}, compressed), "kps") is None


def test_an_empty_matrix_is_one() -> None:
    assert read_matrix(written({"kps": np.zeros((0, 2))}), "kps") == Matrix((0, 2), ())


def test_a_file_of_the_other_byte_order_is_read() -> None:
    name = struct.pack(">HHcxxx", 1, 1, b"k")  # three bytes and fewer stand in the tag
    flags = struct.pack(">IIII", 6, 8, 6, 0)
    shape = struct.pack(">IIii", 5, 8, 1, 2)
    # Doubles that are small whole numbers are stored as bytes.
    values = struct.pack(">HHBBxx", 2, 2, 7, 9)
    body = flags + shape + name + values
    content = bytes(124) + b"\x01\x00MI" + struct.pack(">II", 14, len(body)) + body

    assert read_matrix(content, "k") == Matrix((1, 2), (7.0, 9.0))


@pytest.mark.parametrize(
    "variables",
    [{"kps": "eleven"}, {"kps": np.array([[1 + 2j, 3]])}, {"kps": {"x": 1}}, {"kps": np.array([["x"]], dtype=object)}],
)
def test_what_is_no_matrix_of_real_numbers_is_refused(variables: Mapping[str, object]) -> None:
    with pytest.raises(DataError, match="no matrix of real numbers"):
        read_matrix(written(variables), "kps")


@pytest.mark.parametrize("content", [b"", b"kps", bytes(128), b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"not a MATLAB file of version 5 to 7\.2"):
        read_matrix(content, "kps")


def test_version_4_is_refused() -> None:
    with pytest.raises(DataError, match=r"version 5 to 7\.2"):
        read_matrix(written({"kps": np.ones((30, 2))}, version="4"), "kps")


def test_version_7_3_is_refused() -> None:
    with pytest.raises(DataError, match="another version"):
        read_matrix(bytes(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(600), "kps")


def test_what_unpacks_to_too_much_is_refused() -> None:
    packed = zlib.compress(bytes(MAX_UNPACKED_BYTES + 1))
    content = bytes(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed

    with pytest.raises(DataError, match="more than 4 MiB"):
        read_matrix(content, "kps")


@given(st.data(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_damaged_files_give_numbers_or_one_sentence(data: st.DataObject, compressed: bool) -> None:
    content = bytearray(written({"bbox": np.ones((1, 4)), "kps": np.arange(12.0).reshape(6, 2)}, compressed))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(124, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))

    with contextlib.suppress(DataError):
        matrix = read_matrix(bytes(content[:cut] if cut % 2 else content), "kps")
        assert matrix is None or len(matrix.values) == np.prod(matrix.shape)
