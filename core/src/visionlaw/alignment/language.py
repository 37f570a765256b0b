"""The language model that projectors are trained for: where it is, which one it is, and loading it.

Any causal language model of transformers, with its tokenizer, its weights as safetensors: a local folder, or a hub
repository at a pinned revision. Nothing here imports transformers before a model is loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from visionlaw.errors import DataError, MissingDependencyError, WeightsError
from visionlaw.guard import describe_error
from visionlaw.hub import Wanted, folder_of
from visionlaw.libraries import quiet_transformers

if TYPE_CHECKING:
    import torch

SAMPLE, SAMPLES = 2**20, 8
NEEDED = ("config.json", "model*.safetensors")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "*.tiktoken")
"""Any of these makes a tokenizer."""
BESIDE = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt", "chat_template.*")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


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

    Args:
        name: A folder, which goes first, or a hub repository.
        revision: Of the repository: a commit; None: what the hub's cache has as main, fetched where there is none.

    Raises:
        WeightsError: It is not there and may not be fetched, has no tokenizer, has its weights as pickles only, or is
            no language model.
        MissingDependencyError: It has to be fetched, and the hub's client is not installed.
    """
    local = Path(name).expanduser()
    if name and local.is_dir():
        if revision is not None:
            raise WeightsError(f"The language model '{name}' is a folder, which has no revision.", "Leave it out.")
        folder = folder_of(_wanted(name, str(local.resolve()), None))
        name = str(folder)
    elif _REPOSITORY.fullmatch(name):
        folder = folder_of(_wanted(name, name, revision))
        revision = folder.name
    else:
        raise WeightsError(
            f"There is no language model '{name}'.",
            "Give a folder that is there, or a hub repository such as org/name.",
        )
    if not any(path.is_file() for pattern in TOKENIZERS for path in folder.glob(pattern)):
        raise WeightsError(
            f"The language model '{name}' has no tokenizer in '{folder}'.",
            "Put its tokenizer there: AutoTokenizer.from_pretrained(…).save_pretrained(FOLDER).",
        )
    width, context = _shape(name, folder / "config.json")
    return LanguageRef(name, revision, folder, fingerprint(folder), width, context)


def load_language(language: LanguageRef, dtype: torch.dtype | None = None, device: str = "cpu") -> tuple[Any, Any]:
    """Load the model, frozen and in evaluation mode, and its tokenizer.

    Args:
        language: As :func:`find_language` returns it.
        dtype: Of the weights; None: float32 on a CPU, elsewhere bfloat16, or float16 where the device lacks that.
        device: As torch names it.

    Returns:
        The causal language model and its tokenizer.

    Raises:
        WeightsError: It cannot be loaded, or its weights are not complete.
        DataError: Memory does not suffice.
        ConfigError: There is no such device here.
        MissingDependencyError: transformers is not installed.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError(
            f"A language model is loaded with transformers, which cannot be imported: {str(error).rstrip('.')}.",
            "python -m pip install 'visionlaw[language]'",
        ) from error
    from visionlaw.features.batching import is_full
    from visionlaw.features.runtime import choose_device

    place = choose_device(device)
    tokenizers, models = cast("Any", AutoTokenizer), cast("Any", AutoModelForCausalLM)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers():
            tokenizer = tokenizers.from_pretrained(language.folder, **options)
            model, report = models.from_pretrained(
                language.folder,
                dtype=dtype or default_dtype(place),
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
        model = model.to(place).eval().requires_grad_(False)
    except Exception as error:
        if is_full(error):
            raise DataError(
                f"Memory does not suffice to load the language model '{language.name}'.",
                "Choose a lower precision (bfloat16), a smaller model, or another device.",
            ) from error
        raise WeightsError(
            f"The language model '{language.name}' cannot be loaded: {describe_error(error)}.",
            "Give a causal language model that this transformers knows, or upgrade: "
            "python -m pip install --upgrade transformers",
        ) from error
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise WeightsError(
            f"The weights of the language model '{language.name}' in '{language.folder}' lack {lacking[0]}"
            f"{f' and {len(lacking) - 1} more' if lacking[1:] else ''}.",
            "Fetch it again, or give a folder that is complete.",
        )
    return model, tokenizer


def default_dtype(device: torch.device) -> torch.dtype:
    """Return the precision in which a frozen language model runs where nobody has chosen one."""
    import torch

    if device.type == "cpu":
        return torch.float32
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def save_language(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write a causal language model and its tokenizer into a folder that :func:`find_language` takes.

    Raises:
        OSError: The folder cannot be written to.
    """
    with quiet_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def fingerprint(folder: Path) -> str:
    """Return the digest of a model folder: of small files all, of weights their size and 8 MB spread over them.

    Reading 14 GB would take minutes; weights that differ at all, as after any training, differ nearly everywhere.
    """
    digest = hashlib.sha256()
    found = {path for pattern in (*NEEDED, *TOKENIZERS, *BESIDE) for path in folder.glob(pattern)}
    for path in sorted(path for path in found if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if path.suffix != ".safetensors" or size <= SAMPLE * SAMPLES:
                digest.update(file.read())
                continue
            for part in range(SAMPLES):
                file.seek(part * (size - SAMPLE) // (SAMPLES - 1))
                digest.update(file.read(SAMPLE))
    return f"sha256:{digest.hexdigest()[:32]}"


def _wanted(name: str, source: str, revision: str | None) -> Wanted:
    what = f"the language model '{name}'"
    return Wanted(
        source,
        revision,
        NEEDED,
        what="the language model" if source == name else what,
        subject=what,
        folder="AutoModelForCausalLM.from_pretrained(…).save_pretrained(FOLDER)",
        otherwise="give the folder of a language model",
        others=(*TOKENIZERS, *BESIDE, "generation_config.json"),
    )


def _shape(name: str, path: Path) -> tuple[int, int | None]:
    """Return width and context of a configuration, which are called differently in GPT-2's and OPT's families."""
    try:
        config = json.loads(path.read_bytes())
        text = config.get("text_config", config)
        width = _first(text, "hidden_size", "n_embd", "d_model")
        context = _first(text, "max_position_embeddings", "n_positions", "max_seq_len")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"'{path}', the configuration of the language model '{name}', cannot be read: {describe_error(error)}.",
            "Fetch the model again.",
        ) from error
    if width is None:
        raise WeightsError(
            f"'{path}' is not the configuration of a language model: it names no hidden_size.",
            "Give a causal language model of transformers.",
        )
    return width, context


def _first(config: Mapping[str, Any], *names: str) -> int | None:
    return next((config[name] for name in names if isinstance(config.get(name), int)), None)
