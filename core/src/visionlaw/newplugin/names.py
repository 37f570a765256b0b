"""Which names a plugin may have: one word for its prefix, its distribution and its package."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from visionlaw.discovery import normalise
from visionlaw.errors import ConfigError, ConflictError
from visionlaw.hookspecs import PROJECT
from visionlaw.ids import prefix_of
from visionlaw.plugins import BUILTIN

if TYPE_CHECKING:
    from visionlaw.registry import Registry

LONGEST = 30
NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def check_name(name: str, registry: Registry, catalogue: Mapping[str, str]) -> None:
    """Check that a plugin may be called so.

    Args:
        name: The entry point's name, which is the prefix of its ids.
        registry: What is installed.
        catalogue: Id prefix → distribution, of the plugins that are known.

    Raises:
        ConfigError: It is no name, or a word of Python's own.
        ConflictError: It is core's, that of an installed plugin, or one of the catalogue's.
    """
    _check_form(name)
    distribution = f"{PROJECT}-{name}"
    for plugin in registry.loaded:
        if name == plugin.name or normalise(plugin.distribution) == distribution:
            owner = "core's own" if plugin.name == BUILTIN else f"that of {plugin.distribution}, which is installed"
            raise ConflictError(f"The name '{name}' is {owner}.", _another(name))
    for entry in registry.entries():
        if name in {prefix_of(text) for text in (entry.spec.id, *entry.spec.aliases)}:
            kind = entry.spec.kind.replace("_", " ")
            owner = "core's own" if entry.plugin == BUILTIN else f"that of {entry.distribution}"
            raise ConflictError(f"'{name}' is the id of a {kind}, {owner}.", _another(name))
    if name in catalogue:
        raise ConflictError(f"The name '{name}' is that of {catalogue[name]}, in the catalogue.", _another(name))
    if distribution in map(normalise, catalogue.values()):
        raise ConflictError(f"There is a distribution '{distribution}', in the catalogue.", _another(name))


def _check_form(name: str) -> None:
    if name.startswith(f"{PROJECT}-"):
        raise ConfigError(
            f"'{name}' begins with '{PROJECT}-', which is put before the name anyway.",
            f"Name it '{name.removeprefix(f'{PROJECT}-')}'.",
        )
    if NAME_PATTERN.fullmatch(name) is None:
        raise ConfigError(
            f"'{name}' is no name for a plugin: those have lower-case letters, digits and single hyphens.",
            "Choose one such as 'acme' or 'acme-lab'.",
        )
    if len(name) > LONGEST:
        raise ConfigError(f"The name '{name}' is longer than {LONGEST} characters.", "Choose a shorter one.")
    if name == PROJECT:
        raise ConfigError(f"'{name}' is the framework's own name.", "Name the plugin by what it provides.")
    if keyword.iskeyword(name):
        raise ConfigError(f"'{name}' is a keyword of Python.", _another(name))
    if name.replace("-", "_") in sys.stdlib_module_names:
        raise ConfigError(f"'{name}' is a module of Python's standard library.", _another(name))


def _another(name: str) -> str:
    return f"Choose another, such as 'my-{name}'."
