"""A project: its folder, its registry.toml, and what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import ConfigError, UnknownIdError
from visionlaw.ids import parse_reference, split_representation
from visionlaw.spacefile import default_catalogue, default_path, find_path, read_space_file

if TYPE_CHECKING:
    from visionlaw.features.runtime import Runtime
    from visionlaw.protocols import Representation
    from visionlaw.registry import Registry
    from visionlaw.space import SearchSpace
    from visionlaw.spacefile import CatalogueEntry, SpaceFile


@dataclass
class Project:
    """A project folder; everything is read on first use.

    Attributes:
        space_path: The registry.toml in force, the shipped one where the project has none.
        root: The folder that holds the project's results in ``.visionlaw/``: that of its registry.toml.
        disabled: Plugins that are not imported, beside those that registry.toml disables.
    """

    space_path: Path
    root: Path
    disabled: tuple[str, ...] = field(default=())

    @classmethod
    def find(cls, space: Path | None = None, disabled: tuple[str, ...] = ()) -> Project:
        """Return the project of the working directory.

        Args:
            space: A registry.toml to use instead of the nearest one upwards; the project is then that file's folder.
            disabled: Plugins that are not imported.
        """
        here = Path.cwd()
        if space is not None:
            return cls(space, space.resolve().parent, disabled)
        nearest = find_path(here)
        if nearest is None:
            return cls(default_path(), here, disabled)
        return cls(nearest, nearest.parent, disabled)

    @cached_property
    def file(self) -> SpaceFile:
        """The validated registry.toml."""
        return read_space_file(self.space_path)

    @cached_property
    def registry(self) -> Registry:
        """What is installed."""
        from visionlaw.registry import Registry

        return Registry.discover(disabled=(*self.disabled, *self.file.plugins.disabled), catalogue=self.providers)

    @property
    def catalogue(self) -> dict[str, CatalogueEntry]:
        """Id prefix → plugin that can be installed: what is shipped, and what registry.toml adds or replaces."""
        return default_catalogue() | self.file.catalogue

    @property
    def providers(self) -> dict[str, str]:
        """Id prefix → the distribution that provides it."""
        return {prefix: entry.distribution for prefix, entry in self.catalogue.items()}

    @cached_property
    def space(self) -> SearchSpace:
        """The search space, with the installed plugins known."""
        from visionlaw.space import SearchSpace

        return SearchSpace(self.file, self.registry, self.space_path)

    @property
    def state_dir(self) -> Path:
        """Where results and caches are kept."""
        return self.root / ".visionlaw"

    @property
    def feature_cache(self) -> Path:
        """Where features are kept."""
        return self.scratch / "features"

    @property
    def row_cache(self) -> Path:
        """Where core's scorer of C keeps similarity rows."""
        return self.scratch / "rows"

    @property
    def projectors(self) -> Path:
        """Where trained projectors are kept; they are no cache: training them again takes long."""
        return self.state_dir / "projectors"

    @property
    def scratch(self) -> Path:
        """Where everything is that can be computed again."""
        return self.state_dir / "cache"

    def representations(
        self,
        names: Sequence[str],
        runtime: Runtime | None = None,
        checkpoints: Mapping[str, Path] | None = None,
    ) -> list[Representation]:
        """Refer to the encoders of representations, by id, alias or published name; each representation once.

        Args:
            names: ``a`` or ``a + b``.
            runtime: Device and precision; None: the best device, float32.
            checkpoints: Encoder id, without options → a local folder to load instead of the spec's checkpoint.

        Raises:
            UnknownIdError, ConflictError, PluginError, InvalidIdError, WeightsError: An encoder cannot be used, or a
                checkpoint is given for one that is not asked for.
            ConfigError: An encoder is given two checkpoints, or one although it has no weights.
        """
        from visionlaw.features.encoders import encoder_ref

        texts = list(dict.fromkeys(self.space.canonical(name) for name in names))
        encoders = list(dict.fromkeys(part for text in texts for part in split_representation(text)))
        bases = {encoder: parse_reference(encoder).base for encoder in encoders}
        folders = self._checkpoints(checkpoints or {}, list(dict.fromkeys(bases.values())))
        references = {e: encoder_ref(self.registry, e, runtime, folders.get(bases[e])) for e in encoders}
        return [tuple(references[part] for part in split_representation(text)) for text in texts]

    def _checkpoints(self, checkpoints: Mapping[str, Path], asked: Sequence[str]) -> dict[str, Path]:
        """Return the folders by exact id, options aside."""
        found: dict[str, Path] = {}
        for name, folder in checkpoints.items():
            base = parse_reference(self.space.canonical(name)).base
            if base not in asked:
                raise UnknownIdError(
                    f"A checkpoint is given for '{base}', which is not asked for.", f"Encoders: {', '.join(asked)}."
                )
            if found.setdefault(base, folder) != folder:
                raise ConfigError(f"'{base}' is given two checkpoints.", "Give one.")
            if self.registry.encoder_spec(base).checkpoint is None:
                raise ConfigError(f"'{base}' has no weights to replace.", "Leave its checkpoint out.")
        return found
