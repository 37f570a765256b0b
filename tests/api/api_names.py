"""The names that are promised to plugins: what has none of these names may change in any release."""

from __future__ import annotations

import importlib
import inspect
import re
from types import ModuleType

WHOLE = ("visionlaw.hookspecs", "visionlaw.specs", "visionlaw.protocols", "visionlaw.errors")
"""Modules of which every public name is a promise."""

LISTED = ("visionlaw", "visionlaw.testing")
"""Packages that name theirs by ``__all__``."""

BLOCKS = {
    # What the protocols speak of.
    "visionlaw.alignment.language": ("LanguageRef",),
    "visionlaw.features.combine": ("common_geometry", "common_grid"),
    "visionlaw.features.geometry": ("Geometry",),
    "visionlaw.features.maps": ("FeatureMap",),
    "visionlaw.features.sampling": ("resample", "unit"),
    "visionlaw.policy.belief": ("Belief",),
    "visionlaw.policy.state": ("Past", "Status", "StudyState"),
    # What the code behind a target is made with.
    "visionlaw.alignment.pooled": ("pool",),
    "visionlaw.atomic": ("write_bytes",),
    "visionlaw.datasets.annotated": ("AnnotatedPairs",),
    "visionlaw.datasets.once": ("ReadOnce",),
    "visionlaw.datasets.reading": (
        "finite",
        "finite_list",
        "inner_path",
        "list_annotations",
        "read_bytes",
        "read_json",
        "require_layout",
    ),
    "visionlaw.datasets.records": ("PairRecord", "Point"),
    "visionlaw.features.early_exit": ("read_outputs",),
    "visionlaw.features.extract": ("extract",),
    "visionlaw.features.extractor": ("Extractor",),
    "visionlaw.features.images": ("image_ref", "image_size", "list_images", "load_image"),
    "visionlaw.features.preprocess": ("prepare",),
    "visionlaw.features.results": ("Extracted", "Quarantined"),
    "visionlaw.guard": ("describe_error",),
    "visionlaw.ids": ("ENCODER_PATTERN", "WORD_PATTERN", "is_encoder_id", "prefix_of", "resolution_of"),
    "visionlaw.images.items": ("FileImages", "require_folder"),
    "visionlaw.libraries": ("quiet_transformers",),
    "visionlaw.policy.quadratic": ("predict_quadratic",),
    "visionlaw.scoring.representations": ("check_combinable", "name_of"),
    "visionlaw.weights": ("config_folder", "weights_folder"),
    "visionlaw.testing.random_weights": ("random_module",),
    # What a verb is made with.
    "visionlaw.cli.context": ("JsonOption", "SpaceOption", "project"),
    "visionlaw.cli.output": ("note", "print_json", "write"),
    "visionlaw.project": ("Project",),
}
"""Module → the names that plugins may use."""


def public_names() -> set[tuple[str, str]]:
    """Return what a plugin may import, as (module, name)."""
    whole = {(module, name) for module in WHOLE for name in own_names(importlib.import_module(module))}
    listed = {(package, name) for package in LISTED for name in importlib.import_module(package).__all__}
    return whole | listed | {(module, name) for module, names in BLOCKS.items() for name in names}


def own_names(module: ModuleType) -> list[str]:
    """Return the public names that a module itself defines: its classes, functions and constants."""
    source = inspect.getsource(module)
    assigned = set(re.findall(r"^([A-Za-z]\w*)(?:: [^=\n]+)? = ", source, re.M))
    own = {name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__}
    return sorted(name for name in own | assigned if not name.startswith("_") and name not in ("T", "R"))
