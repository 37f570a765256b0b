"""From a spec to the object behind its target: the one place where plugins' heavy code is imported and called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from visionlaw.errors import PluginError
from visionlaw.guard import third_party
from visionlaw.specs import Spec


def load_target(spec: Spec, distribution: str, arguments: Mapping[str, Any]) -> Any:
    """Import the target of a spec and call it: ``target(spec, **arguments)``.

    Args:
        spec: The spec.
        distribution: Who provides it, for the messages.
        arguments: Options of the id, and what the kind's protocol adds.

    Raises:
        MissingDependencyError: A library that the target needs cannot be imported.
        PluginError: The target does not exist, or importing or calling it failed.
        VisionlawError: What the target itself raised for the user.
    """
    with third_party(f"Loading '{spec.id}'", distribution, spec.extras):
        return resolve_name(spec.target, "target", spec, distribution)(spec, **arguments)


def resolve_target(spec: Spec, distribution: str) -> Any:
    """Import the target of a spec without calling it: a verb of the command line.

    Raises:
        MissingDependencyError, PluginError, VisionlawError: As :func:`load_target`.
    """
    with third_party(f"Loading '{spec.id}'", distribution, spec.extras):
        return resolve_name(spec.target, "target", spec, distribution)


def resolve_name(target: str, role: str, spec: Spec, distribution: str) -> Callable[..., Any]:
    """Import what 'package.module:callable' names.

    Args:
        target: The name.
        role: What it is to the spec, for the message: ``target``.
        spec: The spec that names it.
        distribution: Who provides it.

    Raises:
        PluginError: The module has no such name; what importing the module raises passes.
    """
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise PluginError(
                f"The {role} '{target}' of '{spec.id}' does not exist.",
                f"Update {distribution}, or report it to its author.",
            ) from None
    return found
