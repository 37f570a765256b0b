from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visionlaw.alignment.language import LanguageRef
from visionlaw.alignment.projector import (
    CARD,
    KINDS,
    ProjectorCard,
    build_projector,
    check_projector,
    load_projector,
    projector_folder,
    read_card,
    save_projector,
    weights_file,
)
from visionlaw.errors import ConfigError, DataError
from visionlaw.protocols import EncoderRef
from visionlaw.specs import EncoderSpec

FACTS = {"checkpoint": "org/a", "revision": "abc", "spec": "0123", "libraries": {"torch": "2.4"}}
CARD_A = ProjectorCard(
    "a/b@16", "mlp2x_gelu", 3, 5, {"a/b@16": FACTS}, {"name": "lm", "revision": None, "fingerprint": "sha256:ff"}
)
LANGUAGE = LanguageRef("lm", None, Path("lm"), "sha256:ff", 5, None)


def reference(name: str = "a/b@16", **changes: object) -> EncoderRef:
    spec = EncoderSpec(id=name, target="m:f", resolution=16, patch=16, channels=3)
    return EncoderRef(name, spec, FACTS | changes, load=lambda: None)


def build(seed: int = 0) -> torch.nn.Sequential:
    return build_projector("mlp2x_gelu", 3, 5, seed=seed)


def test_mlp2x_gelu_is_linear_gelu_linear_by_hand() -> None:
    projector = build_projector("mlp2x_gelu", 2, 2)
    projector.load_state_dict(
        {
            "0.weight": torch.tensor([[1.0, 0.0], [1.0, 1.0]]),
            "0.bias": torch.tensor([0.0, -1.0]),
            "2.weight": torch.tensor([[2.0, 0.0], [1.0, -1.0]]),
            "2.bias": torch.tensor([0.5, 0.0]),
        }
    )
    # GELU(1) = 0.841345 and GELU(2) = 1.954500 of the exact GELU, x·Φ(x); the tanh approximation gives 0.841192.
    expected = torch.tensor([2 * 0.8413447 + 0.5, 0.8413447 - 1.9544997])
    assert torch.allclose(projector(torch.tensor([1.0, 2.0])), expected, atol=1e-6)


def test_identity_changes_nothing_and_no_width() -> None:
    tokens = torch.randn(4, 3)
    assert torch.equal(build_projector("identity", 3, 3)(tokens), tokens)
    with pytest.raises(ConfigError, match="3 channels into 5"):
        build_projector("identity", 3, 5)
    with pytest.raises(ConfigError, match="no projector 'mlp3x'"):
        build_projector("mlp3x", 3, 5)  # type: ignore[arg-type]


def test_a_seed_makes_the_same_weights_and_leaves_torch_as_it_was() -> None:
    torch.manual_seed(3)
    following = torch.rand(1)
    torch.manual_seed(3)
    one, two, other = build(1), build(1), build(2)
    assert torch.equal(torch.rand(1), following)
    assert torch.equal(one[0].weight, two[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
MAPPINGS = st.dictionaries(st.text(max_size=5), VALUES, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(KINDS),
    st.integers(1, 7),
    st.integers(1, 7),
    st.text(min_size=1, max_size=200),
    st.dictionaries(st.text(max_size=5), MAPPINGS, max_size=2),
    MAPPINGS,
    MAPPINGS,
)
def test_what_is_saved_is_loaded(
    tmp_path: Path, kind: str, channels: int, width: int, name: str, encoders: dict, language: dict, training: dict
) -> None:
    width = channels if kind == "identity" else width
    projector = build_projector(kind, channels, width, seed=0)
    card = ProjectorCard(name, kind, channels, width, encoders, language, {}, training)
    written = save_projector(tmp_path, projector, card)
    again, read = load_projector(tmp_path)
    assert replace(read, digest="") == card
    assert read == written
    tokens = torch.randn(2, channels)
    assert torch.equal(again(tokens), projector(tokens))
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_a_card_may_hold_mappings_and_tuples_of_any_kind(tmp_path: Path) -> None:
    frozen: Mapping[str, Mapping[str, object]] = MappingProxyType({"a/b@16": MappingProxyType({"grid": (4, 4)})})
    written = save_projector(tmp_path, build(), replace(CARD_A, encoders=frozen))
    assert written == read_card(tmp_path)
    assert written.encoders == {"a/b@16": {"grid": [4, 4]}}


def test_half_precision_is_kept_exactly(tmp_path: Path) -> None:
    projector = build().to(torch.bfloat16)
    save_projector(tmp_path, projector, CARD_A)
    again, _ = load_projector(tmp_path)
    assert again[0].weight.dtype == torch.float32
    assert torch.equal(again[0].weight.to(torch.bfloat16), projector[0].weight)


def test_loading_takes_no_random_number(tmp_path: Path) -> None:
    save_projector(tmp_path, build(), CARD_A)
    torch.manual_seed(0)
    following = torch.rand(1)
    torch.manual_seed(0)
    load_projector(tmp_path)
    assert torch.equal(torch.rand(1), following)


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    save_projector(tmp_path, build(1), CARD_A)
    diverged = build(2)
    diverged[2].bias.data[1] = float("inf")
    with pytest.raises(DataError, match=r"has diverged: 2\.bias is not finite"):
        save_projector(tmp_path, diverged, CARD_A)
    assert torch.equal(load_projector(tmp_path)[0][0].weight, build(1)[0].weight)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_writer_killed_at_any_write_leaves_the_old_one_or_the_new_one(tmp_path: Path, writes: int) -> None:
    """The process dies, as by kill -9, in place of its write number ``writes``, counted from zero."""
    save_projector(tmp_path, build(1), CARD_A)
    code = (
        "import os, sys, pathlib\n"
        "from visionlaw.alignment import projector as p\n"
        "left, real = int(sys.argv[2]), p.atomic.write_bytes\n"
        "def write(path, data):\n"
        "    global left\n"
        "    if left == 0:\n"
        "        path.with_name('.writing-0').write_bytes(data[:10])\n"
        "        os._exit(9)\n"
        "    left -= 1\n"
        "    return real(path, data)\n"
        "p.atomic.write_bytes = write\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "card = p.read_card(folder)\n"
        "p.save_projector(folder, p.build_projector('mlp2x_gelu', 3, 5, seed=2), card)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(writes)], check=False)
    assert done.returncode == (0 if writes == 2 else 9)
    found, _ = load_projector(tmp_path)
    assert torch.equal(found[0].weight, build(2 if writes == 2 else 1)[0].weight)
    save_projector(tmp_path, build(3), CARD_A)
    assert torch.equal(load_projector(tmp_path)[0][0].weight, build(3)[0].weight)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_there_is_none(tmp_path: Path) -> None:
    assert read_card(tmp_path / "nowhere") is None
    with pytest.raises(DataError, match="no projector in"):
        load_projector(tmp_path)


def test_weights_that_were_changed_or_lost(tmp_path: Path) -> None:
    card = save_projector(tmp_path, build(), CARD_A)
    path = weights_file(tmp_path, card)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="is not what"):
        load_projector(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        load_projector(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"format": 2}',
        b'{"format": 1}',
        b'{"format": 1, "representation": "a"',
    ],
)
def test_a_card_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CARD).write_bytes(content)
    with pytest.raises(DataError, match=r"projector\.json' cannot be read"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("channels", "3"), ("channels", True), ("width", 0), ("kind", "mlp3x"), ("encoders", []), ("language", None)],
)
def test_a_card_with_a_value_of_the_wrong_kind(tmp_path: Path, key: str, value: object) -> None:
    save_projector(tmp_path, build(), CARD_A)
    facts = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps({**facts, key: value}))
    with pytest.raises(DataError, match="cannot be read"):
        load_projector(tmp_path)


def test_a_card_of_other_sizes_than_its_weights_takes_no_memory(tmp_path: Path) -> None:
    save_projector(tmp_path, build(), CARD_A)
    facts = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps({**facts, "channels": 10**9, "width": 10**6}))
    with pytest.raises(DataError, match="holds no mlp2x_gelu projector of 1000000000 channels"):
        load_projector(tmp_path)


@given(st.lists(st.text(min_size=1, max_size=150), min_size=2, max_size=2, unique=True))
def test_each_representation_has_a_folder_of_its_own(names: list[str]) -> None:
    one, two = (projector_folder(Path("p"), name, "sha256:0123456789abcdef") for name in names)
    assert one != two
    assert one.parent == two.parent == Path("p/0123456789ab")
    assert len(one.name) < 120


def test_a_projector_is_of_its_encoders_and_its_language_model() -> None:
    check_projector(CARD_A, (reference(),), LANGUAGE)
    check_projector(CARD_A, (reference(libraries={"torch": "2.14"}),), LANGUAGE)
    check_projector(CARD_A, (reference(),))
    with pytest.raises(DataError, match=r"another 'a/b@16': its revision was abc and is def\. Train it again"):
        check_projector(CARD_A, (reference(revision="def"),))
    with pytest.raises(DataError, match="is none of 'a/c@16'"):
        check_projector(CARD_A, (reference("a/c@16"),))
    with pytest.raises(DataError, match="is none of"):
        check_projector(CARD_A, (reference(), reference("a/c@16")))
    with pytest.raises(DataError, match="for the language model 'lm', not for 'other'"):
        check_projector(CARD_A, (reference(),), replace(LANGUAGE, name="other", fingerprint="sha256:00"))
