"""TOML with line numbers: validate a file against a pydantic model and say on which line it is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from visionlaw.errors import ConfigError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Location = Sequence[str | int]

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*(?P<key>"[^"]*"|'[^']*'|[A-Za-z0-9_\-]+)\s*[=.]""")
_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.\s]+)\s*(?:\.|$)""")


def read_toml(path: Path, model: type[Model]) -> Model:
    """Read and validate a TOML file.

    Raises:
        ConfigError: The file cannot be read, is not TOML, or does not follow the model; with ``file:line`` and, for a
            key that does not exist, the closest one that does.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"There is no file '{path}'.", "Write one with: visionlaw init") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{path}' cannot be read: {error}.", "It must be a readable UTF-8 file.") from error
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: its tables or lists are nested too deeply.", "Flatten them.") from None
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: this is not TOML: {error}.", "Correct that line.") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        line = line_of(text, first["loc"])
        raise ConfigError(f"{path}:{line}: {_sentence(first)}", _remedy(model, first)) from error


def line_of(text: str, location: Location) -> int:
    """Return the 1-based line of a key path, such as ``("policy", "budget")``: the deepest part that is found.

    List positions count the items of an array that is written one item per line.
    """
    keys = [str(part) for part in location if isinstance(part, str)]
    best, best_depth = 1, 0
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header:
            table = [_unquote(part) for part in _PART.findall(header["name"])]
            path = table
        elif key:
            path = [*table, _unquote(key["key"])]
        else:
            continue
        depth = len(path)
        if depth > best_depth and path == keys[:depth]:
            best, best_depth = number, depth
    index = next((part for part in location if isinstance(part, int)), None)
    return best if index is None else _line_of_item(text, best, index)


def _line_of_item(text: str, start: int, index: int) -> int:
    """Return the line of the ``index``-th item of an array that opens on line ``start``; ``start`` if on one line."""
    lines = text.splitlines()
    if lines[start - 1].split("#")[0].rstrip().endswith("["):
        items = [
            number
            for number, line in enumerate(lines[start:], start=start + 1)
            if line.strip() and not line.lstrip().startswith(("#", "]"))
        ]
        if index < len(items):
            return items[index]
    return start


def written_key(text: str) -> str:
    """Return a key as it is written in TOML: in quotes where it needs them."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else f'"{text}"'


def _unquote(key: str) -> str:
    return key.strip().strip("\"'")


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"there is no setting '{where}'."
    message = error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"'{where}': {message[0].lower()}{message[1:]}." if where else f"{message}."


def _remedy(model: type[BaseModel], error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return "See what is allowed: visionlaw space schema"
    known = _keys_at(model, error["loc"][:-1])
    return did_you_mean(str(error["loc"][-1]), known) or f"It can be: {', '.join(sorted(known))}."


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the schema knows at a place."""
    here: list[type[BaseModel]] = [model]
    for part in location:
        if not isinstance(part, str) or not here:
            continue
        field = here[0].model_fields.get(part)
        if field is not None:  # a key of a dict[str, Model] names no field: the model stays
            here = _models_in(field.annotation) or here
    return list(here[0].model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
