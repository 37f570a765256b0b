"""A trained MLLM as a folder.

::

    mllm.json              which state is valid, and what the model is; written last
    state-3f0c9a17/        the projector and its card: :mod:`visionlaw.alignment.projector`
    state-3f0c9a17/language/   the language model with its tokenizer, as transformers saves it; absent where the
                           language model was not trained, and is found by its name again

A new state is written beside the old one, then ``mllm.json`` names it: a killed writer leaves the old model or none.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from visionlaw import atomic
from visionlaw.alignment.language import LanguageRef, find_language, fingerprint, save_language
from visionlaw.alignment.projector import ProjectorCard, load_projector, save_projector
from visionlaw.errors import DataError, WeightsError
from visionlaw_mllm.templates import TEMPLATES, Template

CARD, STATE, LANGUAGE = "mllm.json", "state-", "language"
FORMAT = 1


@dataclass(frozen=True)
class MLLMCard:
    """What a saved model is.

    Attributes:
        representation: Canonical id of its representation.
        template: How a conversation becomes text.
        base: Name, revision and fingerprint of the language model that training started from.
        training: How it was trained: recipe, data, steps, seed, losses…, as JSON values.
    """

    representation: str
    template: Template
    base: Mapping[str, Any]
    training: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Saved:
    """What a folder holds.

    Attributes:
        card: What the model is.
        projector: In float32, on the CPU.
        projector_card: What the projector is one of.
        language: The language model to load: the trained one, or the frozen one by its name.
        base: The one that training started from; only named, it need not be on this machine.
    """

    card: MLLMCard
    projector: torch.nn.Module
    projector_card: ProjectorCard
    language: LanguageRef
    base: LanguageRef


def write_model(
    folder: Path,
    card: MLLMCard,
    projector: torch.nn.Module,
    projector_card: ProjectorCard,
    language: PreTrainedModel | None,
    tokenizer: Any,
) -> Path:
    """Write a model whole or not at all.

    Args:
        folder: Made where it is missing.
        card: What the model is.
        projector: Its projector.
        projector_card: What that is one of.
        language: The trained language model; None: it was not trained and is only named.
        tokenizer: Its tokenizer, written beside trained weights.

    Returns:
        ``folder``.

    Raises:
        DataError: A weight is not finite, or the folder cannot be written to; what was there is as it was.
    """
    state = folder / f"{STATE}{os.urandom(4).hex()}"
    try:
        save_projector(state, projector, projector_card)
        if language is not None:
            _refuse_diverged(language)
            save_language(state / LANGUAGE, language, tokenizer)
        facts = {
            "format": FORMAT,
            "state": state.name,
            "fingerprint": fingerprint(state / LANGUAGE) if language is not None else None,
            **asdict(card),
        }
        atomic.write_bytes(folder / CARD, json.dumps(facts, indent=1).encode())
    except BaseException as error:
        shutil.rmtree(state, ignore_errors=True)
        if isinstance(error, OSError):
            raise DataError(
                f"The model cannot be written to '{folder}': {error.strerror or error}.", "Choose another folder."
            ) from error
        raise
    for other in folder.glob(f"{STATE}*"):
        if other != state:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def read_model(folder: Path) -> Saved:
    """Read a saved model, its language model aside, which is only found.

    Raises:
        DataError: There is none, or it is damaged.
        WeightsError: The frozen language model is not there, or is another one now.
    """
    card, facts = _read_card(folder)
    state = folder / str(facts["state"])
    projector, projector_card = load_projector(state)
    base = _named(card.base, projector_card.width)
    if facts["fingerprint"] is not None:
        language = find_language(str(state / LANGUAGE))
        expected = facts["fingerprint"]
        remedy = "Copy the model's folder again, or train it again."
    else:
        language = base = find_language(base.name, base.revision)
        expected = card.base["fingerprint"]
        remedy = "Get the one that it was trained with, or train the model again."
    if language.fingerprint != expected:
        raise WeightsError(
            f"The language model '{language.name}' is not the one that '{folder}' was saved with.", remedy
        )
    return Saved(card, projector, projector_card, language, base)


def _read_card(folder: Path) -> tuple[MLLMCard, dict[str, Any]]:
    path = folder / CARD
    if not path.is_file():
        raise DataError(f"There is no model in '{folder}'.", "Train one: visionlaw finetune")
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes())
        if facts.pop("format") != FORMAT:
            raise ValueError("it is of another version of visionlaw")
        storage = {name: facts.pop(name) for name in ("state", "fingerprint")}
        card = MLLMCard(**facts)
        if card.template not in TEMPLATES:
            raise ValueError(f"there is no template '{card.template}'")
        return card, storage
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"'{path}' cannot be read: {error}.", "Train the model again.") from error


def _named(base: Mapping[str, Any], width: int) -> LanguageRef:
    return LanguageRef(str(base["name"]), base["revision"], Path(str(base["name"])), base["fingerprint"], width, None)


def _refuse_diverged(language: PreTrainedModel) -> None:
    for name, value in language.named_parameters():
        if not torch.isfinite(value).all():
            raise DataError(
                f"The language model has diverged: {name} is not finite.", "Train it with a smaller learning rate."
            )
