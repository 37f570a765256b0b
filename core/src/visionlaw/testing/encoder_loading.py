"""Checks of how an encoder is loaded: tiny weights, bad weights, options and layers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

from visionlaw.errors import VisionlawError, WeightsError
from visionlaw.features.runtime import Runtime, place
from visionlaw.guard import describe_error
from visionlaw.protocols import LayeredEncoder
from visionlaw.registry import convert_option
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.encoder_bench import bench_of, difference, tokens_of
from visionlaw.testing.encoder_tokens import TOLERANCE
from visionlaw.testing.subjects import Subject


@check("tiny", "encoder", needs=("target",))
def tiny(subject: Subject) -> None:
    """An encoder with weights has a factory of tiny random ones, which keeps its resolution and its grid."""
    declared, found = cast("EncoderSpec", subject.declared), cast("EncoderSpec", subject.tiny)
    if declared.checkpoint is not None and declared.tiny is None:
        fail(
            f"'{declared.id}' has weights but no tiny factory, so that nothing of it can be checked offline.",
            "Write tiny='package.module:callable'; it writes random weights into a folder and returns their spec.",
        )
    shape = (found.resolution, found.patch, found.stride, found.resize)
    if shape != (declared.resolution, declared.patch, declared.stride, declared.resize):
        fail(
            f"The tiny factory of '{declared.id}' changes resolution, patch, stride or resize.",
            "Make it narrow and shallow, on the same input.",
        )


@check("bad-weights", "encoder", needs=("loads",))
def bad_weights(subject: Subject) -> None:
    """Weights that are absent, or cut off, are told as such: a WeightsError, not a traceback."""
    spec = cast("EncoderSpec", subject.tiny)
    if spec.checkpoint is None:
        return
    cases = {"absent": subject.folder / "absent", "empty": subject.folder / "empty", "cut off": _cut_off(subject)}
    (subject.folder / "empty").mkdir(exist_ok=True)
    for what, folder in cases.items():
        if folder is None:
            continue
        try:
            holding = spec.model_copy(update={"checkpoint": str(folder)})
            load_target(holding, subject.plugin.distribution, subject.arguments())
        except WeightsError:
            continue
        except VisionlawError as error:
            fail(
                f"Where its checkpoint is {what}, '{spec.id}' says: {error.message}",
                "Take its folder from visionlaw.weights.weights_folder; raise WeightsError where it cannot be read.",
            )
        except Exception as error:  # noqa: BLE001  a plugin raises anything
            fail(f"Where its checkpoint is {what}, '{spec.id}' raised {describe_error(error)}.", "Raise WeightsError.")
        fail(f"'{spec.id}' is loaded although its checkpoint is {what}.", "Load all weights, strictly.")


@check("option-values", "encoder", needs=("grid", "channels"))
def option_values(subject: Subject) -> None:
    """Every value that an option may have, and every variant, loads and gives tokens of the declared shape."""
    spec, bench = cast("EncoderSpec", subject.tiny), bench_of(subject)
    named = _values(spec)
    for options in [*named, *(options for options in _other_layers(spec) if options not in named)]:
        holding = spec.of(options)
        try:
            loaded = subject.load(**options)
        except VisionlawError:
            if options in named:
                raise
            continue  # it has no such layer, and says so
        encoder = place(loaded, Runtime(device="cpu"))
        made, geometry = encoder.preprocess(bench.images[0])
        h, w = holding.grid
        found, wanted = tuple(tokens_of(encoder, made[None]).shape[1:]), (h * w, holding.channels)
        if found != wanted or geometry.grid != holding.grid:
            fail(
                f"'{spec.id}' with {options} gives tokens {found} on a {geometry.grid} grid, but declares {wanted} on "
                f"{holding.grid}.",
                "Write what the option changes into variants, those of the tiny factory's spec too.",
            )


@check("layers", "encoder", needs=("option-values", "deterministic"))
def layers(subject: Subject) -> None:
    """Several layers from one pass are what each layer gives by itself, in whichever order they are asked for."""
    spec, bench = cast("EncoderSpec", subject.tiny), bench_of(subject)
    if "layer" not in spec.options or not isinstance(bench.encoder, LayeredEncoder):
        skip("It does not read several layers in one pass.")
    last, before = _pair_of_layers(spec)
    alone = {
        layer: tokens_of(place(subject.load(layer=layer), Runtime(device="cpu")), bench.inputs[:1])
        for layer in (last, before)
    }
    for wanted in ([before, last], [last, before]):
        together = bench.encoder.encode_layers(bench.inputs[:1].clone(), wanted)
        for layer, tokens in zip(wanted, together, strict=True):
            if difference(tokens.detach().float(), alone[layer]) > TOLERANCE:
                fail(
                    f"Layer {layer} of '{spec.id}' is another one when it is read with others, as layers {wanted}.",
                    "Read each after its block, and return them in the order in which they are asked for.",
                )


def _pair_of_layers(spec: EncoderSpec) -> tuple[int, int]:
    """Return the layer that is read by default, and the one before it."""
    last = int(spec.options["layer"].default)
    return last, last - 1 if last < 0 else max(0, last - 1)


def _other_layers(spec: EncoderSpec) -> list[dict[str, Any]]:
    """Return layers that no variant need name: the one before the default, and the first."""
    return [{"layer": layer} for layer in (_pair_of_layers(spec)[1], 0)] if "layer" in spec.options else []


def _values(spec: EncoderSpec) -> list[dict[str, Any]]:
    """Return the options to try, one at a time: choices, and the values that variants name."""
    found: list[dict[str, Any]] = []
    for name, option in spec.options.items():
        values = ("true", "false") if option.type == "bool" else option.choices
        found += [{name: convert_option(spec, name, value)} for value in values]
    for text in spec.variants:
        name, _, value = text.partition("=")
        found.append({name: convert_option(spec, name, value)})
    return [options for number, options in enumerate(found) if options not in found[:number]]


def _cut_off(subject: Subject) -> Path | None:
    """Return a copy of the tiny checkpoint whose safetensors files end early; None where there is none."""
    source = Path(str(cast("EncoderSpec", subject.tiny).checkpoint))
    copy = subject.folder / "cut-off"
    if not source.is_dir():
        return None
    shutil.copytree(source, copy, dirs_exist_ok=True)
    weights = list(copy.rglob("*.safetensors"))
    for path in weights:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return copy if weights else None
