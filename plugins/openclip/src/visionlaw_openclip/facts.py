"""What is known about a vision tower at one resolution, and the spec that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from visionlaw.specs import EncoderSpec, Layer, Option, layer_option, layer_variants, mode_option

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip*.safetensors"  # open_clip_model.safetensors, or open_clip_pytorch_model.safetensors of older ones


@dataclass(frozen=True)
class Facts:
    """A vision tower at one resolution.

    Attributes:
        model: The architecture, as open_clip names it.
        pretrained: The tag of its weights, as open_clip names it.
        resolution: Input side in pixels.
        layers: Blocks or stages, first to last.
        parameters: Number of weights without projection and pooling.
        repository: Hub repository.
        transformer: Whether it is a vision transformer of open_clip's own, such as those of the publications.
        license: Name of the weights' licence.
        revision: Commit hash of the repository; None: its main branch.
    """

    model: str
    pretrained: str
    resolution: int
    layers: tuple[Layer, ...]
    parameters: int
    repository: str
    transformer: bool
    license: str | None = None
    revision: str | None = None

    @property
    def id(self) -> str:
        """``openclip/<model>/<pretrained>@<pixels>``."""
        return f"openclip/{self.model}/{self.pretrained}@{self.resolution}"

    def spec(self, name: str | None = None, description: str = "", tags: tuple[str, ...] = ()) -> EncoderSpec:
        """Return the spec, under the full id or under a short name with the full id as an alias."""
        last = self.layers[-1]
        options: dict[str, Option] = {"layer": layer_option()}
        if self.transformer:
            options["mode"] = mode_option()
        return EncoderSpec(
            id=self.id if name is None else f"openclip/{name}@{self.resolution}",
            aliases=() if name is None else (self.id,),
            target="visionlaw_openclip.encoder:build",
            description=description,
            tags=tags,
            checkpoint=self.repository,
            revision=self.revision,
            files=(CONFIG, WEIGHTS),
            license=self.license,
            resolution=self.resolution,
            patch=last.patch,
            channels=last.channels,
            parameters=self.parameters,
            options=options,
            variants=layer_variants(self.layers),
            tiny="visionlaw_openclip.tiny:build",
        )
