"""What plugins and scripts build on, read from the code: one promise per line, ``name: type = default``.

A name without a promise is no part of the public surface. ``breaks.py`` tells a break from an addition.

- ``module.function()``: what it returns; ``module.function(0:x)``: its first parameter; ``(x=)``: one given by keyword.
- ``module.Class``: what it is, and of what; ``.method()``, ``.field``, ``.property`` as they are used.
- ``visionlaw verb --option``: the command line. ``check[name]``: the conformance kit, and what it checks.

Read by reflection and not by griffe, which knows signatures alone: of nine breaks seeded into code like ours (bounds,
``Literal``, required fields, methods of protocols, types of parameters, defaults) griffe 2 finds one, the default.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin

from api_names import BLOCKS, LISTED, WHOLE, own_names
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

REQUIRED = "required"


def read_surface() -> dict[str, str]:
    """Return every promise: name → type and default."""
    found: dict[str, str] = {}
    for module in WHOLE:
        found |= promises_of(importlib.import_module(module))
    for name, names in BLOCKS.items():
        found |= promises_of(importlib.import_module(name), names)
    for package in LISTED:
        found |= _promises_of_package(importlib.import_module(package), found)
    return dict(sorted((found | checks() | verbs()).items()))


def promises_of(module: ModuleType, names: tuple[str, ...] | None = None) -> dict[str, str]:
    """Return the promises of a module: of the names given, or of all that are its own and public."""
    found: dict[str, str] = {}
    for name in own_names(module) if names is None else names:
        if hasattr(module, name):  # one that is gone has no promise: that is how its removal is seen
            found |= dict(_of(f"{module.__name__}.{name}", getattr(module, name)))
    return found


def _promises_of_package(package: ModuleType, known: dict[str, str]) -> dict[str, str]:
    """Return what a package names: a short name of what has a promise elsewhere is that, and no second one."""
    found: dict[str, str] = {}
    for name in sorted(set(package.__all__) - {"__version__"}):
        thing = getattr(package, name)
        home = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', name)}"
        if name == "hookimpl":
            home = "visionlaw.hookspecs.hookimpl"
        if home in known or f"{home}()" in known:
            found[f"{package.__name__}.{name}"] = f"is {home}"
        else:
            found |= dict(_of(f"{package.__name__}.{name}", thing))
    return found


def checks() -> dict[str, str]:
    """Return the checks of the conformance kit by name: people's expected failures name them."""
    from visionlaw.testing import all_checks

    return {f"check[{check.name}]": " | ".join(sorted(check.kinds)) for check in all_checks()}


def verbs() -> dict[str, str]:
    """Return core's own verbs with their arguments and options, as they are declared."""
    from visionlaw.cli.app import app

    def walk(typer_app: Any, path: str) -> Iterator[tuple[str, str]]:
        if typer_app.registered_callback is not None:
            yield from _options(path, typer_app.registered_callback.callback)
        for command in typer_app.registered_commands:
            verb = command.name or command.callback.__name__.strip("_").replace("_", "-")
            yield f"{path} {verb}", "verb"
            yield from _options(f"{path} {verb}", command.callback)
        for group in typer_app.registered_groups:
            callback = group.typer_instance.registered_callback
            by_itself = callback is not None and callback.invoke_without_command is True
            yield f"{path} {group.name}", "verb" if by_itself else "verbs"
            yield from walk(group.typer_instance, f"{path} {group.name}")

    return dict(walk(app, "visionlaw"))


def _options(path: str, function: Any) -> Iterator[tuple[str, str]]:
    from typer.models import ArgumentInfo, OptionInfo
    from typer.utils import get_params_from_function

    for meta in get_params_from_function(function).values():
        info, kind = meta.default, _type(meta.annotation).removesuffix(" | None")
        if isinstance(info, ArgumentInfo):
            names = [info.metavar or meta.name.upper()]
        elif not isinstance(info, OptionInfo):  # typer's own: the context
            continue
        else:
            flag = meta.name.replace("_", "-")
            own = [f"--{flag}", f"--no-{flag}"] if kind == "bool" else [f"--{flag}"]
            names = [name for text in info.param_decls or own for name in text.split("/")]
        for name in names:
            default = inspect.Parameter.empty if info.default is ... else info.default
            yield f"{path} {name}", _with_default(kind, default)


def _of(name: str, thing: Any) -> Iterator[tuple[str, str]]:
    if isinstance(thing, type) and get_origin(thing) is None:
        yield from _class(name, thing)
    elif inspect.isroutine(thing):
        yield from _function(name, thing)
    else:
        yield name, _value(thing)


def _class(name: str, cls: type) -> Iterator[tuple[str, str]]:
    yield name, _described(cls)
    if issubclass(cls, BaseModel):
        for field, info in cls.model_fields.items():
            limits = "".join(f", {limit}" for limit in map(str, info.metadata) if limit.startswith(("Ge", "Le")))
            default = info.get_default(call_default_factory=True)
            yield f"{name}.{field}", _with_default(_type(info.annotation) + limits, default)
    elif issubclass(cls, enum.Enum):
        yield from ((f"{name}.{member.name}", repr(member.value)) for member in cls)
    elif not getattr(cls, "_is_protocol", False) and any(_is_ours(c) and "__init__" in vars(c) for c in cls.__mro__):
        yield from _parameters(name, inspect.signature(cls))
    inherited = {a for base in cls.__mro__ if not _is_ours(base) for a in vars(base)}
    for attribute in sorted(set(dir(cls)) - inherited | _special(cls)):
        if attribute.startswith("_") and attribute not in _special(cls):
            continue
        yield from _attribute(f"{name}.{attribute}", cls, attribute)


def _attribute(name: str, cls: type, attribute: str) -> Iterator[tuple[str, str]]:
    found = inspect.getattr_static(cls, attribute)
    if attribute in getattr(cls, "__dataclass_fields__", {}) or (
        issubclass(cls, enum.Enum) and attribute in cls.__members__
    ):
        return  # told with the constructor, or as a member
    if isinstance(found, property | functools.cached_property):
        getter = found.fget if isinstance(found, property) else found.func
        yield name, f"property {_type(inspect.signature(getter).return_annotation)}"
    elif isinstance(found, classmethod | staticmethod) or inspect.isroutine(found):
        yield from _function(name, getattr(cls, attribute), method=inspect.isfunction(found))
    else:
        yield name, _value(found)


def _special(cls: type) -> set[str]:
    """Return the special methods that a protocol or class of ours asks for or offers."""
    offered = ("__len__", "__iter__", "__getitem__", "__call__")
    return {name for name in offered for base in cls.__mro__ if _is_ours(base) and name in vars(base)}


_OTHERS = ("abc", "builtins", "collections", "enum", "pydantic", "typing", "typing_extensions")
"""Whose classes are no promise of ours."""


def _is_ours(cls: type) -> bool:
    return cls.__module__.split(".")[0] not in _OTHERS


_CAUGHT = (AssertionError, FutureWarning, Warning)


def _described(cls: type) -> str:
    """Return what a class is and of what: those that catch an error, or check a protocol, build on its bases."""
    bases = [base.__name__ for base in cls.__mro__[1:] if _is_ours(base) or base in _CAUGHT]
    if getattr(cls, "_is_protocol", False):
        word = "protocol & runtime" if getattr(cls, "_is_runtime_protocol", False) else "protocol"
    elif cls.__name__ == "Hooks":
        word = "hooks"
    else:
        word = "dataclass" if dataclasses.is_dataclass(cls) else "class"
    return " & ".join([word, *bases])


def _function(name: str, function: Any, *, method: bool = False) -> Iterator[tuple[str, str]]:
    signature = inspect.signature(function)
    if method:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    first = getattr(function, "visionlaw_spec", None) or {}
    yield f"{name}()", _type(signature.return_annotation) + (", firstresult" if first.get("firstresult") else "")
    yield from _parameters(name, signature)


def _parameters(name: str, signature: inspect.Signature) -> Iterator[tuple[str, str]]:
    for place, parameter in enumerate(signature.parameters.values()):
        key = {
            parameter.POSITIONAL_ONLY: f"{place}:",
            parameter.POSITIONAL_OR_KEYWORD: f"{place}:{parameter.name}",
            parameter.VAR_POSITIONAL: f"*{parameter.name}",
            parameter.KEYWORD_ONLY: f"{parameter.name}=",
            parameter.VAR_KEYWORD: f"**{parameter.name}",
        }[parameter.kind]
        several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        default = None if several else parameter.default
        kind = _type(parameter.annotation)
        yield f"{name}({key})", kind if several else _with_default(kind, default)


def _with_default(kind: str, default: Any) -> str:
    if default is inspect.Parameter.empty or default is PydanticUndefined:
        return f"{kind} ({REQUIRED})"
    return f"{kind} = {_plain(default)}"


def _type(annotation: Any) -> str:
    """Return a type as it would be written, its alternatives one by one."""
    if annotation is inspect.Signature.empty:
        return "Any"
    if isinstance(annotation, str):
        return annotation
    arguments, origin = get_args(annotation), get_origin(annotation)
    text = str(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    if text.startswith("typing.Literal"):
        return " | ".join(map(repr, arguments))
    if arguments and (origin is None or "Union" in str(origin)):
        return " | ".join(map(_type, arguments))
    if annotation is type(None):
        return "None"
    if arguments and origin is not None and not any(isinstance(a, list) for a in arguments):
        inner = ", ".join("..." if a is Ellipsis else _type(a) for a in arguments)
        return f"{getattr(origin, '__name__', origin)}[{inner}]"
    return annotation.__name__ if isinstance(annotation, type) else re.sub(r"(\w+\.)+", "", text)


def _value(thing: Any) -> str:
    """Return a constant: its value where it is plain, the type that an alias stands for, else its class."""
    if isinstance(thing, str | int | float | bool) or (isinstance(thing, tuple) and thing):
        return _plain(thing)
    if get_args(thing):
        return _type(thing)
    if isinstance(thing, dict):
        return " | ".join(map(repr, sorted(map(str, thing))))
    return f"a {type(thing).__name__}"


def _plain(value: Any) -> str:
    """Return a value as text that no memory address and no version of Python changes."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, tuple) and value and isinstance(value[0], type):
        return "(" + ", ".join(item.__name__ for item in value) + ")"
    text = getattr(value, "__qualname__", None) or repr(value)
    return re.sub(r" at 0x[0-9a-f]+", "", text)
