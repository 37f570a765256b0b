"""The registry: from an id to its spec, and from a spec to the object behind its target.

Lookup is by exact id, then by exact alias, then (encoders only) by asking the plugin that owns the prefix. What is
left is an error that names the closest ids, the plugin to install, or the plugin that should have provided it and why
it did not. Nothing is ever found by a part of an id.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from visionlaw import plugins as loader
from visionlaw.discovery import discover
from visionlaw.errors import (
    UNAVAILABLE,
    ConflictError,
    InvalidIdError,
    NotInstalledError,
    PluginError,
    UnknownIdError,
    VisionlawDeprecationWarning,
    did_you_mean,
)
from visionlaw.ids import Reference, is_encoder_id, parse_reference, prefix_of, resolution_of
from visionlaw.plugins import Plugin, PluginRecord
from visionlaw.specs import MOST_PIXELS, EncoderSpec, Kind, Option, ScorerSpec, Spec
from visionlaw.targets import load_target

_TRUE = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Entry:
    """A spec and the plugin that provides it."""

    spec: Spec
    plugin: str
    distribution: str
    version: str

    @property
    def source(self) -> dict[str, str]:
        """Its kind and where it comes from, for listings and provenance."""
        return {
            "kind": self.spec.kind,
            "plugin": self.plugin,
            "distribution": self.distribution,
            "version": self.version,
        }


class Registry:
    """What is installed, by kind and id.

    Use :meth:`discover`; the constructor takes activated plugins and is for tests and embedders.
    """

    def __init__(self, plugins: Iterable[Plugin], catalogue: Mapping[str, str] | None = None) -> None:
        self._plugins = list(plugins)
        self._catalogue = dict(catalogue or {})
        self._entries: dict[tuple[Kind, str], Entry] = {}
        self._aliases: dict[tuple[Kind, str], list[Entry]] = {}
        self._refused: dict[tuple[Kind, str], str] = {}
        self._resolved: dict[str, Entry | None] = {}
        self._told: set[tuple[Kind, str]] = set()
        self._refuse_contested()
        self._refuse_foreign_prefixes()
        for plugin in self._plugins:
            for spec in plugin.specs:
                self._add(Entry(spec, plugin.name, plugin.distribution, plugin.version))

    @classmethod
    def discover(cls, disabled: Iterable[str] = (), catalogue: Mapping[str, str] | None = None) -> Registry:
        """Scan the installed distributions once and list what their plugins provide.

        Args:
            disabled: Distribution or entry-point names that must not be imported; those in the environment variable
                ``VISIONLAW_DISABLE_PLUGINS`` are added.
            catalogue: Id prefix → distribution to install, for the errors about ids that nobody owns.
        """
        found = [loader.builtin_plugin(), *discover(disabled)]
        for plugin in found:
            loader.activate(plugin)
        return cls(found, catalogue)

    @property
    def plugins(self) -> tuple[PluginRecord, ...]:
        """The health of every plugin, the built-in one first."""
        return tuple(plugin.record() for plugin in self._plugins)

    @property
    def loaded(self) -> tuple[Plugin, ...]:
        """Every plugin as the loader left it, the built-in one first: what the conformance kit checks."""
        return tuple(self._plugins)

    def entries(self, kind: Kind | None = None) -> tuple[Entry, ...]:
        """All specs of a kind, or all, by plugin in the order in which they list them."""
        return tuple(e for (k, _), e in self._entries.items() if kind is None or k == kind)

    def search(self, text: str, kind: Kind | None = None) -> tuple[Entry, ...]:
        """Entries that have ``text`` in their id, aliases, tags or description, letter case aside. For people only."""
        folded = text.casefold()

        def haystack(spec: Spec) -> str:
            return "\n".join((spec.id, *spec.aliases, *spec.tags, spec.description)).casefold()

        return tuple(e for e in self.entries(kind) if folded in haystack(e.spec))

    def get(self, kind: Kind, text: str) -> Entry:
        """Return the entry of an id or an alias; options after ``?`` are ignored.

        Raises:
            NotInstalledError: Its plugin is not installed; the remedy is the command that installs it.
            UnknownIdError: Nobody owns it; the remedy is what was probably meant.
            ConflictError: Two plugins claim it.
            PluginError: The plugin that owns it cannot be used.
            InvalidIdError, WeightsError, MissingDependencyError: What its family says about it when asked, see
                :func:`visionlaw.plugins.ask_resolve`.
        """
        base = parse_reference(text).base
        entry = self._find(kind, base)
        if entry is None:
            raise self._unknown(kind, base)
        return entry

    def use(self, kind: Kind, text: str) -> Entry:
        """Return the entry of an id that is about to be used: as :meth:`get`; a deprecated one is told, once.

        Raises:
            UnknownIdError, ConflictError, InvalidIdError: As :meth:`get`.
        """
        entry = self.get(kind, text)
        spec = entry.spec
        if (spec.deprecated or spec.superseded_by) and (kind, spec.id) not in self._told:
            self._told.add((kind, spec.id))
            why = f": {spec.deprecated.rstrip('.')}" if spec.deprecated else ""
            instead = f"; use '{spec.superseded_by}' instead" if spec.superseded_by else ""
            warnings.warn(f"'{spec.id}' is deprecated{why}{instead}.", VisionlawDeprecationWarning, stacklevel=3)
        return entry

    def options(self, kind: Kind, text: str) -> dict[str, Any]:
        """Return the options given after ``?``, converted to the types that the spec declares.

        Raises:
            InvalidIdError: An option that the spec does not have, or a value of another type.
        """
        reference = parse_reference(text)
        spec = self.get(kind, text).spec
        return {name: convert_option(spec, name, value) for name, value in reference.options.items()}

    def encoder_spec(self, text: str) -> EncoderSpec:
        """Return the spec of an encoder as its options change it: grid, channels, layer.

        Raises:
            UnknownIdError, ConflictError, InvalidIdError: As :meth:`get` and :meth:`options`.
        """
        return cast("EncoderSpec", self.get("encoder", text).spec).of(self.options("encoder", text))

    def scorer_spec(self, text: str) -> ScorerSpec:
        """Return the spec of a scorer as its options change it: what it measures on, and what it needs.

        Raises:
            UnknownIdError, ConflictError, InvalidIdError: As :meth:`get` and :meth:`options`.
        """
        return cast("ScorerSpec", self.get("scorer", text).spec).of(self.options("scorer", text))

    def load(self, kind: Kind, text: str, **extra: Any) -> Any:
        """Import the target behind an id and call it: ``target(spec, **options, **extra)``.

        The spec of an encoder is that which holds for its options (:meth:`visionlaw.specs.EncoderSpec.of`).

        Raises:
            UnknownIdError, ConflictError, InvalidIdError: As :meth:`get` and :meth:`options`.
            MissingDependencyError, PluginError: As :func:`visionlaw.targets.load_target`.
        """
        entry, options = self.use(kind, text), self.options(kind, text)
        spec = entry.spec.of(options) if isinstance(entry.spec, EncoderSpec) else entry.spec
        return load_target(spec, entry.distribution, options | extra)

    def canonical(self, kind: Kind, text: str) -> str:
        """Return the canonical text of one id with options: alias replaced, defaults dropped, values normalised.

        What no usable plugin provides stays as it is written, so that a name means the same whatever is installed.

        Raises:
            InvalidIdError: It does not follow the grammar, or has an option that its spec does not have.
        """
        reference = parse_reference(text)
        called_so = self._aliases.get((kind, reference.base), [])
        base = called_so[0].spec.id if len(called_so) == 1 else reference.base
        if not reference.options:
            return base
        try:
            spec = self.get(kind, base).spec
        except UNAVAILABLE:
            return str(Reference(base, reference.options))
        chosen = {name: convert_option(spec, name, value) for name, value in reference.options.items()}
        changed = {name: str(value) for name, value in chosen.items() if value != spec.options[name].default}
        return str(Reference(base, changed))

    def _find(self, kind: Kind, base: str) -> Entry | None:
        if (kind, base) in self._refused:
            raise ConflictError(self._refused[kind, base], "Uninstall one of them, or disable it with --no-plugin.")
        if (kind, base) in self._entries:
            return self._entries[kind, base]
        called_so = self._aliases.get((kind, base), [])
        if len(called_so) > 1:
            ids = " and ".join(f"'{e.spec.id}' of {e.distribution}" for e in called_so)
            raise ConflictError(f"The alias '{base}' is claimed by {ids}.", "Use the id.")
        if called_so:
            return called_so[0]
        return self._ask_owner(base) if kind == "encoder" else None

    def _ask_owner(self, base: str) -> Entry | None:
        if is_encoder_id(base) and resolution_of(base) > MOST_PIXELS:
            raise InvalidIdError(f"'{base}' is larger than any encoder's input.", f"At most {MOST_PIXELS:,} pixels.")
        if base not in self._resolved:
            found = None
            for plugin in self._plugins:
                spec = loader.ask_resolve(plugin, base) if plugin.name == prefix_of(base) else None
                if spec is not None:
                    found = Entry(spec, plugin.name, plugin.distribution, plugin.version)
            self._resolved[base] = found
        return self._resolved[base]

    def _unknown(self, kind: Kind, base: str) -> Exception:
        """Say why there is no such id: its plugin is missing, or cannot be used, or it is a mistake."""
        prefix, word = prefix_of(base), kind.replace("_", " ")
        owners = [plugin.record() for plugin in self._plugins if plugin.name == prefix]
        if not owners and prefix in self._catalogue and (kind != "encoder" or "/" in base):
            return NotInstalledError(
                f"No installed plugin provides '{base}'.", f"python -m pip install {self._catalogue[prefix]}"
            )
        known = [name for k, name in (*self._entries, *self._aliases) if k == kind]
        suggestion = did_you_mean(base, known)
        for owner in owners:
            if owner.status != "ok":
                state = "in conflict" if owner.status == "conflict" else owner.status
                return PluginError(
                    f"'{base}' belongs to the plugin '{owner.name}' ({owner.distribution}), which is {state} and does "
                    f"not provide it: {owner.reason}",
                    # A plugin that works in part may be blameless: the id may just be misspelled.
                    f"{suggestion} {owner.remedy}".strip() if owner.provides else owner.remedy,
                )
        return UnknownIdError(
            f"There is no {word} '{base}'.", suggestion or f"See what there is: visionlaw list {kind}"
        )

    def _add(self, entry: Entry) -> None:
        self._entries[entry.spec.kind, entry.spec.id] = entry
        for alias in entry.spec.aliases:
            if not _is_foreign(alias, entry.plugin) and (entry.spec.kind, alias) not in self._entries:
                self._aliases.setdefault((entry.spec.kind, alias), []).append(entry)

    def _refuse_contested(self) -> None:
        """Take an id that two plugins claim away from both; core's own names are not for others to claim."""
        claims: dict[tuple[Kind, str], list[Plugin]] = {}
        for plugin in self._plugins:
            for spec in plugin.specs:
                claims.setdefault((spec.kind, spec.id), []).append(plugin)
        for (kind, name), claimants in claims.items():
            if len(claimants) == 1:
                continue
            owners = list(dict.fromkeys(p.distribution for p in claimants))
            losers = [p for p in claimants if p.name != loader.BUILTIN]
            if len(owners) == 1:
                reason = f"The {kind} '{name}' is listed more than once by {owners[0]}; it is left out."
                remedy = "List it once."
            elif len(losers) < len(claimants):
                intruders = " and ".join(sorted({p.distribution for p in losers}))
                reason = f"The {kind} '{name}' is core's own; {intruders} cannot claim it."
                remedy = "Its author should choose another id."
            else:
                reason = f"The {kind} '{name}' is claimed by {' and '.join(sorted(owners))}; neither gets it."
                remedy = f"Uninstall one, or disable it: --no-plugin {sorted(owners)[-1]}"
            if len(losers) == len(claimants):
                self._refused[kind, name] = reason
            for loser in dict.fromkeys(losers):
                loser.specs = [s for s in loser.specs if (s.kind, s.id) != (kind, name)]
                loser.fail("conflict" if len(owners) > 1 else "degraded", reason, remedy, "duplicate")

    def _refuse_foreign_prefixes(self) -> None:
        for plugin in self._plugins:
            foreign = [s for s in plugin.specs if isinstance(s, EncoderSpec) and s.prefix != plugin.name]
            for spec in foreign:
                plugin.fail(
                    "degraded",
                    f"'{spec.id}' is left out: an id's prefix is its entry point's name, here '{plugin.name}'.",
                    f"Name it '{plugin.name}/…', or add an entry point '{spec.prefix}'.",
                    "prefix",
                )
            plugin.specs = [s for s in plugin.specs if s not in foreign]
            for alias in sorted({a for s in plugin.specs for a in s.aliases if _is_foreign(a, plugin.name)}):
                reason = f"The alias '{alias}' is left out: it is an id of another family."
                plugin.fail("degraded", reason, "Choose another.", "prefix")


def _is_foreign(alias: str, plugin: str) -> bool:
    """Whether an alias is another family's id, whose place it would take."""
    return is_encoder_id(alias) and prefix_of(alias) != plugin


def convert_option(spec: Spec, name: str, value: str) -> Any:
    """Return an option's value, given as text, as the type that the spec declares.

    Raises:
        InvalidIdError: The spec has no such option, or its values are of another type or set.
    """
    option: Option | None = spec.options.get(name)
    if option is None:
        known = ", ".join(spec.options) or "none"
        raise InvalidIdError(
            f"'{spec.id}' has no option '{name}'.",
            did_you_mean(name, spec.options) or f"Its options: {known}.",
        )
    try:
        if option.type == "bool":
            return _TRUE[value.casefold()]
        if option.choices and value not in option.choices:
            raise InvalidIdError(
                f"The option '{name}' of '{spec.id}' is one of {', '.join(option.choices)}, not '{value}'.",
                did_you_mean(value, option.choices) or option.description,
            )
        return {"int": int, "float": float, "str": str}[option.type](value)
    except (ValueError, KeyError):
        raise InvalidIdError(
            f"The option '{name}' of '{spec.id}' takes {option.type}, not '{value}'.", option.description
        ) from None
