"""Docstrings as Markdown: roles become links, ``::`` before a block of code a colon, ``versionadded`` words.

The fields of specs are described where they are declared, ``Field(description=…)``; here that becomes their docstring.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`(~?)([\w.]+)`")
BLOCK = re.compile(r"::$", re.M)
SINCE = re.compile(r"\s*\bversionadded: (\S+)")


class Roles(griffe.Extension):
    """Rewrites every docstring as it is loaded."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Rewrite the docstrings of a package, once all its names are known."""
        self._rewrite(pkg)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Give a field of a model its description."""
        described = _description(attr.value)
        if attr.docstring is None and described:
            attr.docstring = griffe.Docstring(described, parent=attr)

    def _rewrite(self, thing: griffe.Object) -> None:
        if thing.docstring is not None:
            text = ROLE.sub(lambda role: _link(role, thing), thing.docstring.value)
            thing.docstring.value = SINCE.sub(r"\n\n*New in \1.*", BLOCK.sub(":", text))
        for member in thing.members.values():
            if isinstance(member, griffe.Object):
                self._rewrite(member)


def _description(value: Any) -> str:
    """Return the description in ``Field(…)``."""
    if not isinstance(value, griffe.ExprCall) or str(value.function) != "Field":
        return ""
    for argument in value.arguments:
        if isinstance(argument, griffe.ExprKeyword) and argument.name == "description":
            return ast.literal_eval(f"({argument.value})")
    return ""


def _link(role: re.Match[str], thing: griffe.Object) -> str:
    """Return a link that is plain code where the site has no page of what it names."""
    name = role[2]
    try:
        path = thing.resolve(name.partition(".")[0]) + name.removeprefix(name.partition(".")[0])
    except griffe.NameResolutionError:
        path = name
    shown = name.rpartition(".")[2] if role[1] else name
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'
