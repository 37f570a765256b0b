"""Folders of model files: in the hub's cache, fetched from the hub where that is needed and allowed, or local.

What is wanted of a repository is said by a :class:`Wanted`, of an encoder's weights and of a language model alike. The
hub's client is not imported until something has to be fetched, since ``visionlaw list`` asks what is there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from visionlaw.errors import MissingDependencyError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
SAFETENSORS = ".safetensors"
INDEX = ".index.json"
"""What is appended to the name of weights in several files, to name the list of what is where."""
SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})\.safetensors")


@dataclass(frozen=True)
class Wanted:
    """Files of a model, and how a message speaks of them.

    Attributes:
        source: Hub repository, or the absolute path of a folder.
        revision: Of the repository: a commit, a branch or a tag; None: what the hub calls main.
        files: Glob patterns, each of which has to match a file.
        what: What they are, after the name of the repository: ``the checkpoint of 'clip/vit-l-14@224'``.
        subject: What has weights: ``'clip/vit-l-14@224'``.
        folder: How another folder is given, as a command's option; empty where there is no such option.
        otherwise: Another way out, after ``or``.
        others: Patterns of files that are fetched too where there are any.
    """

    source: str
    revision: str | None
    files: tuple[str, ...]
    what: str
    subject: str
    folder: str
    otherwise: str
    others: tuple[str, ...] = ()

    @property
    def local(self) -> Path | None:
        """The folder, where it is one."""
        path = Path(self.source)
        return path if path.is_absolute() else None

    @property
    def patterns(self) -> list[str]:
        """What is fetched: the index of weights in several files comes with them, where there is one."""
        return [*self.files, *self.others, *(f"{name}{INDEX}" for name in self.files if name.endswith(SAFETENSORS))]


def is_present(wanted: Wanted) -> bool:
    """Whether all the files are on this machine."""
    folder = wanted.local or snapshot(wanted.source, wanted.revision)
    return folder is not None and not _missing(folder, wanted.files)


def folder_of(wanted: Wanted) -> Path:
    """Return the folder with the files, fetched from the hub first where they are not on this machine.

    Raises:
        WeightsError: They are not there and may not be fetched (``HF_HUB_OFFLINE``), do not exist, are gated or
            incomplete, or the weights are there as pickles only.
        MissingDependencyError: The hub's client is not installed.
    """
    folder = wanted.local or snapshot(wanted.source, wanted.revision)
    if wanted.local is None and (folder is None or _missing(folder, wanted.files)):
        folder = _fetch(wanted)
    assert folder is not None  # noqa: S101  a local one, one that was found, or one that was fetched
    missing = _missing(folder, wanted.files)
    if missing:
        raise _incomplete(wanted, folder, missing)
    return folder


def snapshot(repository: str, revision: str | None) -> Path | None:
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


def _fetch(wanted: Wanted) -> Path:
    try:
        from huggingface_hub import constants, errors, snapshot_download  # pyright: ignore[reportUnknownVariableType]
    except ImportError as error:
        raise MissingDependencyError(
            f"{wanted.what[0].upper()}{wanted.what[1:]} has to be fetched, and the hub's client is not installed.",
            "python -m pip install huggingface_hub",
        ) from error
    repository, revision = wanted.source, wanted.revision or "main"
    where = f"'{repository}' (revision {revision[:12]}), {wanted.what},"
    only = ("exclude", [f"*{name}" for name in PICKLES]) if wanted.others else ("include", wanted.patterns)
    by_hand = f"hf download {repository} --revision {revision}" + "".join(f" --{only[0]} '{name}'" for name in only[1])
    if constants.HF_HUB_OFFLINE:
        raise WeightsError(
            f"{where} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.",
            f"Run it with HF_HUB_OFFLINE=0, fetch it ({by_hand}), or {wanted.otherwise}.",
        )
    try:
        fetch = cast("Callable[..., str]", snapshot_download)
        folder = fetch(repository, revision=revision, allow_patterns=wanted.patterns or None)
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{where} is gated.",
            f"Accept its licence at https://huggingface.co/{repository}, then log in: hf auth login",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise WeightsError(
            f"{where} does not exist on the hub, or is private.",
            f"Log in (hf auth login), or {wanted.otherwise}.",
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{where} cannot be fetched: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            f"Check the network and the disk, or {wanted.otherwise}.",
        ) from error
    return Path(folder)


def _incomplete(wanted: Wanted, folder: Path, missing: list[str]) -> WeightsError:
    """Say what is not there; weights that are there as pickles only are a case of their own."""
    names = ", ".join(missing)
    convert = f"Convert them to safetensors, and give that folder: {wanted.folder}."
    pickled = [path.name for depth in ("*", "*/*") for path in folder.glob(depth) if path.suffix in PICKLES]
    if pickled and any(pattern.endswith(SAFETENSORS) for pattern in missing):
        return WeightsError(
            f"The weights of {wanted.subject} in '{folder}' are pickles, which can run code: {pickled[0]}.",
            convert,
        )
    if any(pattern in wanted.files for pattern in missing if pattern.endswith(SAFETENSORS)) and wanted.local is None:
        return WeightsError(
            f"'{wanted.source}', {wanted.what}, holds no weights {names}; pickles, which can run "
            "code, are not fetched.",
            convert,
        )
    what = wanted.what[0].upper() + wanted.what[1:]
    return WeightsError(f"{what} in '{folder}' lacks {names}.", "Fetch it again, or give a folder that is complete.")
