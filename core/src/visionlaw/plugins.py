"""One plugin: its import, its hooks, its health. Whatever is wrong with it stays its own.

The loader is our own because pluggy's stops at the first import error, skips duplicate names silently and lets one
raising hook end the whole call; pluggy still supplies the markers and checks the signatures. A :class:`Plugin` found by
:mod:`visionlaw.discovery` is imported and listed by :func:`activate`, where every exception, SystemExit included,
becomes a :class:`Problem` of that plugin; :meth:`Plugin.record` freezes the outcome for people and scripts.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Literal, cast

import pluggy
from pydantic import ValidationError

from visionlaw._version import __version__
from visionlaw.errors import InvalidIdError, MissingDependencyError, VisionlawError, WeightsError
from visionlaw.guard import describe_error, first_reason, wants_newer_core
from visionlaw.hookspecs import API_VERSION, ENTRY_POINT_GROUP, LISTING_HOOKS, PROJECT, RESOLVE_HOOK, Hooks
from visionlaw.specs import SPEC_TYPES, EncoderSpec, Kind, Spec

Status = Literal["ok", "degraded", "broken", "incompatible", "conflict", "disabled"]
Fault = Literal[
    "other", "metadata", "import", "hooks", "listing", "spec", "prefix", "duplicate", "core-version", "deprecated"
]
"""What a problem is about; the conformance kit has a check for each."""

HEAVY_MODULES = (
    "torch",
    "torchvision",
    "tensorflow",
    "jax",
    "timm",
    "transformers",
    "diffusers",
    "open_clip",
)
SLOW_SECONDS = 0.25
MOST_ITEMS = 100_000
MOST_PROBLEMS = 100
STRICT_VARIABLE = "VISIONLAW_STRICT"
BUILTIN = "builtin"


@dataclass(frozen=True)
class PluginRecord:
    """The health of one plugin, as ``visionlaw plugins`` shows it.

    Attributes:
        name: The entry point's name, which is the prefix of the plugin's encoder ids.
        distribution: The installed distribution it comes from.
        version: That distribution's version.
        status: ``ok``; ``degraded`` (works in part); ``broken``; ``incompatible``; ``conflict``; ``disabled``.
        reason: What is wrong, or a warning where the status is ``ok``; empty when all is well.
        remedy: What to do about it.
        seconds: What importing it and calling its listing hooks cost.
        provides: Ids by kind.
    """

    name: str
    distribution: str
    version: str
    status: Status
    reason: str
    remedy: str
    seconds: float
    provides: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a plugin. An ``ok`` problem is a warning."""

    status: Status
    reason: str
    remedy: str
    fault: Fault = "other"


@dataclass(eq=False)
class Plugin:
    """One entry point and what became of it."""

    name: str
    distribution: str
    version: str
    entry_point: metadata.EntryPoint
    problems: list[Problem] = field(default_factory=list[Problem])
    specs: list[Spec] = field(default_factory=list[Spec])
    resolve: Callable[[str], object] | None = None
    seconds: float = 0.0

    @property
    def usable(self) -> bool:
        """Whether it may still be imported: no problem so far, warnings aside."""
        return all(p.status == "ok" for p in self.problems)

    def fail(self, status: Status, reason: str, remedy: str = "", fault: Fault = "other") -> None:
        """Note a problem."""
        self.problems.append(Problem(status, reason, remedy, fault))

    def record(self) -> PluginRecord:
        """Freeze the present state."""
        provides: dict[str, list[str]] = {}
        for spec in self.specs:
            provides.setdefault(spec.kind, []).append(spec.id)
        problems = sorted(self.problems, key=lambda p: SEVERITY.index(p.status))
        status = problems[0].status if problems else "ok"
        if status == "degraded" and not self.specs and self.resolve is None:
            status = "broken"
        return PluginRecord(
            name=self.name,
            distribution=self.distribution,
            version=self.version,
            status=status,
            reason=" ".join(p.reason for p in problems),
            remedy=" ".join(dict.fromkeys(p.remedy for p in problems if p.remedy)),
            seconds=round(self.seconds, 4),
            provides={kind: tuple(ids) for kind, ids in provides.items()},
        )


SEVERITY: tuple[Status, ...] = ("disabled", "incompatible", "broken", "conflict", "degraded", "ok")
"""The worst first."""


def strict() -> bool:
    """Whether ``VISIONLAW_STRICT=1`` asks for plugins' exceptions to be raised."""
    return os.environ.get(STRICT_VARIABLE, "") not in ("", "0")


def builtin_plugin() -> Plugin:
    """Return core's own contributions, which go through the same hooks as anyone's."""
    entry_point = metadata.EntryPoint(BUILTIN, f"{PROJECT}.builtin", ENTRY_POINT_GROUP)
    return Plugin(BUILTIN, PROJECT, __version__, entry_point)


def activate(plugin: Plugin) -> None:
    """Import a plugin and call its listing hooks; exceptions become problems.

    Raises:
        BaseException: What the plugin raised, only where ``VISIONLAW_STRICT=1`` asks for it.
    """
    if not plugin.usable:
        return
    already = {name for name in HEAVY_MODULES if name in sys.modules}
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):  # a plugin that prints must not damage --json
        namespace = _import(plugin)
        if namespace is not None:
            for hook, function in _implementations(plugin, namespace):
                if hook == RESOLVE_HOOK:
                    plugin.resolve = function
                else:
                    plugin.specs += _call(plugin, hook, LISTING_HOOKS[hook], function)
    plugin.seconds = time.perf_counter() - start
    heavy = [name for name in HEAVY_MODULES if name in sys.modules and name not in already]
    if heavy:
        plugin.fail(
            "ok",
            f"Listing it imported {', '.join(heavy)} and took {plugin.seconds:.2f} s.",
            "Its author should name heavy code by 'target' and import it there.",
        )
    elif plugin.seconds > SLOW_SECONDS:
        plugin.fail(
            "ok",
            f"Listing it took {plugin.seconds:.2f} s, more than {SLOW_SECONDS} s.",
            "Its author should do less at import.",
        )


def ask_resolve(plugin: Plugin, encoder_id: str) -> EncoderSpec | None:
    """Ask an open-ended family for an encoder that it does not list.

    Returns:
        The spec, or None where the plugin has no such hook, does not know the id, or failed (which is noted).

    Raises:
        WeightsError: The answer depends on a checkpoint's configuration, which is not there and cannot be fetched.
        MissingDependencyError: The family's library cannot be imported.
        InvalidIdError: The family cannot have such an encoder, and says why: a resolution that is no multiple of its
            patch.
    """
    if plugin.resolve is None:
        return None
    told: VisionlawError | None = None
    with contextlib.redirect_stdout(sys.stderr), _guarded(plugin, f"{RESOLVE_HOOK}('{encoder_id}')"):
        answer = None
        try:
            answer = plugin.resolve(encoder_id)
        except (InvalidIdError, WeightsError, MissingDependencyError) as error:
            told = error
        except ImportError as error:
            told = MissingDependencyError(
                f"'{encoder_id}' needs a library that cannot be imported: {describe_error(error)}.",
                f"python -m pip install --upgrade {plugin.distribution}",
            )
        spec = None if answer is None else _as_spec(plugin, RESOLVE_HOOK, "encoder", answer)
        if isinstance(spec, EncoderSpec) and spec.id == encoder_id:
            return spec
        if spec is not None:
            plugin.fail("degraded", f"{RESOLVE_HOOK}('{encoder_id}') answered with another id, '{spec.id}'.")
    if told is not None:
        raise told
    return None


@contextlib.contextmanager
def _guarded(plugin: Plugin, what: str, status: Status = "degraded", fault: Fault = "listing") -> Generator[None]:
    """Turn an exception of the plugin, SystemExit included, into a problem; Ctrl-C stays Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if strict():
            raise
        plugin.fail(
            status,
            f"{what} raised {describe_error(error)}.",
            _newer_core(plugin)
            if wants_newer_core(error)
            else f"Mend or update {plugin.distribution}; 'visionlaw --no-plugin {plugin.name} …' runs without it.",
            "spec" if isinstance(error, ValidationError) else fault,
        )


def _newer_core(plugin: Plugin) -> str:
    """Return the remedy for what core does not have."""
    return (
        f"If {plugin.distribution} was built for a newer core: python -m pip install --upgrade {PROJECT}. "
        "If not, its author should correct the name."
    )


def _import(plugin: Plugin) -> object | None:
    with _guarded(plugin, f"Importing '{plugin.entry_point.value}'", "broken", "import"):
        return plugin.entry_point.load()
    return None


def _implementations(plugin: Plugin, namespace: object) -> list[tuple[str, Callable[..., object]]]:
    """Return the plugin's hook functions by name, after pluggy has checked them; note what is unknown."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    with _guarded(plugin, f"Registering '{plugin.entry_point.value}'", "broken", "hooks"):
        _register(plugin, manager, namespace)
        found: list[tuple[str, Callable[..., object]]] = []
        for caller in manager.get_hookcallers(namespace) or ():
            if not caller.has_spec():
                _unknown_hook(plugin, caller.name)
                continue
            for implementation in caller.get_hookimpls():
                if implementation.wrapper or implementation.hookwrapper:
                    reason = f"'{caller.name}' is a hook wrapper; listing hooks take none."
                    plugin.fail("degraded", reason, "Return the specs from it.", "hooks")
                else:
                    found.append((caller.name, implementation.function))
        unmarked = [
            name
            for name, _ in inspect.getmembers(namespace, inspect.isroutine)
            if name.startswith(f"{PROJECT}_")
            and name not in {hook for hook, _ in found}
            and manager.parse_hookimpl_opts(namespace, name) is None
        ]
        for name in unmarked:
            plugin.fail("degraded", f"'{name}' is not marked with @hookimpl and was not called.", "Mark it.", "hooks")
        order = [*LISTING_HOOKS, RESOLVE_HOOK]
        return sorted(found, key=lambda pair: order.index(pair[0]))
    return []


def _register(plugin: Plugin, manager: pluggy.PluginManager, namespace: object) -> None:
    """Have pluggy check a plugin's hooks; what it warns of, a deprecated hook or parameter, is noted."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        manager.register(namespace, plugin.name)
    for text in dict.fromkeys(str(warning.message) for warning in told):
        plugin.fail(
            "ok",
            text,
            f"It works for now; update it, or tell its author: python -m pip install --upgrade {plugin.distribution}",
            "deprecated",
        )


def _unknown_hook(plugin: Plugin, name: str) -> None:
    close = difflib.get_close_matches(name, [*LISTING_HOOKS, RESOLVE_HOOK], n=1)
    plugin.fail(
        "degraded",
        f"'{name}' is no hook of API version {API_VERSION} and was not called.",
        f"Did you mean '{close[0]}'? {_newer_core(plugin)}" if close else _newer_core(plugin),
        "hooks",
    )


def _call(plugin: Plugin, hook: str, kind: Kind, function: Callable[..., object]) -> list[Spec]:
    """Call one listing hook and keep every valid spec, also those yielded before it raised."""
    specs: list[Spec] = []
    with _guarded(plugin, f"{hook}()"):
        items = function()
        given = type(items).__name__
        if isinstance(items, str | bytes | Mapping | Spec) or not isinstance(items, Iterable):
            plugin.fail(
                "degraded",
                f"{hook}() returned {given}, not an iterable of {SPEC_TYPES[kind].__name__}.",
                "Return a list, or yield each spec.",
                "listing",
            )
            return []
        before = len(plugin.problems)
        for count, item in enumerate(cast("Iterable[object]", items), start=1):
            spec = _as_spec(plugin, hook, kind, item)
            if spec is not None:
                specs.append(spec)
            if count >= MOST_ITEMS or len(plugin.problems) - before >= MOST_PROBLEMS:
                reason = f"{hook}() was stopped after {count} items."
                plugin.fail("degraded", reason, "Its author should list fewer.", "listing")
                break
    return specs


def _as_spec(plugin: Plugin, hook: str, kind: Kind, item: object) -> Spec | None:
    """Validate one item of a hook's answer; an invalid one is noted and lost, alone."""
    expected = SPEC_TYPES[kind]
    fields = _fields(item)
    name = item if fields is None else fields.get("id", "?")
    try:
        # A spec object is validated again from its plain data, since model_construct skips every check.
        fits = fields is not None and (type(item) is expected or not isinstance(item, Spec))
        spec = expected.model_validate(fields) if fits else None
    except ValidationError as error:
        reason = f"{hook}: the spec '{name}' is invalid and left out ({first_reason(error)})."
        plugin.fail("degraded", reason, _newer_core(plugin) if wants_newer_core(error) else "Correct it.", "spec")
        return None
    if spec is None:
        plugin.fail(
            "degraded",
            f"{hook} gave {type(item).__name__} {str(name)[:60]!r} where {expected.__name__} is expected; left out.",
            f"Give {expected.__name__} objects.",
            "spec",
        )
        return None
    return spec


def _fields(item: object) -> Mapping[str, object] | None:
    """Return the fields of a spec or mapping. Those of a spec as they are: one that skipped validation cannot dump."""
    if isinstance(item, Spec):
        return vars(item)
    return cast("Mapping[str, object]", item) if isinstance(item, Mapping) else None
