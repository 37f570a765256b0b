"""The extraction engine against its bounds: throughput, cached pass, memory, and what a killed run repeats.

    python benchmarks/extraction.py

All ratios come from one run: what is compared takes turns. ViT-S/16 at 224 pixels has random weights, which does not
change its speed.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import timm
import torch
from photographs import write_photographs

import visionlaw
from visionlaw.features.cache import FeatureCache
from visionlaw.features.export import export
from visionlaw.features.extractor import Extractor

ENCODER = "timm/vit_small_patch16_224.augreg_in21k_ft_in1k@224"
BATCH = 8
ROUNDS = 7
MEBIBYTE = 2**20


def write_checkpoint(folder: Path) -> Path:
    """Save ViT-S/16 with random weights as timm saves it."""
    from timm.models import save_for_hf

    torch.manual_seed(0)
    save_for_hf(timm.create_model("vit_small_patch16_224.augreg_in21k_ft_in1k"), folder, safe_serialization=True)
    return folder


def vit_small(checkpoint: Path) -> Extractor:
    return visionlaw.load(ENCODER, device="cpu", checkpoints={ENCODER: checkpoint})


def bare_loop(count: int) -> Callable[[], None]:
    """Return the loop to measure against: the model on batches that are in memory already."""
    model = timm.create_model("vit_small_patch16_224.augreg_in21k_ft_in1k", num_classes=0).eval()
    batch = torch.rand(BATCH, 3, 224, 224)

    def loop() -> None:
        with torch.inference_mode():
            for _ in range(count // BATCH):
                model.forward_features(batch)

    return loop


def seconds(task: Callable[[], object]) -> float:
    begun = time.perf_counter()
    task()
    return time.perf_counter() - begun


def ratio(slow: Callable[[], object], fast: Callable[[], object]) -> tuple[float, list[float]]:
    """Return the median of ``slow``'s time over ``fast``'s, in turns."""
    slow()
    fast()
    found: list[float] = []
    for number in range(ROUNDS):
        pair = (seconds(slow), seconds(fast)) if number % 2 else (seconds(fast), seconds(slow))[::-1]
        found.append(pair[0] / pair[1])
    return statistics.median(found), found


def throughput(checkpoint: Path, photographs: list[Path]) -> None:
    extractor = vit_small(checkpoint)
    images = photographs[:160]

    def engine() -> None:
        for _ in extractor.extract(images, batch_size=BATCH):
            pass

    median, all_of_them = ratio(bare_loop(len(images)), engine)
    spread = f"{min(all_of_them):.3f}–{max(all_of_them):.3f}"
    print(f"throughput, engine over bare model(batch) loop      {median:.3f}  (bound ≥ 0.97; {ROUNDS} rounds {spread})")


def cached_pass(checkpoint: Path, photographs: list[Path], folder: Path) -> None:
    images = photographs[:160]
    times: list[float] = []
    for _ in range(2):
        extractor, cache = vit_small(checkpoint), FeatureCache(folder / "cache")
        times.append(seconds(lambda e=extractor, c=cache: sum(1 for _ in e.extract(images, cache=c))))
    print(
        f"cached second pass over first                      {times[0] / times[1]:.1f}×  (bound ≥ 20; "
        f"{1000 * times[0] / len(images):.1f} and {1000 * times[1] / len(images):.2f} ms per image)"
    )


def child(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def memory(checkpoint: Path, photographs: Path, folder: Path) -> None:
    """Peak resident memory of processes that write the features of 200 and of 2,000 images."""
    peaks: dict[int, float] = {}
    for count in (200, 2000):
        process = child("--export", checkpoint, photographs, folder / f"memory-{count}", str(count), folder / "passes")
        out, _ = process.communicate()
        peaks[count] = json.loads(out)["peak_mib"]
    change = 100 * (peaks[2000] / peaks[200] - 1)
    print(
        f"peak memory, 2,000 images against 200              {change:+.1f}%  (bound ±5; {peaks[200]:.0f} and "
        f"{peaks[2000]:.0f} MiB)"
    )


def killed(checkpoint: Path, photographs: Path, folder: Path) -> None:
    """Kill a run at several moments, resume it each time, and compare with one that was left alone."""
    count = 160
    whole = folder / "whole"
    child("--export", checkpoint, photographs, whole, str(count), folder / "alone").communicate()
    broken, log = folder / "broken", folder / "log"
    kills = 0
    for wait in (3, 5, 8):  # parts that are there when the signal comes
        process = child("--export", checkpoint, photographs, broken, str(count), log)
        while process.poll() is None and len(list(broken.glob("part-*.safetensors"))) < wait * 2:
            time.sleep(0.01)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    child("--export", checkpoint, photographs, broken, str(count), log).communicate()
    encoded = sum(int(line) for line in log.read_text().split())
    names = sorted(path.name for path in whole.iterdir())
    same = names == sorted(p.name for p in broken.iterdir()) and all(
        (whole / name).read_bytes() == (broken / name).read_bytes() for name in names
    )
    print(
        f"killed {kills} times and resumed: images encoded again      {encoded - count}  (bound ≤ {kills * BATCH}, a "
        f"batch per kill); output byte-identical: {'yes' if same else 'NO'}"
    )


def run_export(checkpoint: Path, photographs: Path, out: Path, count: int, log: Path) -> None:
    """What the children do; each batch that is encoded is a line in the log."""
    import resource

    from visionlaw.features import batching

    encode = batching.BatchEncoder.encode

    def logged(self: batching.BatchEncoder, prepared: list) -> object:
        with log.open("a") as file:
            file.write(f"{len(prepared)}\n")
        return encode(self, prepared)

    batching.BatchEncoder.encode = logged  # type: ignore[method-assign]
    images = sorted(photographs.iterdir())[:count]
    export(vit_small(checkpoint), images, out, batch_size=BATCH)
    print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEBIBYTE}))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = write_checkpoint(folder / "vit-small")
        photographs = write_photographs(folder / "photographs", 2000)
        print(f"ViT-S/16 at 224 px, batches of {BATCH}, {torch.get_num_threads()} threads, torch {torch.__version__}")
        throughput(checkpoint, photographs)
        cached_pass(checkpoint, photographs, folder)
        killed(checkpoint, folder / "photographs", folder)
        memory(checkpoint, folder / "photographs", folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--export"]:
        source, photos, target, number, record = sys.argv[2:]
        run_export(Path(source), Path(photos), Path(target), int(number), Path(record))
    else:
        main()
