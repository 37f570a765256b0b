"""Families of official checkpoints, and the specs of the ids that they answer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from visionlaw.errors import InvalidIdError
from visionlaw.ids import is_encoder_id, prefix_of, resolution_of
from visionlaw.specs import EncoderSpec, Option, layer_option, mode_option

FILES = ("config.json", "model*.safetensors")
OPTIONS: dict[str, Option] = {"layer": layer_option(), "mode": mode_option()}


@dataclass(frozen=True)
class Checkpoint:
    """Published weights of one vision tower.

    Attributes:
        repository: On the hub.
        revision: Pinned commit.
        patch: Side of a patch in pixels.
        channels: Length of a token.
        parameters: Number of weights of the vision tower, without pooling head and text tower.
        native: Input side in pixels that its position embeddings are made for.
    """

    repository: str
    revision: str
    patch: int
    channels: int
    parameters: int
    native: int


@dataclass(frozen=True)
class Family:
    """Checkpoints of one architecture, by the name in their ids.

    Attributes:
        prefix: Of its ids.
        title: Its name, for people.
        license: Of the weights.
        tags: To search by.
        checkpoints: Name → the checkpoints of that size, by rising native resolution.
        resolutions: Listed for every name; empty: the native ones.
    """

    prefix: str
    title: str
    license: str
    tags: tuple[str, ...]
    checkpoints: Mapping[str, tuple[Checkpoint, ...]]
    resolutions: tuple[int, ...] = ()

    def encoders(self) -> Iterator[EncoderSpec]:
        """List an encoder for each name and each resolution that it is usually taken at."""
        for name, checkpoints in self.checkpoints.items():
            for resolution in self.resolutions or [checkpoint.native for checkpoint in checkpoints]:
                yield self._spec(name, resolution)

    def resolve(self, encoder_id: str) -> EncoderSpec | None:
        """Return the spec of a listed name at another resolution; None for another name.

        Raises:
            InvalidIdError: The resolution is no multiple of the patch.
        """
        name = _name(self.prefix, encoder_id)
        if name not in self.checkpoints:
            return None
        resolution = resolution_of(encoder_id)
        checkpoint = self.checkpoint(encoder_id)
        if resolution != checkpoint.native:
            require_whole_patches(encoder_id, checkpoint.patch)
        return self._spec(name, resolution)

    def checkpoint(self, encoder_id: str) -> Checkpoint:
        """Return the weights of an id: the largest native resolution that is not above its own, else the smallest."""
        resolution = resolution_of(encoder_id)
        checkpoints = self.checkpoints[_name(self.prefix, encoder_id)]
        return max((c for c in checkpoints if c.native <= resolution), key=lambda c: c.native, default=checkpoints[0])

    def _spec(self, name: str, resolution: int) -> EncoderSpec:
        encoder_id = f"{self.prefix}/{name}@{resolution}"
        checkpoint = self.checkpoint(encoder_id)
        trained = f", made for {checkpoint.native} px" if checkpoint.native != resolution else ""
        return EncoderSpec(
            id=encoder_id,
            target=f"visionlaw_transformers.towers:{self.prefix}",
            description=f"{self.title}, {checkpoint.repository}{trained}.",
            tags=("transformer", *self.tags),
            options=OPTIONS,
            checkpoint=checkpoint.repository,
            revision=checkpoint.revision,
            files=FILES,
            license=self.license,
            resolution=resolution,
            patch=checkpoint.patch,
            channels=checkpoint.channels,
            parameters=checkpoint.parameters,
            tiny=f"visionlaw_transformers.tiny:{self.prefix}",
        )


def require_whole_patches(encoder_id: str, patch: int) -> None:
    """Check that the resolution of an id is a multiple of the patch.

    Raises:
        InvalidIdError: It is not; the remedy names the nearest ones that are.
    """
    base, _, _ = encoder_id.rpartition("@")
    resolution = resolution_of(encoder_id)
    if resolution % patch:
        below, above = resolution // patch * patch, (resolution // patch + 1) * patch
        near = " or ".join(f"'{base}@{size}'" for size in (below, above) if size)
        raise InvalidIdError(
            f"'{encoder_id}' has no whole number of patches: {resolution} is no multiple of {patch} pixels.",
            f"Take {near}.",
        )


def _name(prefix: str, encoder_id: str) -> str:
    if not is_encoder_id(encoder_id) or prefix_of(encoder_id) != prefix:
        return ""
    return encoder_id.partition("/")[2].rpartition("@")[0]
