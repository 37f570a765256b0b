"""Two extractions at once on one cache: real processes, the real loop."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

RUN = """
import os, sys, time
import numpy as np, torch
from PIL import Image
from visionlaw.features.cache import FeatureCache
from visionlaw.features.extract import extract
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import EncoderRef, ImageRef
from visionlaw.specs import EncoderSpec

cache, log, order, barrier = sys.argv[1:]


class Slow:
    def preprocess(self, image):
        return prepare(image, 64, 16)

    def encode(self, batch):
        time.sleep(0.05)  # as long as a network takes
        with open(log, "a") as file:
            file.write("".join(f"{int(image.sum() * 1000)}\\n" for image in batch))
        return torch.nn.functional.avg_pool2d(batch, 16).flatten(2).transpose(1, 2)


def image(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    return ImageRef(str(seed), lambda: Image.fromarray(pixels))


spec = EncoderSpec(id="toy/slow@64", target="toy:slow", resolution=64, patch=16, channels=3)
images = [image(seed) for seed in range(40)][:: 1 if order == "up" else -1]
open(f"{barrier}-{order}", "w").close()
while not all(os.path.exists(f"{barrier}-{side}") for side in ("up", "down")):
    time.sleep(0.001)
found = dict(extract(EncoderRef(spec.id, spec, {"version": "1"}, load=Slow), images, FeatureCache(cache)))
print(len(found), f"{sum(float(f.tokens.sum()) for f in found.values()):.3f}")
"""


@pytest.mark.slow
def test_two_runs_in_opposite_order_encode_each_image_once_and_see_the_same(tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = [str(tmp_path / "cache"), str(log)]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments, order, str(tmp_path / "barrier")], stdout=subprocess.PIPE, text=True
        )
        for order in ("up", "down")
    ]
    said = [run.communicate(timeout=120)[0].split() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert said[0] == said[1]
    assert said[0][0] == "40"
    encoded = Counter(log.read_text().split())
    assert len(encoded) == 40
    assert set(encoded.values()) == {1}, "an image was encoded twice"
