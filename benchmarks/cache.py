"""How fast are features written and read again, beside plain files? Three ways in one run, on one set of features.

    python benchmarks/cache.py [IMAGES] [TOKENS] [CHANNELS] [FOLDER]

Writes and reads IMAGES feature maps (default 2,000 of 196×384 float32, as of ViT-S/16 at 224 px) in batches of 8 with
the feature cache, with torch.save and torch.load, and with one safetensors file per image; reads in the order written,
then in random order, from the page cache. Neither of the others checks what it reads, limits its size or is safe for
several processes. Then the cached second pass over files: reading and hashing 100 kB, and getting
the features.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from visionlaw.features.cache import FeatureCache
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef
from visionlaw.specs import EncoderSpec

BATCH = 8
VIT_S_16 = 25.0  # milliseconds per image on two cores


def main() -> None:
    torch.set_num_threads(1)
    count, tokens, channels = (int(sys.argv[i]) if len(sys.argv) > i else n for i, n in ((1, 2000), (2, 196), (3, 384)))
    with tempfile.TemporaryDirectory(dir=sys.argv[4] if len(sys.argv) > 4 else None) as folder:
        compare(Path(folder), count, tokens, channels)


def compare(folder: Path, count: int, tokens: int, channels: int) -> None:
    geometry = Geometry((640, 480), (1, tokens), (14 / 640, 14 / 480), (-0.5, -0.5))
    maps = [FeatureMap(torch.randn(tokens, channels), geometry) for _ in range(BATCH * 8)]
    keys = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(count)]
    batches = [
        {key: maps[(i + j) % len(maps)] for j, key in enumerate(keys[i : i + BATCH])} for i in range(0, count, BATCH)
    ]
    spec = EncoderSpec(id="toy/small@224", target="toy:small", resolution=224, patch=16, channels=channels)
    ref = EncoderRef(spec.id, spec, {"distribution": "toy", "version": "1"}, load=lambda: None)  # type: ignore[arg-type, return-value]
    cache = FeatureCache(folder / "cache")
    (folder / "torch").mkdir()
    (folder / "plain").mkdir()

    def each(write: Callable[[str, FeatureMap], object]) -> Callable[[dict[str, FeatureMap]], object]:
        return lambda batch: [write(key, one) for key, one in batch.items()]

    ways: dict[str, tuple[Callable[..., object], Callable[[str], object]]] = {
        "feature cache": (lambda batch: cache.put(ref, batch), lambda key: cache.get(ref, key)),
        "torch.save / load": (
            each(lambda key, one: torch.save(one.tokens.clone(), folder / "torch" / f"{key}.pt")),
            lambda key: torch.load(folder / "torch" / f"{key}.pt"),
        ),
        "a safetensors file each": (
            each(lambda key, one: save_file({"tokens": one.tokens}, folder / "plain" / f"{key}.safetensors")),
            lambda key: load_file(folder / "plain" / f"{key}.safetensors"),
        ),
    }
    size = maps[0].tokens.nbytes
    shuffled = random.Random(0).sample(keys, len(keys))
    print(f"{count} images of {tokens}×{channels} float32 ({size / 1e3:.0f} kB), batches of {BATCH}")
    headings = ("put img/s", "MB/s", "get img/s", "MB/s", "median ms", "99% ms", "random ms")
    print(f"{'':<24}" + "".join(f"{heading:>11}" for heading in headings))
    for name, (write, read) in ways.items():
        put = sum(timed(write, batches))
        got, at_random = timed(read, keys), timed(read, shuffled)
        milliseconds = [1e3 * seconds for seconds in got]
        put_rate, get_rate = count / put, count / sum(got)
        rates = (put_rate, put_rate * size / 1e6, get_rate, get_rate * size / 1e6)
        slowest = sorted(milliseconds)[int(0.99 * count)]
        latencies = (statistics.median(milliseconds), slowest, 1e3 * statistics.median(at_random))
        print(f"{name:<24}" + "".join(f"{v:>11.0f}" for v in rates) + "".join(f"{v:>11.3f}" for v in latencies))
    print(f"files                   {', '.join(f'{name} {files(folder / part)}' for name, part in PARTS)}")
    second_pass(folder, cache, ref, keys)


PARTS = (("feature cache", "cache"), ("torch.save", "torch"), ("safetensors", "plain"))


def second_pass(folder: Path, cache: FeatureCache, ref: EncoderRef, keys: Sequence[str]) -> None:
    """What an image costs that is cached: its file is read and hashed, and its features are got."""
    photo = folder / "photo.jpg"
    photo.write_bytes(random.Random(0).randbytes(100_000))

    def again(key: str) -> None:
        hashlib.sha256(photo.read_bytes()).hexdigest()
        cache.get(ref, key)

    cost = 1e3 * statistics.mean(timed(again, keys))
    print(
        f"cached second pass      {cost:.3f} ms an image, {VIT_S_16 / cost:.0f}× less than {VIT_S_16:.0f} ms (ViT-S/16)"
    )


def timed(work: Callable[..., object], items: Sequence[object]) -> list[float]:
    """Return the seconds of each."""
    seconds: list[float] = []
    for item in items:
        start = time.perf_counter()
        work(item)
        seconds.append(time.perf_counter() - start)
    return seconds


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


if __name__ == "__main__":
    main()
