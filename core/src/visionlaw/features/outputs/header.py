"""What an output is of: the header, and the manifest.json that states it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from visionlaw.atomic import write_bytes
from visionlaw.errors import DataError, did_you_mean
from visionlaw.features.outputs.formats import Format

Dtype = Literal["float32", "float16", "bfloat16"]

MANIFEST = "manifest.json"
VERSION = 1  # Counts up when what is written changes.
DIFFERENCES_NAMED = 3


@dataclass(frozen=True)
class Header:
    """What all parts of an output have in common; another header is another output.

    Attributes:
        representation: Exact id of the encoder or combination.
        grid: Tokens per column and row, (h, w).
        channels: Length C of a token.
        dtype: Of the tokens as they are asked for; formats that have no bfloat16 keep it as float32, without loss.
        images_per_part: Images that are written at once, and that an interruption loses at the most.
        provenance: What the features depend on, as JSON values; no times and no paths.
    """

    representation: str
    grid: tuple[int, int]
    channels: int
    dtype: Dtype = "float32"
    images_per_part: int = 32
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.dtype not in get_args(Dtype):
            raise DataError(
                f"Features cannot be written as '{self.dtype}'.", f"There is: {', '.join(get_args(Dtype))}."
            )
        if min(*self.grid, self.channels, self.images_per_part) < 1:
            raise DataError("Grid, channels and images per part of an output must be at least 1.")

    @property
    def tokens(self) -> int:
        """Tokens of an image, h·w."""
        return self.grid[0] * self.grid[1]


def stored_dtype(header: Header, form: Format) -> Dtype:
    """Return the dtype that a format keeps the tokens in."""
    return "float32" if header.dtype == "bfloat16" and form is not Format.SAFETENSORS else header.dtype


def manifest_bytes(header: Header, form: Format) -> bytes:
    """Return the content of manifest.json."""
    fields: dict[str, Any] = {"visionlaw_features": VERSION, "format": form, "stored_dtype": stored_dtype(header, form)}
    fields |= vars(header) | {"provenance": dict(header.provenance)}
    return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()


def write_manifest(folder: Path, header: Header, form: Format) -> None:
    """Write manifest.json.

    Raises:
        OSError: It cannot be written.
    """
    write_bytes(folder / MANIFEST, manifest_bytes(header, form))


def read_manifest(folder: Path) -> tuple[Header, Format]:
    """Read what a folder's features are.

    Raises:
        DataError: There is no manifest.json of ours, or it is of another version.
    """
    fields = _fields(folder)
    try:
        header = Header(
            representation=fields["representation"],
            grid=(fields["grid"][0], fields["grid"][1]),
            channels=fields["channels"],
            dtype=fields["dtype"],
            images_per_part=fields["images_per_part"],
            provenance=fields["provenance"],
        )
        return header, Format(fields["format"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _damaged(folder) from error


def check_manifest(folder: Path, header: Header, form: Format) -> None:
    """Check that the features in a folder are those of a header.

    Raises:
        DataError: They are others; the sentence names up to three facts that differ.
    """
    found, wanted = dict(_flat(_fields(folder))), dict(_flat(json.loads(manifest_bytes(header, form))))
    names = [name for name in sorted(found | wanted) if found.get(name) != wanted.get(name)]
    if not names:
        return
    told = [_difference(name, found, wanted) for name in names[:DIFFERENCES_NAMED]]
    more = len(names) - len(told)
    raise DataError(
        f"'{folder}' holds other features: {'; '.join(told)}{f'; and {more} more' if more else ''}.",
        "Write to another folder, or remove this one.",
    )


def find_format(name: str) -> Format:
    """Return the format of a name.

    Raises:
        DataError: There is none.
    """
    try:
        return Format(name)
    except ValueError:
        hint = did_you_mean(name, list(Format)) or f"There is: {', '.join(Format)}."
        raise DataError(f"Features cannot be written as '{name}'.", hint) from None


def _fields(folder: Path) -> dict[str, Any]:
    try:
        fields = json.loads((folder / MANIFEST).read_bytes())
        version = fields["visionlaw_features"]
    except FileNotFoundError:
        raise DataError(f"'{folder}' holds no features: there is no {MANIFEST}.", "Give the folder itself.") from None
    except OSError as error:
        raise DataError(f"'{folder / MANIFEST}' cannot be read: {error.strerror}.", "Check the folder.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(folder) from error
    if version != VERSION:
        raise DataError(
            f"The features in '{folder}' are of version {version} of their layout, and this visionlaw knows {VERSION}.",
            "Read them with the visionlaw that wrote them, or write to another folder.",
        )
    return fields


def _damaged(folder: Path) -> DataError:
    return DataError(
        f"'{folder / MANIFEST}' is damaged, or not visionlaw's.", "Write to another folder, or remove this one."
    )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested tables by their dotted names."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _flat(inner, f"{name}.{key}" if name else str(key))  # pyright: ignore[reportUnknownArgumentType]
    else:
        yield name, value


def _difference(name: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    there, here = (json.dumps(facts[name], ensure_ascii=False) if name in facts else "" for facts in (found, wanted))
    if there and here:
        return f"{name} is {there}, not {here}"
    return f"{name} is {there}, and is not stated now" if there else f"{name} is not stated, and is {here} now"
