"""The language model that projectors are trained for: where it is, which one it is, and loading it.

Any causal language model of transformers, with its tokenizer, its weights as safetensors: a local folder, or a hub
repository at a pinned revision. Nothing here imports transformers before a model is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from visionlaw.errors import MissingDependencyError, WeightsError

if TYPE_CHECKING:
    import torch

SAMPLE, SAMPLES = 2**20, 8


@dataclass(frozen=True)
class LanguageRef:
    """A language model that is on this machine.

    Attributes:
        name: Hub repository, or the folder.
        revision: Commit of the hub repository; None for a folder.
        folder: Where its files are.
        fingerprint: Of its configuration, tokenizer and weights: the same wherever they are.
        width: d, length of a token's embedding.
        context: The longest sequence, in tokens; None where its configuration does not say.
    """

    name: str
    revision: str | None
    folder: Path
    fingerprint: str
    width: int
    context: int | None

    @property
    def provenance(self) -> dict[str, Any]:
        """What numbers depend on, as JSON values; the name is for people."""
        return {"name": self.name, "revision": self.revision, "fingerprint": self.fingerprint}


def find_language(name: str, revision: str | None = None) -> LanguageRef:
    """Return a language model by folder or hub repository; fetched from the hub where that is needed and allowed.

    Raises:
        WeightsError: It is not there, has no tokenizer, or has its weights as pickles only.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise WeightsError(f"There is no language model '{name}'.", "Give a folder, or a hub repository.")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = config.get("text_config", config)
    return LanguageRef(
        str(folder.resolve()),
        None,
        folder.resolve(),
        fingerprint(folder),
        text["hidden_size"],
        text.get("max_position_embeddings"),
    )


def load_language(language: LanguageRef, dtype: torch.dtype | None = None, device: str = "cpu") -> tuple[Any, Any]:
    """Load the model, frozen and in evaluation mode, and its tokenizer.

    Args:
        language: As :func:`find_language` returns it.
        dtype: Of the weights; None: float32.
        device: As torch names it.

    Returns:
        The causal language model and its tokenizer.

    Raises:
        WeightsError: It cannot be loaded.
        MissingDependencyError: transformers is not installed.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError(
            "A language model is loaded with transformers, which is not installed.",
            "python -m pip install 'visionlaw[language]'",
        ) from error
    import torch

    tokenizers, models = cast("Any", AutoTokenizer), cast("Any", AutoModelForCausalLM)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = tokenizers.from_pretrained(language.folder, **options)
    model = models.from_pretrained(language.folder, dtype=dtype or torch.float32, use_safetensors=True, **options)
    return model.to(device).eval().requires_grad_(False), tokenizer


def fingerprint(folder: Path) -> str:
    """Return the digest of a model folder: of small files all, of weights their size and 8 MB spread over them.

    Reading 14 GB would take minutes; weights that differ at all, as after any training, differ nearly everywhere.
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.name in _IDENTITY or p.suffix == ".safetensors"):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for part in range(SAMPLES):
                file.seek(part * max(0, size - SAMPLE) // (SAMPLES - 1))
                digest.update(file.read(SAMPLE))
                if size <= SAMPLE:
                    break
    return f"sha256:{digest.hexdigest()[:32]}"


_IDENTITY = ("config.json", "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "chat_template.jinja")
