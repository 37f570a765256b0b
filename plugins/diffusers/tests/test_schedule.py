"""How much noise a time step means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
)

from visionlaw_diffusers.schedule import NoiseLevel, diffusion_level, flow_level, published_flow_level

GENERATOR = torch.Generator().manual_seed(0)
X, EPSILON = torch.randn(2, 1, 4, 8, 8, generator=GENERATOR)


def noisy(level: NoiseLevel) -> torch.Tensor:
    return level.signal * X + level.noise * EPSILON


@pytest.mark.parametrize("t", [0, 1, 261, 999])
@pytest.mark.parametrize(("family", "cls"), [("sd", PNDMScheduler), ("dit", DDIMScheduler)])
def test_latents_are_as_noisy_as_the_checkpoints_scheduler_makes_them(tiny: Any, family: str, cls: Any, t: int) -> None:
    made = tiny(family)
    scheduler = cls.from_pretrained(made.folder / "scheduler")
    level = diffusion_level(made.spec, made.folder, t)

    torch.testing.assert_close(noisy(level), scheduler.add_noise(X, EPSILON, torch.tensor([t])))
    assert level.time == t


def test_a_sampler_that_scales_its_latents_otherwise_does_not_matter(tiny: Any) -> None:
    """SDXL's scheduler keeps x + σε, and divides by √(σ² + 1) before the network."""
    made = tiny("sdxl")
    scheduler = EulerDiscreteScheduler.from_pretrained(made.folder / "scheduler")
    index = (scheduler.timesteps == 261).nonzero().item()
    sigma = scheduler.sigmas[index]
    expected = scheduler.add_noise(X, EPSILON, torch.tensor([261.0])) / (sigma**2 + 1) ** 0.5

    torch.testing.assert_close(noisy(diffusion_level(made.spec, made.folder, 261)), expected)


def test_the_published_step_of_stable_diffusion(tiny: Any) -> None:
    """√a_1 and √(1 − a_1) of the scaled linear schedule from 0.00085 to 0.012, by hand."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    kept = (1 - betas[0]) * (1 - betas[1])
    level = diffusion_level(tiny("sd").spec, tiny("sd").folder, 1)

    assert kept == pytest.approx(0.99829, abs=1e-5)
    assert (level.signal, level.noise) == pytest.approx((kept**0.5, (1 - kept) ** 0.5), rel=1e-4)


@pytest.mark.parametrize("t", [1, 2, 261, 1000])
def test_flow_matching_mixes_as_the_scheduler_does(tiny: Any, t: int) -> None:
    made = tiny("sd3")
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(made.folder / "scheduler")
    level = flow_level(made.spec, made.folder, t)
    shifted = 3 * t / 1000 / (1 + 2 * t / 1000)

    torch.testing.assert_close(noisy(level), scheduler.scale_noise(X, torch.tensor([level.time]), EPSILON))
    assert level.noise == pytest.approx(shifted, rel=1e-4)
    assert level.time == pytest.approx(1000 * shifted, rel=1e-4)


def test_the_publications_add_no_noise_to_sd3(tiny: Any) -> None:
    assert published_flow_level(tiny("sd3").spec, tiny("sd3").folder, 1) == NoiseLevel(1, 0, 1)
