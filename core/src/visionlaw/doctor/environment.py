"""The section ``environment``: the variables that change what visionlaw does; values of secrets are not shown."""

from __future__ import annotations

import os

from visionlaw.datasets.cachefolder import ENVIRONMENT as CACHE
from visionlaw.discovery import DISABLE_VARIABLE
from visionlaw.doctor.bench import Bench
from visionlaw.doctor.privacy import HIDDEN, is_secret
from visionlaw.doctor.section import Finding, Section
from visionlaw.doctor.store import VARIABLE as STORE
from visionlaw.errors import did_you_mean
from visionlaw.plugins import STRICT_VARIABLE

OURS = "VISIONLAW_"
KNOWN = (STORE, CACHE, DISABLE_VARIABLE, STRICT_VARIABLE)
PREFIXES = (OURS, "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TORCH", "PYTORCH_", "CUDA_", "NVIDIA_VISIBLE")
OTHERS = ("PYTHONPATH", "PYTHONHOME", "XDG_CACHE_HOME", "OMP_NUM_THREADS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def examine(bench: Bench) -> Section:
    """Say which variables are set, and which of ours are misspelled."""
    found = {
        name: f"{HIDDEN} (set)" if is_secret(name) and value else value
        for name, value in sorted(os.environ.items())
        if name.startswith(PREFIXES) or name.upper() in OTHERS
    }
    findings = [
        Finding(f"Nothing reads the environment variable {name}.", suggestion)
        for name in found
        # A plugin may have variables of its own: only what looks like one of core's is told.
        if name.startswith(OURS) and name not in KNOWN and (suggestion := _suggestion(name))
    ]
    rows = tuple(found.items()) or (("none", "of those that matter are set"),)
    return Section(found, rows, tuple(findings))


def _suggestion(name: str) -> str:
    # Without what they all begin with, by which any two are close.
    known = [variable.removeprefix(OURS) for variable in KNOWN]
    return did_you_mean(name.removeprefix(OURS), known, limit=1).replace("'", f"'{OURS}", 1)
