"""Checks of a plugin as a whole: its metadata, its import, its hooks.

The loader has met most faults already, and says what each is about.
"""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from visionlaw.discovery import normalise
from visionlaw.hookspecs import PROJECT
from visionlaw.plugins import Fault
from visionlaw.testing.checks import check, fail
from visionlaw.testing.listing_probe import listing_of
from visionlaw.testing.subjects import Subject


def _without(subject: Subject, *faults: Fault) -> None:
    """Fail where the loader has noted a problem of these kinds."""
    problems = [problem for problem in subject.plugin.problems if problem.fault in faults]
    if problems:
        fail(" ".join(p.reason for p in problems), " ".join(dict.fromkeys(p.remedy for p in problems)))


@check("imports", "plugin")
def imports(subject: Subject) -> None:
    """The distribution's metadata can be read, and the module that the entry point names can be imported."""
    _without(subject, "metadata", "import")


@check("hooks", "plugin", needs=("imports",))
def hooks(subject: Subject) -> None:
    """Every function named like a hook is one, is marked as one, and takes what the hook takes."""
    _without(subject, "hooks")


@check("listing", "plugin", needs=("imports", "hooks"))
def listing(subject: Subject) -> None:
    """Every listing hook returns an iterable of specs and raises nothing."""
    _without(subject, "listing")


@check("same-listing", "plugin", needs=("listing",))
def same_listing(subject: Subject) -> None:
    """Listing twice gives the same specs in the same order."""
    if not listing_of(subject.plugin).same:
        fail(f"The hooks of '{subject.name}' list something else when they are called again.", "List constants.")


@check("valid-specs", "plugin", needs=("imports",))
def valid_specs(subject: Subject) -> None:
    """Every spec that is listed is valid."""
    _without(subject, "spec")


@check("id-prefix", "plugin", needs=("imports",))
def id_prefix(subject: Subject) -> None:
    """Every encoder's id begins with the entry point's name, and no alias is another family's id."""
    _without(subject, "prefix")


@check("unique-ids", "plugin", needs=("imports",))
def unique_ids(subject: Subject) -> None:
    """No id is listed twice, nor by two plugins."""
    _without(subject, "duplicate")


@check("light-import", "plugin", needs=("imports",))
def light_import(subject: Subject) -> None:
    """Listing imports no heavy library, in a process of its own; a failure names the chain of imports."""
    chains = [" → ".join(chain) for chain in listing_of(subject.plugin).chains]
    if chains:
        fail(f"Listing imports {'; '.join(chains)}.", "Import it in the module that 'target' names.")


@check("quiet", "plugin", needs=("imports",))
def quiet(subject: Subject) -> None:
    """Importing and listing print nothing."""
    printed = listing_of(subject.plugin).printed.strip()
    if printed:
        fail(f"Listing prints '{printed.splitlines()[0][:80]}'.", "Print nothing: other programs read what we print.")


@check("core-version", "plugin")
def core_version(subject: Subject) -> None:
    """The distribution requires core, from a version on, and this core is one that it takes."""
    _without(subject, "core-version")
    if normalise(subject.plugin.distribution) == PROJECT:
        return
    needed = [r for r in _requirements(subject) if normalise(r.name) == PROJECT and _always(r)]
    if not any(s.operator in (">=", ">", "==", "~=") for r in needed for s in r.specifier):
        fail(
            f"{subject.plugin.distribution} does not say from which version of {PROJECT} on it works.",
            f"Require '{PROJECT}>=…' in its dependencies.",
        )


@check("distribution-licence", "plugin")
def distribution_licence(subject: Subject) -> None:
    """The distribution says under which licence its code is."""
    fields = _metadata(subject)
    classifiers = fields.get_all("Classifier") or []
    stated = [*(fields.get_all("License-Expression") or []), *(fields.get_all("License") or [])]
    if not stated and not any(text.startswith("License ::") for text in classifiers):
        fail(
            f"{subject.plugin.distribution} states no licence.", "Write 'license = \"…\"' (SPDX) in its pyproject.toml."
        )


@check("extras", "plugin", needs=("imports",))
def extras(subject: Subject) -> None:
    """Every extra that a spec names is one of the distribution's, and can be installed from an index."""
    declared = {normalise(name) for name in _metadata(subject).get_all("Provides-Extra") or []}
    for spec in subject.plugin.specs:
        for extra in spec.extras:
            if normalise(extra) not in declared:
                fail(
                    f"'{spec.id}' needs the extra '{extra}', which {subject.plugin.distribution} does not have.",
                    "Declare it under [project.optional-dependencies].",
                )
    for requirement in _requirements(subject):
        if requirement.url is not None:
            fail(
                f"{subject.plugin.distribution} requires '{requirement}', which no index carries.",
                "Require a name and a version.",
            )


def _metadata(subject: Subject) -> metadata.PackageMetadata:
    try:
        return metadata.metadata(subject.plugin.distribution)
    except metadata.PackageNotFoundError:
        fail(f"The metadata of {subject.plugin.distribution} are not found.", "Install it.")


def _requirements(subject: Subject) -> list[Requirement]:
    found: list[Requirement] = []
    for text in _metadata(subject).get_all("Requires-Dist") or []:
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            fail(f"{subject.plugin.distribution} requires '{text}', which cannot be read.", "Follow PEP 508.")
    return found


def _always(requirement: Requirement) -> bool:
    """Whether a requirement holds without any extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
