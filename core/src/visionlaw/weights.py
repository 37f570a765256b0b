"""Checkpoints: where an encoder's weights are, whether they are there, and how they get there.

A spec names a hub repository with a pinned revision, or a local folder by its absolute path (``--checkpoint`` puts one
there). Plugins load from the folder that :func:`weights_folder` returns, with their library's offline loader. Imports
no torch: ``visionlaw list`` asks what is there.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import WeightsError
from visionlaw.hub import Wanted, folder_of, is_present

if TYPE_CHECKING:
    from visionlaw.specs import EncoderSpec


def weights_present(spec: EncoderSpec) -> bool | None:
    """Whether all files of an encoder's checkpoint are on this machine; None for an encoder without a checkpoint."""
    return None if spec.checkpoint is None else is_present(_wanted(spec))


def weights_folder(spec: EncoderSpec) -> Path:
    """Return the folder with an encoder's checkpoint, fetched from the hub first where that is allowed and needed.

    Args:
        spec: Names ``checkpoint``, ``revision`` and the ``files`` that are needed.

    Raises:
        WeightsError: The checkpoint is not there and may not be fetched (``HF_HUB_OFFLINE``), does not exist, is gated,
            lacks files, or has its weights as pickles only.
        MissingDependencyError: The hub's client is not installed.
    """
    if spec.checkpoint is None:
        raise WeightsError(f"'{spec.id}' has no checkpoint.", "Give one with --checkpoint ID=FOLDER.")
    wanted = _wanted(spec)
    if wanted.local is not None and not wanted.local.is_dir():
        raise WeightsError(
            f"The checkpoint of '{spec.id}', '{wanted.local}', is not a folder.",
            "Give the folder that holds config.json.",
        )
    return folder_of(wanted)


def config_folder(spec: EncoderSpec) -> Path:
    """Return a folder with the config.json of a hub repository, fetching that file alone where it is not there.

    For families that are resolved by it: the folder's name is the commit that it is of.

    Args:
        spec: Names ``checkpoint`` and ``revision``; nothing else of it need be right.

    Raises:
        WeightsError: It is not there and may not be fetched, does not exist, or is gated.
        MissingDependencyError: The hub's client is not installed.
    """
    # Its encoder is not known without it, so that a folder of weights would come too early.
    return folder_of(replace(_wanted(spec), files=("config.json",), otherwise="take another encoder"))


def pinned(spec: EncoderSpec) -> EncoderSpec:
    """Return the spec with the commit that its checkpoint is of, where the spec names none: features are of weights.

    That is the commit which the hub's cache has as main; main is fetched where there is none.

    Raises:
        WeightsError, MissingDependencyError: As :func:`weights_folder`.
    """
    if spec.checkpoint is None or spec.revision is not None or Path(spec.checkpoint).is_absolute():
        return spec
    return spec.model_copy(update={"revision": weights_folder(spec).name})


def with_checkpoint(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Return the spec with a local folder as its checkpoint; the revision is a digest of the files that are loaded.

    So features of the same weights are the same features wherever the folder is, and other weights are never taken for
    them.

    Raises:
        WeightsError: There is no such folder, or it lacks files.
    """
    local = spec.model_copy(update={"checkpoint": str(folder.absolute()), "revision": None})
    patterns = _wanted(local).patterns or ["**/*"]
    found = sorted(path for pattern in patterns for path in weights_folder(local).glob(pattern))
    digest = hashlib.sha256()
    for path in (path for path in dict.fromkeys(found) if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder.absolute())} {content}\n".encode())
    return local.model_copy(update={"revision": f"sha256:{digest.hexdigest()[:32]}"})


def _wanted(spec: EncoderSpec) -> Wanted:
    folder = f"--checkpoint {spec.id}=FOLDER"
    return Wanted(
        str(spec.checkpoint),
        spec.revision,
        spec.files,
        what=f"the checkpoint of '{spec.id}'",
        subject=f"'{spec.id}'",
        folder=folder,
        otherwise=f"give a folder: {folder}",
    )
