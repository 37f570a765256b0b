"""How much noise a latent gets at a time step, by the scheduler of the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from visionlaw.errors import InvalidIdError
from visionlaw.specs import EncoderSpec
from visionlaw_diffusers.components import quiet, read_config, unsuitable

CONFIG = "scheduler/scheduler_config.json"
FLOW = FlowMatchEulerDiscreteScheduler.__name__


@dataclass(frozen=True)
class NoiseLevel:
    """``x_t = signal · x_0 + noise · ε``, and what the denoiser is told the time is.

    Attributes:
        signal: Factor of the latent.
        noise: Factor of ε.
        time: Time step as the denoiser was trained with.
    """

    signal: float
    noise: float
    time: int | float


def diffusion_level(spec: EncoderSpec, folder: Path, t: int) -> NoiseLevel:
    """Return the level of a diffusion model: ``x_t = √a_t · x_0 + √(1 − a_t) · ε`` (PROTOCOLS §1).

    ``a_t`` comes from the betas of the checkpoint's scheduler, whichever sampler that is made for. ``t`` is 0…999.

    Raises:
        WeightsError: The scheduler is one of flow matching.
        InvalidIdError: There is no such time step.
    """
    config = read_config(spec, folder, CONFIG)
    if config.get("_class_name") == FLOW:
        raise unsuitable(spec, folder, f"its scheduler is a {FLOW}")
    with quiet():
        scheduler: Any = DDIMScheduler.from_config(config)
    _check_range(spec, t, 0, len(scheduler.alphas_cumprod) - 1)
    kept = float(scheduler.alphas_cumprod[t])
    return NoiseLevel(kept**0.5, (1 - kept) ** 0.5, t)


def flow_level(spec: EncoderSpec, folder: Path, t: int) -> NoiseLevel:
    """Return the level of a flow-matching model: ``x_t = (1 − σ) · x_0 + σ · ε``.

    σ is the scheduler's t-th noise level counted from the clean end, its shift included: ``s·u / (1 + (s − 1)·u)`` with
    ``u = t/1000``, and the denoiser's time is 1000 σ. ``t`` is 1…1000.

    Raises:
        WeightsError: The scheduler is not one of flow matching.
        InvalidIdError: There is no such time step.
    """
    config = read_config(spec, folder, CONFIG, FlowMatchEulerDiscreteScheduler)
    with quiet():
        scheduler: Any = FlowMatchEulerDiscreteScheduler.from_config(config)
    _check_range(spec, t, 1, len(scheduler.timesteps))
    sigma = float(scheduler.sigmas[-t])
    return NoiseLevel(1 - sigma, sigma, float(scheduler.timesteps[-t]))


def published_flow_level(spec: EncoderSpec, folder: Path, t: int) -> NoiseLevel:
    """Return the level of the publications' code, whose ``x_t = t · x_0 + (1 − t) · ε`` takes the step for a fraction.

    At their ``t = 1`` no noise is added at all.

    Raises:
        WeightsError, InvalidIdError: As :func:`flow_level`.
    """
    flow_level(spec, folder, t)
    return NoiseLevel(t, 1 - t, t)


def _check_range(spec: EncoderSpec, t: int, first: int, last: int) -> None:
    if not first <= t <= last:
        raise InvalidIdError(f"The time step t of '{spec.id}' is {first} to {last}, not {t}.", "Try ?t=1.")
