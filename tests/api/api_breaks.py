"""What a change of the public surface does to a plugin that was built before it: nothing, or it breaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PROMISE = re.compile(r"(?P<type>.*?)(?: = (?P<default>.*)| \((?P<required>required)\))?", re.S)


@dataclass(frozen=True)
class Break:
    """One promise that no longer holds.

    Attributes:
        name: Of the promise, as it is recorded.
        what: The rest of the sentence.
    """

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


def read_record(text: str) -> dict[str, str]:
    """Return the promises of a recorded surface: name → type and default."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def find_breaks(before: Mapping[str, str], now: Mapping[str, str]) -> list[Break]:
    """Return what breaks between two surfaces, by name.

    A promise breaks that is gone, takes less, gives more, or has another default. What is new breaks where it is
    required of those who did not know it: a required parameter or field, anything new in a protocol, which plugins
    implement, and a parameter of a hook.
    """
    gone = before.keys() - now.keys()
    # A class that is gone is told once, and not again for each of its methods.
    found = [Break(name, "was removed") for name in gone if _owner(before, name) not in gone]
    for name in before.keys() & now.keys():
        if before[name] != now[name]:
            what = _change(before, name, before[name], now[name])
            found += [Break(name, what)] if what else []
    for name in now.keys() - before.keys():
        what = _demand(before, name, now[name])
        found += [Break(name, what)] if what else []
    return sorted(found, key=lambda broken: broken.name)


def announced(broken: Break, changelog: str) -> bool:
    """Whether [Unreleased] of the changelog names it, or what it is part of, under Changed or Removed.

    A name stands there in backticks, as it is recorded; that of a class or function covers what is in it.
    """
    names, owner = {broken.name}, _parent(broken.name)
    while owner is not None:
        names.add(owner)
        owner = _parent(owner)
    unreleased = re.search(r"^## \[Unreleased\](.*?)(?=^## \[|\Z)", changelog, re.M | re.S)
    text = unreleased[1] if unreleased else ""
    sections = re.findall(r"^### (?:Changed|Removed)$(.*?)(?=^### |\Z)", text, re.M | re.S)
    told = {name for section in sections for name in re.findall(r"`([^`]+)`", section)}
    return not {name.removesuffix("()") for name in names}.isdisjoint(name.removesuffix("()") for name in told)


def _parent(name: str) -> str | None:
    """Return what a name is part of: the function of a parameter, the class of a field, the verb of an option."""
    if name.startswith("check["):
        return None
    if " " in name and not name.endswith(")"):
        return name.rpartition(" ")[0]
    if name.endswith(")") and not name.endswith("()"):
        return name.rpartition("(")[0] + "()"
    return name.removesuffix("()").rpartition(".")[0] or None


def _owner(surface: Mapping[str, str], name: str) -> str | None:
    """Return the recorded thing that a name is part of; the parameters of a class are the class's own."""
    parent = _parent(name)
    return parent if parent is None or parent in surface else parent.removesuffix("()")


def _implemented(surface: Mapping[str, str], name: str) -> str:
    """Return ``protocol`` or ``hooks`` where plugins implement what the name is part of, else nothing."""
    owner: str | None = name
    while owner := _parent(owner):
        for word in ("protocol", "hooks"):
            if re.match(rf"{word}\b", surface.get(owner, "")):
                return word
    return ""


def _change(before: Mapping[str, str], name: str, old: str, new: str) -> str:
    """Return what is broken about a promise that is worded otherwise now, or nothing."""
    was, is_ = _parts(old), _parts(new)
    a, b = _alternatives(was["type"]), _alternatives(is_["type"])
    gives = name.endswith("()") or old.startswith("property ")
    # Plugins implement protocols and hooks, and both build and read dataclasses: neither direction is safe.
    both = _implemented(before, name) or before.get(_owner(before, name) or "", "").startswith("dataclass")
    fine = a == b if both else (b <= a if gives else a <= b)
    if not fine:
        return f"was '{was['type']}' and is '{is_['type']}'"
    if was["required"]:
        return ""
    if is_["required"]:
        return "has become required"
    if was["default"] != is_["default"]:
        return f"had the default {was['default']} and has {is_['default']}"
    return ""


def _demand(before: Mapping[str, str], name: str, new: str) -> str:
    """Return what a new name asks of those who did not know it, or nothing."""
    owner = _owner(before, name)
    if owner is None or owner not in before:
        return ""
    place = _implemented(before, name)
    is_parameter = name.endswith(")") and not name.endswith("()")
    if place == "protocol" or (place == "hooks" and is_parameter):
        return f"is new in a {place.removesuffix('s')} that plugins have implemented without it"
    return "is new and required" if _parts(new)["required"] else ""


def _parts(text: str) -> dict[str, str | None]:
    matched = _PROMISE.fullmatch(text)
    assert matched is not None
    return matched.groupdict()


def _alternatives(text: str | None) -> set[str]:
    """Return the alternatives of a type, those within brackets apart, and each base of a class."""
    depth, parts = 0, [""]
    for character in text or "":
        depth += (character in "[(") - (character in "])")
        if character in "|&" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return {part.strip() for part in parts}
