"""The search space: what a registry.toml means with the plugins that are installed.

Naming and availability are two questions. :meth:`SearchSpace.canonical` says which representation a text names,
whatever is installed; :meth:`SearchSpace.unavailable` says which encoders cannot be used now, and why. So a plugin that
is missing or broken stops only what needs its encoders.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import UNAVAILABLE, ConfigError, InvalidIdError, VisionlawError
from visionlaw.ids import (
    Reference,
    join_representation,
    parse_reference,
    parse_representation,
    split_representation,
)
from visionlaw.spacefile import FILE_NAME, Alignment, Benchmark, Combine, Correspondence, Costs, Policy, SpaceFile

if TYPE_CHECKING:
    from visionlaw.registry import Registry

MOST_REPRESENTATIONS = 100_000


@dataclass(frozen=True)
class ImagesAt:
    """An image source, and where its files are.

    Attributes:
        source: Canonical id, options included; it need not be installed.
        root: Its file or folder, which need not exist; None where it needs none.
    """

    source: str
    root: Path | None = None


class SearchSpace:
    """The representations in play, and how they are scored.

    Args:
        file: The validated file.
        registry: What is installed; aliases of encoders come from there too.
        path: Where the file is, for messages.
    """

    def __init__(self, file: SpaceFile, registry: Registry, path: Path | None = None) -> None:
        self._file = file
        self._registry = registry
        self._path = path or Path(FILE_NAME)

    @property
    def alignment(self) -> Alignment:
        """How A is defined."""
        return self._file.alignment

    @property
    def alignment_scorer(self) -> str:
        """Canonical id, options included, of the scorer that is A; it need not be installed.

        Raises:
            InvalidIdError: An option that the scorer does not have.
        """
        return self._registry.canonical("scorer", self.alignment.definition)

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Canonical ids of the representations that A is measured against, each once.

        Raises:
            InvalidIdError: As :meth:`canonical`.
        """
        return tuple(dict.fromkeys(map(self.canonical, self.alignment.references)))

    @property
    def language(self) -> tuple[str, str | None] | None:
        """The language model, a folder or a hub repository, and its revision; None: it names none.

        Raises:
            ConfigError: The folder is of an unknown user.
        """
        model, revision = self._file.language.model, self._file.language.revision
        if model is None:
            return None
        folder = self._resolved(model, "[language] names")
        return (str(folder), revision) if folder.is_dir() or model.startswith((".", "/", "~")) else (model, revision)

    def images_of(self, benchmark: str) -> ImagesAt | None:
        """Return where a benchmark's own images are; None: registry.toml does not say.

        Raises:
            InvalidIdError: An option that the image source does not have.
            ConfigError: The folder is of an unknown user.
        """
        settings = self.benchmarks[benchmark]
        return self._images(settings.images, settings.images_root, f"[benchmarks] gives '{benchmark}'")

    @property
    def captions(self) -> ImagesAt | None:
        """Where image–caption pairs are; None: registry.toml does not say.

        Raises:
            InvalidIdError: An option that the image source does not have.
            ConfigError: The folder is of an unknown user.
        """
        return self._images(self.alignment.captions, self.alignment.captions_root, "[alignment] gives captions")

    def _images(self, source: str | None, root: str | None, said: str) -> ImagesAt | None:
        if source is None:
            return None
        path = None if root is None else self._resolved(root, said)
        return ImagesAt(self._registry.canonical("image_source", source), path)

    def _resolved(self, text: str, said: str) -> Path:
        """Return a path that registry.toml gives, relative to it."""
        try:
            return self._path.parent / Path(text).expanduser()
        except RuntimeError as error:
            raise ConfigError(
                f"{self._path}: {said} the folder '{text}' of an unknown user.", "Write the whole path."
            ) from error

    @property
    def correspondence(self) -> Correspondence:
        """How C is measured."""
        return self._file.correspondence

    def correspondence_of(self, benchmark: str) -> str:
        """Return the canonical id, options included, of the data set that a benchmark's C is measured on.

        Raises:
            InvalidIdError: An option that the data set does not have.
        """
        return self._dataset(self.benchmarks[benchmark].correspondence or self.correspondence.dataset)

    def correspondence_datasets(self) -> tuple[str, ...]:
        """Return the canonical ids, options included, of all data sets that C needs: the default first, each once.

        They need not be installed.

        Raises:
            InvalidIdError: An option that a data set does not have.
        """
        named = (self._dataset(self.correspondence.dataset), *map(self.correspondence_of, self.benchmarks))
        return tuple(dict.fromkeys(named))

    @cached_property
    def roots(self) -> Mapping[str, Path]:
        """Data set id, options aside → the folder with its files, which need not exist.

        Raises:
            ConfigError: An id and an alias of one data set both have a folder, or there is no user ``~name``.
        """
        found: dict[str, Path] = {}
        for name, folder in self.correspondence.roots.items():
            dataset = self._dataset(name)
            if dataset in found:
                raise ConfigError(
                    f"{self._path}: [correspondence.roots] gives '{dataset}' two folders, one of them as '{name}'.",
                    "Keep one of the two.",
                )
            found[dataset] = self._resolved(folder, f"[correspondence.roots] gives '{dataset}'")
        return found

    def root_of(self, dataset: str) -> Path | None:
        """Return the folder that registry.toml gives a data set, whatever its options; None: it gives none.

        Raises:
            ConfigError: As :attr:`roots`.
            InvalidIdError: It is no id of a data set.
        """
        return self.roots.get(self._dataset(parse_reference(dataset).base))

    def _dataset(self, text: str) -> str:
        return self._registry.canonical("dataset", text)

    @property
    def benchmarks(self) -> Mapping[str, Benchmark]:
        """The benchmarks by key."""
        return self._file.benchmarks

    @property
    def policy(self) -> Policy:
        """How trainings are chosen."""
        return self._file.policy

    @property
    def costs(self) -> Costs:
        """What finetunings cost."""
        return self._file.costs

    @property
    def combiner(self) -> str:
        """Id of the combiner."""
        return self._file.space.combiner

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """Published and other names of representations → canonical id."""
        return {alias: self.canonical(text) for alias, text in self._file.space.aliases.items()}

    def canonical(self, text: str) -> str:
        """Return the one text of a representation: the only resolver of names there is.

        Aliases of the space and of plugins are replaced by ids, also in the parts of a combination; options that have
        their default are dropped; parts are sorted, since their order changes no score. The representation need not be
        in the space, nor its plugins be installed.

        Raises:
            InvalidIdError: It does not follow the grammar, names an encoder twice, or has an unknown option.
        """
        whole = self._file.space.aliases.get(text.strip(), text)
        parts = [part for named in parse_representation(whole) for part in self._expand(named)]
        joined = join_representation(tuple(sorted(self._registry.canonical("encoder", str(p)) for p in parts)))
        parse_representation(joined)  # two names of one encoder
        return joined

    def _expand(self, part: Reference) -> tuple[Reference, ...]:
        """Replace an alias of the space by what it stands for; options go to a single encoder only."""
        named = self._file.space.aliases.get(part.base)
        if named is None:
            return (part,)
        found = parse_representation(named)
        if part.options and len(found) > 1:
            raise InvalidIdError(f"'{part}' gives options to a combination.", "Give them to its encoders.")
        return tuple(Reference(encoder.base, {**encoder.options, **part.options}) for encoder in found)

    @cached_property
    def representations(self) -> tuple[str, ...]:
        """Canonical ids of all representations, in the order of the file, generated combinations last, each once.

        Generated combinations whose encoders see different parts of an image (crop and squash) cannot be combined and
        are left out.

        Raises:
            ConfigError: More than 100,000 combinations, or a grid that is not known since the plugin is missing.
            InvalidIdError: As :meth:`canonical`.
        """
        found = dict.fromkeys(self.canonical(text) for text in self._file.space.representations)
        for combine in self._file.space.combine:
            found.update(dict.fromkeys(self._generate(combine)))
            self._refuse_too_many(len(found))
        return tuple(found)

    def encoders(self) -> tuple[str, ...]:
        """Canonical ids of all encoders that the representations are made of, each once."""
        return tuple(dict.fromkeys(part for text in self.representations for part in split_representation(text)))

    def unavailable(self) -> Mapping[str, VisionlawError]:
        """Return the encoders of the space that cannot be used now → why, with the remedy."""
        found: dict[str, VisionlawError] = {}
        for encoder in self.encoders():
            try:
                self._registry.get("encoder", encoder)
            except UNAVAILABLE as error:
                found[encoder] = error
        return found

    def _generate(self, combine: Combine) -> Iterator[str]:
        encoders = list(dict.fromkeys(self.canonical(text) for text in combine.of))
        self._refuse_too_many(sum(math.comb(len(encoders), size) for size in set(combine.size)))
        views = {encoder: self._view(encoder, combine.same_grid) for encoder in encoders}
        for size in sorted(set(combine.size)):
            for parts in itertools.combinations(encoders, size):
                if len({view for part in parts if (view := views[part]) is not None}) <= 1:
                    yield join_representation(tuple(sorted(parts)))

    def _refuse_too_many(self, number: int) -> None:
        if number > MOST_REPRESENTATIONS:
            count = f"{number:,}" if number < 10**15 else f"about 10^{number.bit_length() * 3 // 10}"
            raise ConfigError(
                f"{self._path}: [space] combine makes {count} combinations, more than {MOST_REPRESENTATIONS:,}.",
                "Combine fewer encoders, or smaller sizes.",
            )

    def _view(self, encoder: str, same_grid: bool) -> tuple[str, tuple[int, int] | None] | None:
        """Return what encoders that are combined must share: resize mode, and grid where asked; None: not known."""
        try:
            spec = self._registry.encoder_spec(encoder)
        except UNAVAILABLE as error:
            if same_grid:
                raise ConfigError(
                    f"{self._path}: [space] combine asks for same_grid, but the grid of '{encoder}' is not known: "
                    f"{error.message}",
                    error.remedy,
                ) from error
            return None
        return spec.resize, spec.grid if same_grid else None
