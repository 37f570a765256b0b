"""The files of a new plugin, from templates: ``string.Template`` with the suffix ``.tmpl``.

What all kinds share is in ``templates/common``; a kind's own files lie beside it. In paths, ``PACKAGE`` stands for the
package's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from visionlaw._version import __version__
from visionlaw.hookspecs import PROJECT
from visionlaw.newplugin.kinds import METADATA, PluginKind

TEMPLATES = Path(__file__).with_name("templates")
COMMON = "common"
SUFFIX = ".tmpl"
PACKAGE = "PACKAGE"


def distribution_of(name: str) -> str:
    """Return the distribution's name."""
    return f"{PROJECT}-{name}"


def render(name: str, kind: PluginKind) -> dict[str, str]:
    """Return all files of a new plugin: path, with ``/`` → text.

    Args:
        name: As :func:`visionlaw.newplugin.names.check_name` allows it.
        kind: What it provides.
    """
    words = _words(name, kind)
    templates = [*_templates(COMMON), *_templates(kind.value)]
    files = {path.replace(PACKAGE, words["package"]): Template(text).substitute(words) for path, text in templates}
    return dict(sorted(files.items()))


def pins(version: str) -> tuple[str, str]:
    """Return the versions of core that a plugin written for one requires: from the first on, below the second.

    What is promised to plugins holds for a major version, and new promises come with minor ones.
    """
    from packaging.version import Version

    core = Version(version)
    in_the_making = core.is_prerelease and core.micro == 0
    return f"{core.major}.{core.minor}" + (".0.dev0" if in_the_making else ""), str(core.major + 1)


def _templates(folder: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every template in a folder, the suffix taken off."""
    home = TEMPLATES / folder
    for path in sorted(home.rglob(f"*{SUFFIX}")):
        yield path.relative_to(home).as_posix().removesuffix(SUFFIX), path.read_text(encoding="utf-8")


def _words(name: str, kind: PluginKind) -> dict[str, str]:
    """Return what the placeholders stand for."""
    facts = METADATA[kind]
    tested_with = (f"{PROJECT}[testing]", *facts.test)
    floor, ceiling = pins(__version__)
    return {
        "name": name,
        "distribution": distribution_of(name),
        "package": distribution_of(name).replace("-", "_"),
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "floor": floor,
        "ceiling": ceiling,
        "description": facts.description,
        "keywords": ", ".join(f'"{word}"' for word in facts.keywords),
        "extra": f"[{facts.extra}]" if facts.extra else "",
        "dependencies": "\n".join(f'  "{requirement}",' for requirement in facts.dependencies),
        "test": ", ".join(f'"{requirement}"' for requirement in tested_with),
        "tested_with": " ".join(f"'{requirement}'" for requirement in tested_with),
        "added": f"`{name}/{facts.example}`: {facts.description}",
        "numbers": facts.numbers,
        "before": "\n".join(f"- {sentence}" for sentence in facts.before),
    }
