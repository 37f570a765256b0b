"""Checkpoints: where an encoder's weights are, whether they are there, and how they get there.

A spec names a hub repository with a pinned revision, or a local folder by its absolute path (``--checkpoint`` puts one
there). Plugins load from the folder that :func:`weights_folder` returns, with their library's offline loader. Imports
neither torch nor the hub's client until something has to be fetched, since ``visionlaw list`` asks what is there.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from visionlaw.errors import MissingDependencyError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from visionlaw.specs import EncoderSpec

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
SAFETENSORS = ".safetensors"
INDEX = ".index.json"
"""What is appended to the name of weights in several files, to name the list of what is where."""
SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})\.safetensors")


def weights_present(spec: EncoderSpec) -> bool | None:
    """Whether all files of an encoder's checkpoint are on this machine; None for an encoder without a checkpoint."""
    if spec.checkpoint is None:
        return None
    folder = _local_folder(spec.checkpoint) or _snapshot(spec.checkpoint, spec.revision)
    return folder is not None and not _missing(folder, spec.files)


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
    local = _local_folder(spec.checkpoint)
    if local is None:
        return _hub_folder(spec, f"give a folder: --checkpoint {spec.id}=FOLDER")
    if not local.is_dir():
        raise WeightsError(
            f"The checkpoint of '{spec.id}', '{local}', is not a folder.", "Give the folder that holds config.json."
        )
    return _complete(spec, local)


def config_folder(spec: EncoderSpec) -> Path:
    """Return a folder with the config.json of a hub repository, fetching that file alone where it is not there.

    For families that are resolved by it: the folder's name is the commit that it is of.

    Args:
        spec: Names ``checkpoint`` and ``revision``; nothing else of it need be right.

    Raises:
        WeightsError: It is not there and may not be fetched, does not exist, or is gated.
        MissingDependencyError: The hub's client is not installed.
    """
    asked = spec.model_copy(update={"files": ("config.json",)})
    # Its encoder is not known without it, so that a folder of weights would come too early.
    return _hub_folder(asked, "take another encoder")


def pinned(spec: EncoderSpec) -> EncoderSpec:
    """Return the spec with the commit that its checkpoint is of, where the spec names none: features are of weights.

    That is the commit which the hub's cache has as main; main is fetched where there is none.

    Raises:
        WeightsError, MissingDependencyError: As :func:`weights_folder`.
    """
    if spec.checkpoint is None or spec.revision is not None or _is_local(spec):
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
    patterns = _with_indices(spec.files) or ["**/*"]
    found = sorted(path for pattern in patterns for path in weights_folder(local).glob(pattern))
    digest = hashlib.sha256()
    for path in (path for path in dict.fromkeys(found) if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder.absolute())} {content}\n".encode())
    return local.model_copy(update={"revision": f"sha256:{digest.hexdigest()[:32]}"})


def _hub_folder(spec: EncoderSpec, otherwise: str) -> Path:
    """Return the folder of a hub repository, fetched where it is not there; ``otherwise`` is another way out."""
    folder = _snapshot(str(spec.checkpoint), spec.revision)
    if folder is None or _missing(folder, spec.files):
        folder = _fetch(spec, otherwise)
    return _complete(spec, folder)


def _complete(spec: EncoderSpec, folder: Path) -> Path:
    missing = _missing(folder, spec.files)
    if missing:
        raise _incomplete(spec, folder, missing)
    return folder


def _local_folder(checkpoint: str) -> Path | None:
    path = Path(checkpoint)
    return path if path.is_absolute() else None


def _is_local(spec: EncoderSpec) -> bool:
    return _local_folder(spec.checkpoint or "") is not None


def _snapshot(repository: str, revision: str | None) -> Path | None:
    """Return the folder of a revision in the hub's cache, or None."""
    base = hub_cache() / f"models--{repository.replace('/', '--')}"
    name = revision or "main"
    reference = base / "refs" / name
    try:
        commit = reference.read_text().strip() if reference.is_file() else name
    except OSError:
        return None
    folder = base / "snapshots" / commit
    return folder if folder.is_dir() else None


def hub_cache() -> Path:
    """Return the hub's cache folder, by the same environment variables as the hub's client."""
    explicit = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    home = os.environ.get("HF_HOME")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return (Path(home) if home else cache / "huggingface").expanduser() / "hub"


def _missing(folder: Path, patterns: tuple[str, ...]) -> list[str]:
    """Return the patterns that no file matches, and the names of the parts that others of their kind call for."""
    found = {pattern: [path for path in folder.glob(pattern) if path.is_file()] for pattern in patterns}
    parts = [part for paths in found.values() for path in paths for part in _siblings(path) if not part.is_file()]
    return [pattern for pattern, paths in found.items() if not paths] + sorted({part.name for part in parts})


def _siblings(path: Path) -> list[Path]:
    """Return all files of weights that are split into shards, by the name of one of them."""
    shard = SHARD.fullmatch(path.name)
    if shard is None:
        return []
    count = int(shard["count"])
    numbers = range(1, count + 1)
    return [path.with_name(f"{shard['name']}-{number:05d}-of-{count:05d}{SAFETENSORS}") for number in numbers]


def _with_indices(patterns: tuple[str, ...]) -> list[str]:
    """Return patterns to fetch: the index of weights in several files comes with them, where there is one."""
    return [*patterns, *(f"{pattern}{INDEX}" for pattern in patterns if pattern.endswith(SAFETENSORS))]


def _fetch(spec: EncoderSpec, otherwise: str) -> Path:
    try:
        from huggingface_hub import constants, errors, snapshot_download  # pyright: ignore[reportUnknownVariableType]
    except ImportError as error:
        raise MissingDependencyError(
            f"The checkpoint of '{spec.id}' has to be fetched, and the hub's client is not installed.",
            "python -m pip install huggingface_hub",
        ) from error
    repository, revision = str(spec.checkpoint), spec.revision or "main"
    where = f"'{repository}' (revision {revision[:12]}), the checkpoint of '{spec.id}',"
    wanted = _with_indices(spec.files)
    by_hand = f"hf download {repository} --revision {revision}" + "".join(f" --include '{name}'" for name in wanted)
    if constants.HF_HUB_OFFLINE:
        raise WeightsError(
            f"{where} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.",
            f"Run it with HF_HUB_OFFLINE=0, fetch it ({by_hand}), or {otherwise}.",
        )
    try:
        fetch = cast("Callable[..., str]", snapshot_download)
        folder = fetch(repository, revision=revision, allow_patterns=wanted or None)
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{where} is gated.",
            f"Accept its licence at https://huggingface.co/{repository}, then log in: hf auth login",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise WeightsError(
            f"{where} does not exist on the hub, or is private.",
            f"Log in (hf auth login), or {otherwise}.",
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{where} cannot be fetched: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            f"Check the network and the disk, or {otherwise}.",
        ) from error
    return Path(folder)


def _incomplete(spec: EncoderSpec, folder: Path, missing: list[str]) -> WeightsError:
    """Say what is not there; weights that are there as pickles only are a case of their own."""
    wanted = ", ".join(missing)
    convert = f"Convert them to safetensors, and give that folder: --checkpoint {spec.id}=FOLDER."
    pickled = [path.name for path in folder.rglob("*") if path.suffix in PICKLES]
    if pickled and any(pattern.endswith(SAFETENSORS) for pattern in missing):
        return WeightsError(
            f"The weights of '{spec.id}' in '{folder}' are pickles, which can run code: {pickled[0]}.",
            convert,
        )
    if any(pattern in spec.files for pattern in missing if pattern.endswith(SAFETENSORS)) and not _is_local(spec):
        return WeightsError(
            f"'{spec.checkpoint}', the checkpoint of '{spec.id}', holds no weights {wanted}; pickles, which can run "
            "code, are not fetched.",
            convert,
        )
    return WeightsError(
        f"The checkpoint of '{spec.id}' in '{folder}' lacks {wanted}.",
        "Fetch it again, or give a folder that is complete.",
    )
