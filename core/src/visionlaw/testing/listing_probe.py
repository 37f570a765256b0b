"""What listing a plugin does, seen from a process of its own: what it imports, by which chain, and what it prints."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from visionlaw import plugins as loader
from visionlaw.errors import PluginError
from visionlaw.hookspecs import ENTRY_POINT_GROUP
from visionlaw.plugins import HEAVY_MODULES, Plugin

TIMEOUT_SECONDS = 60
TOO_HEAVY = (*HEAVY_MODULES, "numpy", "scipy", "sklearn", "pandas", "matplotlib", "PIL", "cv2", "skimage", "datasets")
"""Libraries that take a tenth of a second or more: each ``visionlaw list`` would pay for them."""
_MARK = "visionlaw-listing "


@dataclass(frozen=True)
class Listing:
    """What listing a plugin did.

    Attributes:
        chains: For each heavy library that was imported, who imported whom: plugin's module first, library last.
        printed: What it wrote to standard output and standard error.
        same: Whether a second call of the hooks listed the same.
    """

    chains: tuple[tuple[str, ...], ...]
    printed: str
    same: bool


def listing_of(plugin: Plugin) -> Listing:
    """List a plugin in a process of its own.

    Raises:
        PluginError: The process did not end as it should.
    """
    return _listing(plugin.name, plugin.distribution, plugin.entry_point.value, tuple(sys.path))


@cache
def _listing(name: str, distribution: str, value: str, path: tuple[str, ...]) -> Listing:
    order = {"name": name, "distribution": distribution, "value": value, "path": path}
    facts = _in_process("probe", order, f"Listing '{name}'")
    # What libraries of C print goes past sys.stdout.
    printed = facts["printed"] + facts["past_python"]
    return Listing(tuple(tuple(chain) for chain in facts["chains"]), printed, facts["same"])


@cache
def chains_of(module: str) -> tuple[tuple[str, ...], ...]:
    """Return by which chains importing a module imports heavy libraries, in a process of its own.

    Raises:
        PluginError: The process did not end as it should.
    """
    facts = _in_process("probe_import", {"module": module, "path": tuple(sys.path)}, f"Importing '{module}'")
    return tuple(tuple(chain) for chain in facts["chains"])


def _in_process(function: str, order: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Give a function of this module an order in a process of its own, and return what it answers."""
    # -P: the search path is this process's own, whatever lies in the working directory.
    code = f"import sys; sys.path[:] = {list(sys.path)!r}; from {__name__} import {function}; {function}()"
    command = [sys.executable, "-P", "-c", code]
    try:
        done = subprocess.run(  # noqa: S603  no shell, and the program is this Python
            command,
            input=json.dumps(order),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PluginError(f"{what} did not end within {TIMEOUT_SECONDS} s.", "Do less when it is imported.") from None
    before, mark, answer = done.stdout.rpartition(_MARK)
    if not mark:
        raise PluginError(f"{what} ended Python with exit code {done.returncode}.", "Raise an exception.")
    return json.loads(answer) | {"past_python": before}


class _Watch(MetaPathFinder):
    """Notes by which chain of modules a heavy library is first asked for; finds nothing itself."""

    def __init__(self) -> None:
        self.chains: dict[str, list[str]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in TOO_HEAVY and fullname not in self.chains:
            self.chains[fullname] = [*_importers(), fullname]
        return None


def _importers() -> list[str]:
    """Return the modules, and the hooks, that are being executed, outermost first, without core's and Python's own."""
    names: list[str] = []
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        own = module.startswith(("importlib", "visionlaw.testing", "pluggy")) or module in _CORE
        if not own and function == "<module>" and module != "__main__":
            names.append(module)
        elif not own and function.startswith("visionlaw_"):
            names.append(f"{module}.{function}()")
        frame = frame.f_back
    return names[::-1]


_CORE = {"visionlaw.plugins", "visionlaw.guard", "_frozen_importlib", "_frozen_importlib_external"}


def probe() -> None:
    """Run in the process: list one plugin twice and tell what happened."""
    order = json.loads(sys.stdin.read())
    sys.path[:] = order["path"]
    watch, told = _Watch(), io.StringIO()
    sys.meta_path.insert(0, watch)
    answers = sys.stdout
    sys.stdout = sys.stderr = told
    entry_point = metadata.EntryPoint(order["name"], order["value"], ENTRY_POINT_GROUP)
    first, second = (Plugin(order["name"], order["distribution"], "", entry_point) for _ in range(2))
    try:
        loader.activate(first)
        loader.activate(second)
    finally:
        sys.stdout, sys.stderr = answers, sys.__stderr__
    _answer({"chains": list(watch.chains.values()), "printed": told.getvalue(), "same": first.specs == second.specs})


def probe_import() -> None:
    """Run in the process: import one module and tell which heavy libraries came with it."""
    order = json.loads(sys.stdin.read())
    sys.path[:] = order["path"]
    watch = _Watch()
    sys.meta_path.insert(0, watch)
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        importlib.import_module(order["module"])
    finally:
        sys.stdout = answers
    _answer({"chains": list(watch.chains.values())})


def _answer(facts: Mapping[str, Any]) -> None:
    sys.stdout.write(_MARK + json.dumps(facts))
    sys.stdout.flush()
