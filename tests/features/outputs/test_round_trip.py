from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.features.outputs import Format, Header, describe_output, open_output, read_output, read_quarantine
from visionlaw.features.results import Extracted, Quarantined

DTYPES = ("float32", "float16", "bfloat16")
QUARANTINED = {"none": (), "first": (0,), "middle": (4,), "last": (7,), "a whole part": (3, 4, 5), "all": range(8)}


@pytest.mark.parametrize("bad", QUARANTINED.values(), ids=QUARANTINED)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [8, 6, 1])
def test_what_is_read_is_what_was_written(tmp_path, form, dtype, bad, count, items, run) -> None:
    header = Header("toy/mean@64", (2, 3), 4, dtype, images_per_part=3)
    stream = items(count, header, bad)
    assert run(tmp_path / "out", form, header, stream) == -(-count // 3)
    wanted = [item for item in stream if isinstance(item, Extracted)]
    found = list(read_output(tmp_path / "out"))
    assert [name for name, _ in found] == [item.name for item in wanted]
    kept = torch.float32 if dtype == "bfloat16" and form is not Format.SAFETENSORS else getattr(torch, dtype)
    for (_, features), item in zip(found, wanted, strict=True):
        assert features.geometry == item.features.geometry
        assert features.tokens.dtype == kept
        assert torch.equal(features.tokens, item.features.tokens.to(kept))
    assert list(read_quarantine(tmp_path / "out")) == [item for item in stream if isinstance(item, Quarantined)]
    told = describe_output(tmp_path / "out")
    assert (told.header, told.format, told.images, told.complete) == (header, form, len(wanted), True)
    assert told.quarantined == len(stream) - len(wanted)


def test_an_input_without_images_is_an_output_without_features(tmp_path, form, header, run) -> None:
    run(tmp_path / "out", form, header, [])
    assert list(read_output(tmp_path / "out")) == []
    assert describe_output(tmp_path / "out").complete


numbers = st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value != 0)
names = st.text(st.characters(), max_size=8) | st.binary(max_size=6).map(lambda b: b.decode("utf-8", "surrogateescape"))


@st.composite
def inputs(draw: st.DrawFn) -> tuple[Header, list[Extracted | Quarantined]]:
    h, w, channels, size = (draw(st.integers(1, 4)) for _ in range(4))
    header = Header(draw(names.filter(str.isprintable)), (h, w), channels, images_per_part=size)

    def features() -> FeatureMap:
        bits = draw(st.binary(min_size=h * w * channels * 4, max_size=h * w * channels * 4))
        tokens = torch.frombuffer(bytearray(bits), dtype=torch.float32).nan_to_num(nan=-0.0)
        pairs = [(draw(numbers), draw(numbers)) for _ in range(2)]
        extent = (draw(st.integers(1, 2**31)), draw(st.integers(1, 2**31)))
        return FeatureMap(tokens.reshape(h * w, channels), Geometry(extent, (h, w), *pairs))

    def item() -> Extracted | Quarantined:
        name = draw(names)
        return (
            Quarantined(name, draw(names))
            if draw(st.booleans())
            else Extracted(name, draw(names), {header.representation: features()})
        )

    return header, [item() for _ in range(draw(st.integers(0, 5)))]


@given(drawn=inputs())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_number_and_bit_survives(form: Format, feed, drawn) -> None:
    header, stream = drawn
    with tempfile.TemporaryDirectory() as folder:
        with open_output(folder, form, header) as output:
            feed(output, stream)
            output.complete(len(stream))
        wanted = [item for item in stream if isinstance(item, Extracted)]
        for (name, features), item in zip(read_output(folder), wanted, strict=True):
            assert (name, features.geometry) == (item.name, item.features.geometry)
            assert torch.equal(features.tokens.view(torch.int32), item.features.tokens.view(torch.int32))
        assert list(read_quarantine(folder)) == [item for item in stream if isinstance(item, Quarantined)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_features_come_in_any_dtype_and_are_kept_in_that_of_the_header(tmp_path, dtype) -> None:
    header = Header("toy/mean@64", (1, 1), 2, dtype)
    tokens = torch.tensor([[0.1, -3e4]], dtype=torch.float64, requires_grad=True)
    features = FeatureMap(tokens, Geometry((9, 9), (1, 1), (1.0, 1.0), (0.0, 0.0)))
    item = Extracted("a.png", "0", {header.representation: features})
    with open_output(tmp_path / "out", "safetensors", header) as output:
        output.write([item])
    ((_, found),) = read_output(tmp_path / "out")
    assert torch.equal(found.tokens, tokens.detach().to(getattr(torch, dtype)))


def test_an_interrupted_output_reads_as_far_as_it_goes(tmp_path: Path, form, header, items) -> None:
    stream = items(7, header, (1,))
    with open_output(tmp_path, form, header) as output:
        output.write(stream[:3])
        assert [name for name, _ in read_output(tmp_path)] == [stream[0].name, stream[2].name]
        output.write(stream[3:6])
    assert len(list(read_output(tmp_path))) == 5
    assert not describe_output(tmp_path).complete
