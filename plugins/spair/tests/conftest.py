"""A miniature of SPair-71k, which tests break in one place each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visionlaw.datasets.annotated import AnnotatedPairs
from visionlaw_spair.dataset import build
from visionlaw_spair.plugin import visionlaw_datasets
from visionlaw_spair.tiny import write_spair


@pytest.fixture
def spair(tmp_path: Path) -> Path:
    """The folder of a miniature SPair-71k."""
    return write_spair(tmp_path / "SPair-71k")


@pytest.fixture
def edit(spair: Path) -> Callable[..., None]:
    """Return a function that changes values of an annotation file; None takes a value out."""

    def change(name: str, **values: Any) -> None:
        note = json.loads((spair / name).read_text()) | values
        (spair / name).write_text(json.dumps({key: value for key, value in note.items() if value is not None}))

    return change


@pytest.fixture
def opened(spair: Path) -> Callable[..., AnnotatedPairs]:
    """Return a function that opens the miniature."""
    return lambda **options: build(next(visionlaw_datasets()), spair, **options)
