"""What is known about a model of timm at one resolution, and the spec that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from visionlaw.specs import EncoderSpec, Layer, layer_option, layer_variants

FILES = ("config.json", "model.safetensors")

# As timm writes licences → SPDX; others keep their name.
_SPDX = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "unknown": None,
}


@dataclass(frozen=True)
class Facts:
    """A model at one resolution.

    Attributes:
        name: ``architecture.tag``, as timm names it.
        resolution: Input side in pixels.
        layers: Blocks or stages, first to last, as they are read; the last one after the final norm.
        parameters: Number of weights without the classifier head.
        license: As timm writes it.
        repository: Hub repository.
        revision: Commit hash of the repository; None: its main branch.
    """

    name: str
    resolution: int
    layers: tuple[Layer, ...]
    parameters: int
    license: str | None
    repository: str
    revision: str | None = None

    @property
    def id(self) -> str:
        """``timm/<architecture>.<tag>@<pixels>``."""
        return f"timm/{self.name}@{self.resolution}"

    def spec(self, description: str = "", tags: tuple[str, ...] = ()) -> EncoderSpec:
        """Return the spec: the last layer's tokens, and how those of other layers differ."""
        last = self.layers[-1]
        return EncoderSpec(
            id=self.id,
            target="visionlaw_timm.encoder:build",
            description=description,
            tags=tags,
            checkpoint=self.repository,
            revision=self.revision,
            files=FILES,
            license=_SPDX.get(self.license, self.license) if self.license else None,
            resolution=self.resolution,
            patch=last.patch,
            channels=last.channels,
            parameters=self.parameters,
            options={"layer": layer_option()},
            variants=layer_variants(self.layers),
            tiny="visionlaw_timm.tiny:build",
        )
