"""Checks of what an encoder does beside its tokens: to gradients, to its weights, to its input, to memory."""

from __future__ import annotations

import gc
import weakref

import torch

from visionlaw.features.runtime import Runtime, place
from visionlaw.protocols import ModuleEncoder
from visionlaw.testing.checks import check, fail, skip
from visionlaw.testing.encoder_bench import bench_of, photograph, tokens_of
from visionlaw.testing.subjects import Subject


@check("no-gradient", "encoder", needs=("batch-shape",))
def no_gradient(subject: Subject) -> None:
    """Tokens carry no gradient, so that no batch keeps its activations in memory."""
    bench = bench_of(subject)
    with torch.enable_grad():
        tokens = bench.encoder.encode(bench.inputs.clone())
    if tokens.requires_grad:
        fail(f"The tokens of '{subject.name}' carry gradients.", "Freeze the weights, or show them as 'module'.")


@check("weights-untouched", "encoder", needs=("batch-shape",))
def weights_untouched(subject: Subject) -> None:
    """Encoding changes no weight and no buffer."""
    bench = bench_of(subject)
    if bench.module is None:
        skip("It shows no module.")
    before = {name: value.clone() for name, value in bench.module.state_dict().items()}
    bench.encode(bench.inputs.flip(-1))
    changed = [name for name, value in bench.module.state_dict().items() if not torch.equal(before[name], value)]
    if changed:
        fail(f"Encoding with '{subject.name}' changes '{changed[0]}'.", "Update no statistics; write to no buffer.")


@check("input-untouched", "encoder", needs=("batch-shape",))
def input_untouched(subject: Subject) -> None:
    """Encoding leaves the batch as it is."""
    bench = bench_of(subject)
    given = bench.inputs.clone()
    with torch.no_grad():
        bench.encoder.encode(given)
    if not torch.equal(given, bench.inputs):
        fail(f"'{subject.name}' changes the batch that it encodes.", "Work out of place: x = x - mean, not x -= mean.")


@check("device", "encoder", needs=("batch-shape",))
def device(subject: Subject) -> None:
    """Tokens come back on the device of the batch: of the module, where it shows one, else the CPU.

    Without a CUDA device the module is moved to torch's 'meta' device, where nothing is computed but every tensor that
    was left behind on the CPU is noticed.
    """
    bench = bench_of(subject)
    if bench.module is None:
        found, wanted = bench.encoder.encode(bench.inputs.clone()).device.type, "cpu"
    else:
        wanted = "cuda" if torch.cuda.is_available() else "meta"
        raw = subject.load()
        assert isinstance(raw, ModuleEncoder)  # noqa: S101  the shared instance is one
        raw.module.to(wanted).eval().requires_grad_(False)
        try:
            with torch.no_grad():
                found = raw.encode(bench.inputs.to(wanted)).device.type
        except (RuntimeError, NotImplementedError) as error:
            if "data-dependent" in str(error) or "Cannot copy out of meta tensor" in str(error):
                skip(f"Its computation depends on values, which needs a real device: {error}")
            fail(
                f"'{subject.name}' cannot encode on another device: {str(error).splitlines()[0]}",
                "Register constants as buffers of the module, and make new tensors on the batch's device.",
            )
    if found != wanted:
        fail(f"The tokens of '{subject.name}' come back on '{found}' instead of '{wanted}'.", "Leave them there.")


@check("memory", "encoder", needs=("batch-shape",))
def memory(subject: Subject) -> None:
    """An encoder that nobody refers to any more is gone, with its weights."""
    bench = bench_of(subject)
    inputs = bench.inputs
    gc.freeze()  # what is there already need not be looked through, and takes longer than most checks
    try:
        encoder = place(subject.load(), Runtime(device="cpu"))
        tokens_of(encoder, inputs)
        raw = getattr(encoder, "encoder", encoder)
        module = raw.module if isinstance(raw, ModuleEncoder) else None
        watched = [weakref.ref(thing) for thing in (raw, module) if thing is not None]
        del encoder, raw, module
        gc.collect()
    finally:
        gc.unfreeze()
    if any(ref() is not None for ref in watched):
        gc.collect()
    if any(ref() is not None for ref in watched):
        fail(f"'{subject.name}' stays in memory after its last use.", "Keep no encoder in a global, nor in a cache.")


@check("lasting-tokens", "encoder", needs=("batch-shape",))
def lasting_tokens(subject: Subject) -> None:
    """Tokens stay what they are when the next batch is encoded."""
    bench = bench_of(subject)
    with torch.no_grad():
        tokens = bench.encoder.encode(bench.inputs.clone())
        kept = tokens.clone()
        bench.encoder.encode(bench.batch([photograph((200, 200), seed) for seed in (11, 12, 13)]))
    if not torch.equal(tokens, kept):
        fail(f"'{subject.name}' overwrites the tokens that it returned before.", "Return a new tensor each time.")
