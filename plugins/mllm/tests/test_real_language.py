"""Stage 1 and loglik with the weights of a real language model: true captions against those of other images.

Digits are drawn in two random colours each, so that what tells a digit is its shape, whichever colours it has. Gradient
histograms (classical/hog) describe that; a convolution net of random weights, the control, describes colours above all.
The recipe's learning rate is ten times that of LLaVA's: 48 steps on 144 pairs have to do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from visionlaw.alignment.language import find_language
from visionlaw.alignment.loglik import LogLikScorer
from visionlaw.features.combine import ConcatCombiner
from visionlaw.features.images import image_ref
from visionlaw.project import Project
from visionlaw.protocols import CaptionedImage, EncoderRef, ScoringJob
from visionlaw.specs import EncoderSpec
from visionlaw.targets import load_target
from visionlaw_mllm.align import align
from visionlaw_mllm.recipes import find_recipe

pytestmark = pytest.mark.slow

WORDS = ("zero", "one", "two")
EACH, HELD = 48, 20
SIDE = 32


def encoder(name: str, module: str, channels: int) -> EncoderRef:
    """Refer to a classical encoder at 32 pixels, where it makes four tokens."""
    spec = EncoderSpec(
        id=f"classical/{name}@{SIDE}",
        target=f"visionlaw_classical.{module}:{name}",
        resolution=SIDE,
        patch=16,
        channels=channels,
    )
    return EncoderRef(spec.id, spec, {"spec": spec.target}, load=lambda: load_target(spec, "visionlaw-classical", {}))


HOG, RANDOM = encoder("hog", "gradients", 325), encoder("random", "random_net", 257)


def draw(pixels: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Draw a digit in one colour on another."""
    while True:
        ink, paper = rng.uniform(0, 1, (2, 3))
        if abs(ink.mean() - paper.mean()) >= 0.2:
            break
    painted = paper + (ink - paper) * (pixels / 16)[..., None]
    return Image.fromarray((255 * painted).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Path, str]]]:
    """Return records to train on, and the files and captions that are held out, digit after digit."""
    folder, rng, digits = tmp_path_factory.mktemp("digits"), np.random.default_rng(0), load_digits()
    records, held = [], []
    for number, word in enumerate(WORDS):
        for count, place in enumerate(np.flatnonzero(digits.target == number)[: EACH + HELD]):
            path, caption = folder / f"{word}-{count}.png", word
            draw(digits.images[place], rng).save(path)
            if count >= EACH:
                held.append((path, caption))
                continue
            talk = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": caption}]
            records.append({"id": path.stem, "image": path.name, "conversations": talk})
    (folder / "pairs.json").write_text(json.dumps(records))
    return folder / "pairs.json", held


@pytest.fixture(scope="module")
def values(
    smollm2: Path, pictures: tuple[Path, list[tuple[Path, str]]], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, bool], np.ndarray]:
    """Return of each encoder the values of all held-out images, with their own captions, and with another digit's."""
    data, held = pictures
    path = tmp_path_factory.mktemp("project") / "registry.toml"
    path.write_text("")
    project, language = Project.find(path), find_language(str(smollm2))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        recipe = find_recipe("llava-1.5-stage1", lr=1e-2, steps=48, global_batch=8)
        align(project, [(HOG,), (RANDOM,)], language, data, data.parent, recipe, batch_size=8)
        images, captions = [image_ref(path) for path, _ in held], [caption for _, caption in held]
        others = captions[HELD:] + captions[:HELD]
        assert not any(one == other for one, other in zip(captions, others, strict=True))
        return {
            (name, true): found
            for true in (True, False)
            for name, found in loglik(project, language, list(zip(images, captions if true else others, strict=True)))
        }
    finally:
        torch.set_num_threads(threads)


def loglik(project: Project, language: object, data: Sequence[CaptionedImage]) -> list[tuple[str, np.ndarray]]:
    job = ScoringJob([(HOG,), (RANDOM,)], data, ConcatCombiner(), projectors=project.projectors, language=language)
    reports = LogLikScorer().token_report(job)
    return [(ref.id, np.array([r.value for r in reports if r.representation == ref.id])) for ref in (HOG, RANDOM)]


def advantage(values: dict[tuple[str, bool], np.ndarray], name: str) -> tuple[float, float]:
    """Return by how much true captions are more probable, in nats per token, and its standard error."""
    found = values[name, True] - values[name, False]
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found)))


def test_true_captions_are_more_probable_by_an_encoder_that_sees_shapes(values: dict) -> None:
    mean, error = advantage(values, HOG.id)
    assert mean > 4 * error, (mean, error)


def test_and_not_by_the_random_control(values: dict) -> None:
    mean, error = advantage(values, RANDOM.id)
    assert mean < 2 * error, (mean, error)
    assert mean < advantage(values, HOG.id)[0] / 5
