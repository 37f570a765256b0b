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
        """Give a field of a model its description, and show its default alone."""
        if isinstance(attr.value, griffe.ExprCall) and str(attr.value.function) == "Field":
            said = {a.name: a.value for a in attr.value.arguments if isinstance(a, griffe.ExprKeyword)}
            if attr.docstring is None and "description" in said:
                attr.docstring = griffe.Docstring(ast.literal_eval(f"({said['description']})"), parent=attr)
            attr.value = said.get("default")

    def _rewrite(self, thing: griffe.Object) -> None:
        if thing.docstring is not None:
            text = ROLE.sub(lambda role: _link(role, thing), thing.docstring.value)
            thing.docstring.value = SINCE.sub(r"\n\n*New in \1.*", BLOCK.sub(":", text))
        for member in thing.members.values():
            if isinstance(member, griffe.Object):
                self._rewrite(member)


def _link(role: re.Match[str], thing: griffe.Object) -> str:
    """Return a link that is plain code where the site has no page of what it names."""
    name = role[2]
    try:
        path = thing.resolve(name.partition(".")[0]) + name.removeprefix(name.partition(".")[0])
    except griffe.NameResolutionError:
        path = name
    shown = name.rpartition(".")[2] if role[1] else name
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'
