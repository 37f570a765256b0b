"""The id grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.errors import InvalidIdError
from visionlaw.ids import parse_reference, parse_representation, prefix_of, resolution_of

names = st.from_regex(r"[a-z0-9][a-z0-9.\-]{0,8}", fullmatch=True)
ids = st.builds("{}/{}@{}".format, names, names, st.integers(1, 4096))
options = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), names, max_size=3)


@given(
    st.lists(st.tuples(ids, options), min_size=1, max_size=4, unique_by=lambda p: p[0]), st.sampled_from(["+", " + "])
)
def test_a_representation_survives_its_text(parts: list[tuple[str, dict[str, str]]], plus: str) -> None:
    text = plus.join(base + ("?" + "&".join(f"{k}={v}" for k, v in o.items()) if o else "") for base, o in parts)
    parsed = parse_representation(text)
    assert [(p.base, dict(p.options)) for p in parsed] == parts
    assert parse_representation(" + ".join(map(str, parsed))) == parsed


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a + ", "+ a", "a?", "a?layer", "a?layer=", "a?layer=1&layer=2", "a?=1", "a@1 + a@1"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdError):
        parse_representation(text)


def test_parts_of_an_id() -> None:
    assert prefix_of("hf/org/name@224?layer=-2") == "hf"
    assert resolution_of("hf/org/name@224?layer=-2") == 224
    assert str(parse_reference("a/b@1?t=1&layer=-2")) == "a/b@1?layer=-2&t=1"
    with pytest.raises(InvalidIdError):
        resolution_of("hf/org/name")
