"""What is checked: a plugin, or one spec of it, with the instance that its checks share.

Instances are tiny and offline: where a spec names a ``tiny`` factory, that writes random weights, or a miniature data
set, into a folder, and the target loads them as it loads the real ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from visionlaw.discovery import normalise
from visionlaw.errors import PluginError, UnknownIdError, did_you_mean
from visionlaw.guard import third_party
from visionlaw.ids import is_encoder_id
from visionlaw.plugins import Plugin
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec, Spec
from visionlaw.targets import load_target, resolve_name
from visionlaw.testing.checks import SubjectKind

T = TypeVar("T")

WITH_ROOT = ("dataset", "image_source")
"""Kinds whose targets are given a folder."""


@dataclass(eq=False)
class Subject:
    """One plugin, or one spec.

    Attributes:
        plugin: As the loader has activated it.
        registry: Everything installed.
        spec: The spec as it is listed; None: the plugin itself is checked.
    """

    plugin: Plugin
    registry: Registry
    spec: Spec | None = None
    _folder: TemporaryDirectory[str] | None = field(default=None, repr=False)
    _shared: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def kind(self) -> SubjectKind:
        """What is checked."""
        return "plugin" if self.spec is None else self.spec.kind

    @property
    def name(self) -> str:
        """The plugin's name, or the spec's id."""
        return self.plugin.name if self.spec is None else self.spec.id

    @property
    def folder(self) -> Path:
        """A folder of the subject's own, which :meth:`close` removes."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="visionlaw-check-", ignore_cleanup_errors=True)
        return Path(self._folder.name)

    @cached_property
    def tiny(self) -> Spec:
        """The spec of the tiny instance; what it needs is in the folder ``tiny`` of :attr:`folder`.

        Raises:
            PluginError: The factory failed, or returned something else than a spec of the same kind and id.
        """
        spec = self.declared
        if spec.tiny is None:
            return spec
        with third_party(f"The tiny factory of '{spec.id}'", self.plugin.distribution, spec.extras):
            found = resolve_name(spec.tiny, "tiny factory", spec, self.plugin.distribution)(spec, self.home)
        if type(found) is not type(spec) or found.id != spec.id:
            raise PluginError(
                f"The tiny factory of '{spec.id}' returned {type(found).__name__} instead of its spec.",
                "Return spec.model_copy(update={…}).",
            )
        return found

    @property
    def declared(self) -> Spec:
        """The spec as it is listed.

        Raises:
            TypeError: The plugin itself is checked.
        """
        if self.spec is None:
            raise TypeError(f"The plugin '{self.plugin.name}' is checked, not a spec.")
        return self.spec

    @cached_property
    def instance(self) -> Any:
        """What the target makes of :attr:`tiny`, loaded once for all checks that do not change it."""
        return self.load()

    def load(self, **options: Any) -> Any:
        """Call the target as core does, and return a new instance of :attr:`tiny`.

        Args:
            **options: Options of the id; those whose default the tiny factory has changed are given anyway.

        Raises:
            MissingDependencyError, PluginError, VisionlawError: As :func:`visionlaw.targets.load_target`.
        """
        spec = self.tiny
        holding = spec.of(options) if isinstance(spec, EncoderSpec) else spec
        with self.working_directory():
            return load_target(holding, self.plugin.distribution, self.arguments(**options))

    def arguments(self, **options: Any) -> dict[str, Any]:
        """Return what the target of :attr:`tiny` is called with beside the spec.

        Args:
            **options: Options of the id; ``root`` instead of the tiny instance's folder.
        """
        declared, spec = self.declared, self.tiny
        changed = {
            name: option.default
            for name, option in spec.options.items()
            if name not in declared.options or declared.options[name].default != option.default
        }
        given = changed | options
        if spec.kind in WITH_ROOT:
            given.setdefault("root", None if spec.tiny is None else self.home)
        return given

    @property
    def home(self) -> Path:
        """The folder of the tiny instance, in :attr:`folder`."""
        home = self.folder / "tiny"
        home.mkdir(exist_ok=True)
        return home

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Return what several checks use, made by the first of them and kept until :meth:`close`."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    @contextlib.contextmanager
    def working_directory(self) -> Generator[Path]:
        """Work in the folder of the tiny instance, as a user works in the folder of a project."""
        with contextlib.chdir(self.home):
            yield self.home

    def close(self) -> None:
        """Forget the instance and remove the folder."""
        for name in ("tiny", "instance"):
            self.__dict__.pop(name, None)
        self._shared.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def find_subjects(name: str, registry: Registry) -> list[Subject]:
    """Return what a name stands for: a plugin, everything in a distribution, or one id of any kind.

    Args:
        name: A distribution (``visionlaw-acme``), an entry point's name (``acme``), or an id or alias.
        registry: What is installed.

    Returns:
        The plugins and all their specs; for an id, it alone, once for each kind that has it.

    Raises:
        UnknownIdError: Nothing installed is called so.
        PluginError, ConflictError, WeightsError, MissingDependencyError: What is called so cannot be used.
    """
    plugins = [p for p in registry.loaded if normalise(name) in (normalise(p.name), normalise(p.distribution))]
    if plugins:
        return [subject for plugin in plugins for subject in _subjects(plugin, registry)]
    owners = {plugin.name: plugin for plugin in registry.loaded}
    entries = [entry for entry in registry.entries() if name in (entry.spec.id, *entry.spec.aliases)]
    if not entries and is_encoder_id(name):
        entries = [registry.get("encoder", name)]
    if entries:
        return [Subject(owners[entry.plugin], registry, entry.spec) for entry in entries]
    known = {p.name for p in registry.loaded} | {p.distribution for p in registry.loaded}
    raise UnknownIdError(
        f"Nothing installed is called '{name}'.",
        did_you_mean(name, known | {entry.spec.id for entry in registry.entries()})
        or "Name a distribution, a plugin or an id: visionlaw plugins",
    )


def _subjects(plugin: Plugin, registry: Registry) -> list[Subject]:
    return [Subject(plugin, registry), *(Subject(plugin, registry, spec) for spec in plugin.specs)]
