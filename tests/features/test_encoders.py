from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from visionlaw.errors import UnknownIdError
from visionlaw.features.cache.identity import identify
from visionlaw.features.encoders import encoder_ref
from visionlaw.features.runtime import Runtime
from visionlaw.protocols import Encoder
from visionlaw.registry import Registry


@pytest.fixture
def registry(installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Registry]:
    installed("toyscore")
    monkeypatch.chdir(tmp_path)
    return Registry.discover


def test_a_reference_names_the_encoder_and_loads_it_late(registry: Callable[[], Registry]) -> None:
    reference = encoder_ref(registry(), "toy-mean?power=3")
    assert reference.id == "toyscore/mean@64?power=3"
    assert reference.provenance["distribution"] == "toyscore"
    assert reference.provenance["source"]
    assert set(reference.provenance["libraries"]) >= {"numpy", "pillow", "torch"}
    assert "fixture_toyscore_net" not in sys.modules
    assert reference.load().power == 3
    assert encoder_ref(registry(), "toy-mean?power=1").id == "toyscore/mean@64"
    with pytest.raises(UnknownIdError):
        encoder_ref(registry(), "toyscore/men@64")


def test_a_reference_can_be_sent_to_another_process(registry: Callable[[], Registry]) -> None:
    """It takes its encoder along, not everything that is installed."""
    here = registry()
    reference = encoder_ref(here, "toyscore/fine@64")
    sent = pickle.dumps(reference)
    assert b"toyscore/mean@64" not in sent
    there = pickle.loads(sent)
    assert there == reference
    encoder = there.load()
    assert isinstance(encoder, Encoder)
    assert encoder.preprocess(Image.new("RGB", (9, 9)))[1].grid == (8, 8)
    assert identify(there) == identify(reference)


def test_precision_and_weights_make_another_encoder_and_a_device_does_not(
    registry: Callable[[], Registry], tmp_path: Path
) -> None:
    here = registry()
    one, other, same = (tmp_path / name for name in ("one", "other", "same"))
    for folder, content in ((one, b"1"), (other, b"2"), (same, b"1")):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(content)

    def digest(runtime: Runtime | None = None, checkpoint: Path | None = None) -> str:
        return identify(encoder_ref(here, "toyscore/mean@64", runtime, checkpoint)).digest

    plain = digest()
    assert digest(Runtime()) == digest(Runtime("cpu", compile=True)) == plain
    others = [
        digest(Runtime(dtype="bfloat16")),
        digest(Runtime(dtype="float16")),
        digest(Runtime(dtype="bfloat16", autocast=True)),
        digest(checkpoint=one),
        digest(checkpoint=other),
    ]
    assert len({plain, *others}) == 6
    assert digest(checkpoint=same) == digest(checkpoint=one)
