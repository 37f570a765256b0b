"""How fast is A? maxcos against its formula by broadcasting, and loglik against a bare forward pass.

    python benchmarks/alignment.py [TOKENS [GB]]

maxcos: 100 images of TOKENS tokens (default: 576) in 4,096 dimensions. The formula by broadcasting, the cosine of
``[1, t, d]`` and ``[t, 1, d]``, is measured on one image and its time extrapolated to 100. At once, 576 tokens take
16 GB: where that is more than GB (default: three quarters of the memory that is free), it goes in parts of the
reference, which is twice as fast, and its peak memory is extrapolated from that of a part. Each way runs in a process
of its own on one thread, so that a busy machine slows both alike; its peak memory is what the operating system has
counted since the tokens were there.

loglik, on one thread as well: captions of 8–23 tokens behind 256 image tokens, by a Llama of SmolLM2-135M's shape with
random weights, against its bare forward pass, all logits included, on the same padded batch.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

IMAGES, TOKENS, WIDTH = 100, 576, 4096
SMOLLM2 = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "tie_word_embeddings": True,
}


def main() -> None:
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else TOKENS
    limit = float(sys.argv[2]) * 1e9 if len(sys.argv) > 2 else free_bytes() * 0.75
    part = max(1, min(tokens, int(limit / (3 * tokens * WIDTH * 4))))
    ours, theirs = measured("matrix", tokens, part), measured("broadcast", tokens, part)
    seconds, peak = theirs["seconds"] * IMAGES, theirs["bytes"] * tokens / part
    print(f"maxcos, {IMAGES} images × {tokens} tokens × {WIDTH} dimensions")
    processor = theirs["processor"] * IMAGES
    print(f"{'':14}{'seconds':>12}{'of processor':>14}{'peak MB':>12}")
    print(f"{'broadcast':14}{seconds:12.1f}{processor:14.1f}{peak / 1e6:12.0f}")
    print(f"{'visionlaw':14}{ours['seconds']:12.2f}{ours['processor']:14.2f}{ours['bytes'] / 1e6:12.0f}")
    ratios = seconds / ours["seconds"], processor / ours["processor"], peak / ours["bytes"]
    print(f"{'ratio':14}{ratios[0]:12.0f}{ratios[1]:14.0f}{ratios[2]:12.0f}")
    print(f"broadcast: one image took {theirs['seconds']:.1f} s, extrapolated to {IMAGES}", end="; ")
    print(f"{part} of {tokens} reference tokens at a time took {theirs['bytes'] / 1e9:.1f} GB")
    print(f"A of that image differs by {abs(theirs['value'] - ours['value']):.1e}\n")
    loglik()


def free_bytes() -> int:
    """Return how much memory can be had without swapping."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def measured(way: str, tokens: int, part: int) -> dict[str, float]:
    """Measure one way in a process of its own."""
    command = [sys.executable, __file__, way, str(tokens), str(part)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout)


def measure(way: str, tokens: int, part: int) -> dict[str, float]:
    """Measure broadcasting on one image, ``part`` reference tokens at a time, or matrix products on all images."""
    import torch

    from visionlaw.alignment.maxcos import maxcos

    torch.set_num_threads(1)

    def image(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(tokens, WIDTH, generator=generator), torch.randn(tokens, WIDTH, generator=generator)

    reference, target = image(0)
    maxcos(reference[:8], target[:8])  # loads what torch loads once
    before = peak_bytes()
    if way == "broadcast":
        start, began = time.perf_counter(), time.process_time()
        best = torch.full((tokens,), -1.0)
        for some in torch.split(reference, part):
            cosines = torch.nn.functional.cosine_similarity(some[None], target[:, None], dim=-1)
            best = torch.maximum(best, cosines.amax(dim=1))
        value = float(best.mean())
        seconds, processor = time.perf_counter() - start, time.process_time() - began
        return {"seconds": seconds, "processor": processor, "bytes": peak_bytes() - before, "value": value}
    seconds, processor, value = 0.0, 0.0, maxcos(reference, target)  # of the image that broadcasting measures
    for seed in range(IMAGES):
        reference, target = image(seed)
        start, began = time.perf_counter(), time.process_time()
        maxcos(reference, target)
        seconds += time.perf_counter() - start
        processor += time.process_time() - began
    return {"seconds": seconds, "processor": processor, "bytes": peak_bytes() - before, "value": value}


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def loglik(captions: int = 4, visual: int = 256) -> None:
    """Compare loglik of a batch with the bare forward pass of the language model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from visionlaw.alignment.loglik import caption_logprobs

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SMOLLM2)).eval().requires_grad_(False)
    tokens = torch.randn(captions, visual, SMOLLM2["hidden_size"])
    lengths = torch.linspace(23, 8, captions).int().tolist()
    ids = [torch.randint(0, SMOLLM2["vocab_size"], (length,)).tolist() for length in lengths]
    inputs = torch.randn(captions, 1 + visual + max(lengths), SMOLLM2["hidden_size"])
    mask = torch.ones(inputs.shape[:2], dtype=torch.long)

    def bare() -> None:
        with torch.inference_mode():
            model(inputs_embeds=inputs, attention_mask=mask, use_cache=False)

    def ours() -> None:
        caption_logprobs(model, [1], tokens, ids)

    best = {way.__name__: (float("inf"), float("inf")) for way in (bare, ours)}
    for _ in range(3):
        for way in (bare, ours):
            start, began = time.perf_counter(), time.process_time()
            way()
            taken = time.perf_counter() - start, time.process_time() - began
            best[way.__name__] = min(best[way.__name__], taken, key=lambda times: times[1])
    print(f"loglik, {captions} captions behind {visual} image tokens, SmolLM2-135M's shape, float32, best of 3")
    print(f"{'':14}{'seconds':>12}{'of processor':>14}")
    for name, (seconds, processor) in best.items():
        print(f"{name:14}{seconds:12.2f}{processor:14.2f}")
    print(f"{'ratio':14}{best['ours'][0] / best['bare'][0]:12.2f}{best['ours'][1] / best['bare'][1]:14.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["matrix"], ["broadcast"]):
        json.dump(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
    else:
        main()
