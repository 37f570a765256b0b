"""Each fault of an encoder is found by exactly the check that is meant for it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from PIL.Image import Image

from visionlaw.errors import DataError
from visionlaw.features.geometry import Geometry
from visionlaw.specs import EncoderSpec, Option, Spec, Variant
from visionlaw.testing import all_checks

if TYPE_CHECKING:
    from tests.testing import good_encoder
    from tests.testing.good_encoder import Good, Net, good_spec, tiny

    from visionlaw.testing.session import Result
else:
    import importlib.util

    # Tests are no package: the good encoder is imported by its path, under a name that targets can use.
    _spec = importlib.util.spec_from_file_location("good_encoder", Path(__file__).with_name("good_encoder.py"))
    good_encoder = importlib.util.module_from_spec(_spec)
    sys.modules["good_encoder"] = good_encoder
    _spec.loader.exec_module(good_encoder)
    Good, Net, good_spec, tiny = good_encoder.Good, good_encoder.Net, good_encoder.good_spec, good_encoder.tiny

FAULTS: dict[str, list[type]] = {}


def fault(check: str) -> Callable[[type], type]:
    """Say which check finds what is wrong with a class."""

    def register(cls: type) -> type:
        FAULTS.setdefault(check, []).append(cls)
        return cls

    return register


class Changed(Good):
    """Tokens with something done to them, in one layer or several."""

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        return self.change(super().encode(batch), batch)

    def encode_layers(self, batch: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
        return [self.change(tokens, batch) for tokens in super().encode_layers(batch, layers)]

    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


@fault("loads")
class WithoutEncode:
    def __init__(self, spec: EncoderSpec, layer: int = -1, mode: str = "plain") -> None: ...


@fault("loads")
class Unbuildable(Good):
    def build(self) -> torch.nn.Module:
        raise KeyError("vision_tower")


@fault("input")
class OtherResolution(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        return made[:, :-16, :-16], geometry


@fault("input")
class GeometryOfTheInput(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        return made, replace(geometry, image_size=(96, 96))


@fault("input")
class BytesAsInput(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        return (made * 255).to(torch.uint8), geometry


@fault("same-input")
class RandomFlip(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        self.calls = getattr(self, "calls", 0) + 1
        return (made.flip(-1) if self.calls % 2 else made), geometry


@fault("same-input")
class DrawsOnTheImage(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made = super().preprocess(image)
        if image.mode == "RGB":
            image.putpixel((0, 0), (1, 2, 3))
        return made


@fault("threads")
class SharedBuffer(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        self.current = image
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.002)  # where a real one would resize
        return super().preprocess(self.current)


@fault("odd-images")
class OnlyRgb(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        if image.mode != "RGB":
            raise ValueError("too many values to unpack")
        return super().preprocess(image)


@fault("odd-images")
class DividesByShape(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        return (made * float("nan") if min(image.size) == 1 else made), geometry


@fault("geometry-round-trip")
class NotInvertible(Good):
    class Crooked(Geometry):
        def to_pixels(self, positions: Any) -> Any:
            return super().to_pixels(positions) + 3

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        return made, self.Crooked(geometry.image_size, geometry.grid, geometry.scale, geometry.offset)


@fault("geometry")
class HalfAPatchOff(Good):
    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        return made, replace(geometry, offset=(geometry.offset[0] + 0.5, geometry.offset[1] + 0.5))


@fault("geometry")
class CornerBasedPixels(Good):
    """Half-pixel centres forgotten, on an image that is enlarged."""

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, geometry = super().preprocess(image)
        x, y = (-0.5 for _ in range(2))
        return made, replace(geometry, offset=(x, y))


@fault("geometry")
class LetterboxedButSquashed(Good):
    """As in the reference code: the image is squashed, its keypoints are letterboxed."""

    def preprocess(self, image: Image) -> tuple[torch.Tensor, Geometry]:
        made, _ = super().preprocess(image)
        from visionlaw.features.preprocess import prepare

        return made, prepare(image, 96, 16, resize="letterbox")[1]


@fault("batch-shape")
class OneTokenPerImage(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.mean(dim=1)


@fault("batch-shape")
class ChannelsFirst(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.transpose(1, 2).unflatten(2, (6, 6))


@fault("special-tokens")
class ClassTokenLeftIn(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)


@fault("special-tokens")
class RegistersLeftIn(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return torch.cat([tokens[:, :5] * 0, tokens], dim=1)


@fault("grid")
class LastRowLost(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens[:, :-6]


@fault("channels")
class WrongChannels(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return torch.cat([tokens, tokens[..., :2]], dim=-1)


@fault("dtype")
class Quantised(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return (tokens * 1e4).round().to(torch.int32)


@fault("finite")
class DividesByContrast(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        contrast = (batch.amax(dim=(1, 2, 3)) - batch.amin(dim=(1, 2, 3)))[:, None, None]
        return tokens * (contrast / contrast)


@fault("half-precision")
class OverflowsInHalf(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens * 3e4 * 3e4 / 9e8


@fault("deterministic")
class UnseededNoise(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens + 0.1 * torch.randn_like(tokens)


@fault("deterministic")
class WeightsDrawnAtLoading(Good):
    def build(self) -> torch.nn.Module:
        net = super().build()
        torch.nn.init.normal_(net.mix.weight)
        return net


@fault("batch-invariant")
class NormalisesOverTheBatch(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens - 0.5 * tokens.mean(dim=0, keepdim=True)


@fault("batch-invariant")
class KnowsItsPlace(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens * (1 + torch.arange(len(tokens), device=tokens.device, dtype=tokens.dtype))[:, None, None]


@fault("reads-image")
class PositionOnly(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return torch.linspace(0, 1, tokens[0].numel(), device=batch.device, dtype=batch.dtype).reshape(
            1, *tokens.shape[1:]
        ) + torch.zeros_like(tokens)


@fault("grid-order")
class Transposed(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.unflatten(1, (6, 6)).transpose(1, 2).flatten(1, 2)


@fault("grid-order")
class BottomUp(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.unflatten(1, (6, 6)).flip(1).flatten(1, 2)


@fault("grid-order")
class ClassTokenFirstLastPatchLost(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return torch.cat([tokens.mean(dim=1, keepdim=True), tokens[:, :-1]], dim=1)


@fault("grid-order")
class FourByFour(Changed):
    """As networks that merge 2×2 tokens want them."""

    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.unflatten(1, (3, 2, 3, 2)).transpose(2, 3).flatten(1, 4)


@fault("grid-order")
class WindowByWindow(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.unflatten(1, (2, 3, 2, 3)).transpose(2, 3).flatten(1, 4)


@fault("no-gradient")
class TrainableOnTheSide(Good):
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.gain = getattr(self, "gain", None) or torch.nn.Parameter(torch.ones(()))
        return super().encode(batch) * self.gain.to(batch)


@fault("weights-untouched")
class CountsCalls(Good):
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = super().encode(batch)
        self.module.scale += 1e-9 if self.module.scale.dtype != torch.float32 else 1e-6
        return tokens


@fault("input-untouched")
class NormalisesInPlace(Good):
    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        batch -= 0.5
        return super().encode(batch)

    def encode_layers(self, batch: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
        return super().encode_layers(batch - 0.5, layers)


@fault("device")
class ConstantOnTheCpu(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens + torch.full((tokens.shape[-1],), 0.1, dtype=tokens.dtype)


@fault("device")
class BroughtToTheCpu(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens.cpu()


@fault("memory")
class KeptInAGlobal(Good):
    kept: list[object] = []  # noqa: RUF012  that is the fault

    def build(self) -> torch.nn.Module:
        net = super().build()
        self.kept.append(net)
        return net


@fault("lasting-tokens")
class ReusedOutput(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        buffers = self.__dict__.setdefault("buffers", {})
        kept = buffers.setdefault((tokens.shape, tokens.dtype, tokens.device), torch.empty_like(tokens))
        return kept.copy_(tokens)


@fault("bad-weights")
class LoadsWhatThereIs(Good):
    def build(self) -> torch.nn.Module:
        try:
            return super().build()
        except Exception:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return Net()


@fault("bad-weights")
class TracebackForWeights(Good):
    def build(self) -> torch.nn.Module:
        from safetensors.torch import load_file

        net = Net()
        net.load_state_dict(load_file(Path(str(self.spec.checkpoint)) / "model.safetensors"))
        return net


@fault("option-values")
class OtherModeIsNarrower(Good):
    def __init__(self, spec: EncoderSpec, layer: int = -1, mode: str = "plain") -> None:
        super().__init__(spec, layer, mode)
        self.width = -2 if mode == "other" else None

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        return super().encode(batch)[..., : self.width]


@fault("layers")
class LayersSwapped(Good):
    def encode_layers(self, batch: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
        return super().encode_layers(batch, layers[::-1])


@fault("layers")
class LayersAsTheNetworkHasThem(Good):
    def encode_layers(self, batch: torch.Tensor, layers: list[int]) -> list[torch.Tensor]:
        return super().encode_layers(batch, sorted(layers))


class ReadsValues(Changed):
    """Nothing that a real device would mind."""

    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        if batch.abs().max().item() > 1e6 or tokens[tokens > 1e6].numel():
            return tokens / 2
        return tokens * tokens.cpu().isfinite().to(batch.device)


class AttendsToEverything(Changed):
    """What each cell changes in all tokens exceeds by far what it changes in its own."""

    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return tokens + 60 * tokens.mean(dim=1, keepdim=True)


class PooledWidely(Changed):
    def change(self, tokens: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        maps = tokens.transpose(1, 2).unflatten(2, (6, 6))
        return torch.nn.functional.max_pool2d(maps, 5, 1, 2).flatten(2).transpose(1, 2)


class KnowsItsDepth(Good):
    """Its tiny weights are shallower than the real ones, so that the tiny factory changes a default."""

    def __init__(self, spec: EncoderSpec, layer: int = -1, mode: str = "plain", depth: int = 11) -> None:
        if depth > 1:
            raise DataError(f"There is no block {depth}.", "Read another.")
        super().__init__(spec, layer, mode)


def tiny_of_another_depth(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    depth = spec.options["depth"].model_copy(update={"default": 1})
    return tiny(spec, folder).model_copy(update={"options": {**spec.options, "depth": depth}})


@pytest.mark.parametrize("right", [ReadsValues, AttendsToEverything, PooledWidely])
def test_what_is_unusual_but_right_passes(right: type, results_of: Callable[[Spec], dict[str, Result]]) -> None:
    globals()[right.__name__] = right
    results = results_of(good_spec(f"{__name__}:{right.__name__}"))
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}


def test_bad_weights_are_loaded_with_the_options_of_the_tiny_instance(failing: Callable[[Spec], set[str]]) -> None:
    options = good_spec().options | {"depth": Option(type="int", default=11, description="The block that is read.")}
    factory = f"{__name__}:tiny_of_another_depth"
    assert failing(good_spec(f"{__name__}:KnowsItsDepth", tiny=factory, options=options)) == set()


@fault("json-round-trip")
class WithoutLimit(Good):
    """Its spec has an option whose default JSON cannot say."""

    options: ClassVar = {"limit": Option(type="float", default=float("inf"), description="The longest token.")}

    def __init__(self, spec: EncoderSpec, layer: int = -1, mode: str = "plain", limit: float = float("inf")) -> None:
        super().__init__(spec, layer, mode)


CASES = [pytest.param(check, cls, id=f"{check}-{cls.__name__}") for check, classes in FAULTS.items() for cls in classes]


def test_the_good_encoder_passes_every_check(results_of: Callable[[Spec], dict[str, Result]]) -> None:
    results = results_of(good_spec())
    assert {name: r.message for name, r in results.items() if r.status != "passed"} == {}
    assert len(results) > 25


@pytest.mark.parametrize(("check", "faulty"), CASES)
def test_a_fault_is_found_by_its_check_alone(check: str, faulty: type, failing: Callable[[Spec], set[str]]) -> None:
    globals()[faulty.__name__] = faulty
    options = good_spec().options | getattr(faulty, "options", {})
    assert failing(good_spec(f"{__name__}:{faulty.__name__}", options=options)) == {check}


def test_a_position_is_told_in_plain_numbers(results_of: Callable[[Spec], dict[str, Result]]) -> None:
    message = results_of(good_spec(f"{__name__}:HalfAPatchOff"))["geometry"].message
    assert message is not None
    assert "at pixel (160, 120) of a 320×240 image" in message


def tiny_of_another_size(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    return tiny(spec, folder).model_copy(update={"patch": 8})


def tiny_nothing(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    return None  # type: ignore[return-value]


DECLARED: list[tuple[str, dict[str, Any]]] = [
    ("description", {"description": ""}),
    ("licence", {"license": None}),
    ("pinned-revision", {"revision": None}),
    ("pinned-revision", {"revision": "main"}),
    ("safe-files", {"files": ("pytorch_model.bin",)}),
    ("safe-files", {"files": ()}),
    ("safe-files", {"files": ("*",)}),
    ("safe-files", {"files": ("*.*",)}),
    ("safe-files", {"files": ("pytorch_model*",)}),
    ("safe-files", {"files": ("weights/*",)}),
    ("target", {"target": "good_encoder:Missing"}),
    ("target", {"target": "no_such_module_anywhere:Net"}),
    ("options", {"target": "good_encoder:tiny"}),
    ("tiny", {"tiny": None}),
    ("tiny", {"tiny": f"{__name__}:tiny_of_another_size"}),
    ("tiny", {"tiny": f"{__name__}:tiny_nothing"}),
    ("grid", {"patch": 12}),
    ("channels", {"channels": 21}),
    ("option-values", {"variants": {"layer=0": Variant(channels=13)}}),
    ("option-values", {"variants": {}}),
]


@pytest.mark.parametrize(("check", "changes"), DECLARED)
def test_a_wrong_declaration_is_found_by_its_check_alone(
    check: str, changes: dict[str, Any], failing: Callable[[Spec], set[str]]
) -> None:
    assert failing(good_spec(**changes)) == {check}


def test_every_check_of_encoders_has_a_fault() -> None:
    elsewhere = {"deprecation"}  # test_deprecation_checks.py
    found = {*FAULTS, *(check for check, _ in DECLARED)}
    assert {check.name for check in all_checks() if "encoder" in check.kinds} == found | elsewhere
