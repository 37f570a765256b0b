"""What numbers depend on beside visionlaw: installed libraries, and the source of a plugin's code.

Versions are those of the installed metadata. They go into the key of cached features and of scores, so that an upgrade
computes anew instead of passing old numbers off as new ones.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionlaw.errors import MissingDependencyError

if TYPE_CHECKING:
    from visionlaw.registry import Entry
    from visionlaw.specs import Spec

CORE = "visionlaw"
FOR_PEOPLE = {"description", "aliases", "tags", "license", "parameters", "deprecated", "superseded_by"}
FOR_CHECKS = {"tiny", "range", "scale_invariant"}
WEIGHTS = {"checkpoint", "revision", "files"}  # a provenance names the first two itself
NUMERIC = ("numpy", "pillow", "torch")
"""The libraries that core's own preprocessing and scores are computed with."""
EXTRAS = {"language": ("transformers", "tokenizers"), "transport": ("pot",)}
"""Those that some of core's scores are computed with beside, by extra."""


def library_versions(names: Iterable[str] = NUMERIC) -> dict[str, str]:
    """Return the versions of those of the distributions that are installed."""
    found = ((name, _version(name)) for name in names)
    return {name: version for name, version in found if version}


def versions_behind(distribution: str, extras: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of what a plugin computes with: the libraries that it requires, and core's ``NUMERIC`` ones.

    Core itself does not count: a release that changes features says so by the cache's ``FORMAT``, and any other need
    not cost an extraction. Nor does what the required libraries require themselves.

    Args:
        distribution: The plugin's distribution.
        extras: Those of its extras that are used.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    core = canonicalize_name(distribution) == CORE
    names: set[str] = {*NUMERIC, *(name for extra in extras if core for name in EXTRAS.get(extra, ()))}
    # What core requires for its database and its command line cannot change a number.
    for text in [] if core else _requirements(distribution):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in ("", *extras)):
            names.add(canonicalize_name(requirement.name))
    return library_versions(sorted(names - {CORE}))


def provenance_of(entry: Entry) -> dict[str, Any]:
    """Return what the numbers of a plugin's contribution depend on, its options aside, as JSON values.

    ``distribution`` and ``version``; ``libraries`` as :func:`versions_behind`; ``spec`` as :func:`spec_digest`;
    ``source`` as :func:`source_digest`, where there is one.
    """
    facts = {
        "distribution": entry.distribution,
        "version": entry.version,
        "libraries": versions_behind(entry.distribution, entry.spec.extras),
        "spec": spec_digest(entry.spec),
        "source": source_digest(entry.spec.target),
    }
    return {key: value for key, value in facts.items() if value is not None}


def spec_digest(spec: Spec) -> str:
    """Return the digest of a spec, without what is there for people or checks alone, and where its weights are.

    Defaults do not count either: a field that core gains later must not make the numbers of older plugins strange.
    """
    said = spec.model_dump_json(exclude=FOR_PEOPLE | FOR_CHECKS | WEIGHTS, exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def source_digest(target: str) -> str | None:
    """Return the digest of the file that holds a target, ``package.module:callable``; None where there is no file.

    It tells when code is edited in place, where the version stays the same. What the module imports from elsewhere
    counts through versions alone.
    """
    try:
        spec = importlib.util.find_spec(target.partition(":")[0])
        if spec is None or spec.origin is None or not spec.has_location:
            return None
        return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:16]
    except Exception:  # noqa: BLE001  it imports the target's package, which is a plugin's code; loading it will tell
        return None


def require_torch() -> None:
    """Check that torch can be imported.

    Raises:
        MissingDependencyError: It cannot.
    """
    try:
        import torch  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"Features are computed with torch, which cannot be imported: {str(error).rstrip('.')}.",
            "python -m pip install 'visionlaw[torch]'",
        ) from error


@contextmanager
def quiet_transformers() -> Generator[None]:
    """Keep transformers' reports and progress bars off the terminal: what matters of them becomes an error."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except (metadata.PackageNotFoundError, KeyError):  # not installed, or its metadata are damaged
        return None


def _requirements(distribution: str) -> list[str]:
    try:
        return metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []
