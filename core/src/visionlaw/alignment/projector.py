"""The projector: what stage 1 trains, from an encoder's tokens into the language model's space (PROTOCOLS §2).

A trained projector is a folder of two files: ``projector-3f0c9a17.safetensors`` holds the weights, by LLaVA's names
without its prefix (``0.weight``, ``0.bias``, ``2.weight``, ``2.bias``), and ``projector.json`` what it is a projector
of: its card. The weights are named by the beginning of their digest, which the card has in full: new ones never take
the place of those that a card still describes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from visionlaw import atomic
from visionlaw.errors import ConfigError, DataError

if TYPE_CHECKING:
    from visionlaw.alignment.language import LanguageRef
    from visionlaw.protocols import Representation

Kind = Literal["mlp2x_gelu", "linear", "identity"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CARD = "projector.json"
FORMAT = 1
_ENCODER_FACTS = ("checkpoint", "revision", "spec")
"""What of an encoder's provenance makes it another encoder; an upgrade of a library does not."""


@dataclass(frozen=True)
class ProjectorCard:
    """What a projector is a projector of, and how it was trained.

    Attributes:
        representation: Canonical id of the representation whose tokens it takes.
        kind: ``mlp2x_gelu`` (linear, GELU, linear), ``linear`` or ``identity``.
        channels: C, length of the representation's tokens.
        width: d, length of the language model's embeddings.
        encoders: Encoder id → its provenance (:attr:`visionlaw.protocols.EncoderRef.provenance`).
        language: Name, revision and fingerprint of the language model
            (:attr:`visionlaw.alignment.language.LanguageRef.provenance`).
        combiner: The combiner's id and provenance; empty for a single encoder.
        training: How it was trained: recipe, data, steps, seed, losses…, as JSON values.
        digest: Of the weights; set by :func:`save_projector`.
    """

    representation: str
    kind: Kind
    channels: int
    width: int
    encoders: Mapping[str, Mapping[str, Any]]
    language: Mapping[str, Any]
    combiner: Mapping[str, Any] = field(default_factory=dict[str, Any])
    training: Mapping[str, Any] = field(default_factory=dict[str, Any])
    digest: str = ""


def build_projector(kind: Kind, channels: int, width: int, seed: int | None = None) -> torch.nn.Sequential:
    """Return an untrained projector: tokens ``[…, channels]`` into ``[…, width]``.

    Args:
        kind: ``mlp2x_gelu``, LLaVA-1.5's; ``linear``, LLaVA's; ``identity``, which changes nothing.
        channels: C.
        width: d; equals ``channels`` for ``identity``.
        seed: Of the initial weights; None: torch's own state.

    Raises:
        ConfigError: There is no such kind, or ``identity`` cannot change the width.
    """
    if kind not in KINDS:
        raise ConfigError(f"There is no projector '{kind}'.", f"There is: {', '.join(KINDS)}.")
    if kind == "identity" and channels != width:
        raise ConfigError(
            f"The projector 'identity' cannot turn tokens of {channels} channels into {width}.",
            "Use mlp2x_gelu or linear.",
        )
    with torch.random.fork_rng(devices=(), enabled=seed is not None):  # pyright: ignore[reportUnknownMemberType]
        if seed is not None:
            torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        if kind == "identity":
            return torch.nn.Sequential()
        first = torch.nn.Linear(channels, width)
        if kind == "linear":
            return torch.nn.Sequential(first)
        return torch.nn.Sequential(first, torch.nn.GELU(), torch.nn.Linear(width, width))


def projector_folder(projectors: Path, representation: str, fingerprint: str) -> Path:
    """Return where the projector of a representation for a language model is kept.

    Args:
        projectors: :attr:`visionlaw.project.Project.projectors`.
        representation: Canonical id.
        fingerprint: Of the language model.
    """
    readable = re.sub(r"[^A-Za-z0-9.@=+-]+", "-", representation).strip("-")[:100]
    digest = hashlib.sha256(representation.encode()).hexdigest()[:8]
    return projectors / fingerprint.removeprefix("sha256:")[:12] / f"{readable}-{digest}"


def save_projector(folder: Path, projector: torch.nn.Module, card: ProjectorCard) -> ProjectorCard:
    """Write a projector; the card, written last, makes it valid, so that a killed writer leaves the old one or none.

    Returns:
        The card with its digest, as :func:`read_card` will return it.

    Raises:
        DataError: A weight is not finite: nothing is written.
        OSError: The folder cannot be written to.
    """
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in projector.state_dict().items()}
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise DataError(
                f"The projector of '{card.representation}' has diverged: {name} is not finite.",
                "Train it with a smaller learning rate.",
            )
    content = save_tensors(tensors)
    described = _to_json(replace(card, digest=_digest(content)))
    whole = _from_json(described)
    atomic.write_bytes(weights_file(folder, whole), content)
    atomic.write_bytes(folder / CARD, described)
    for other in folder.glob("projector-*.safetensors"):
        if other != weights_file(folder, whole):
            other.unlink(missing_ok=True)
    atomic.sweep(folder)
    return whole


def weights_file(folder: Path, card: ProjectorCard) -> Path:
    """Return the file with the weights of the projector in a folder."""
    return folder / f"projector-{card.digest.removeprefix('sha256:')[:8]}.safetensors"


def read_card(folder: Path) -> ProjectorCard | None:
    """Return the card of the projector in a folder; None where there is none.

    Raises:
        DataError: It cannot be read.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        return _from_json(path.read_bytes())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"'{path}' cannot be read: {error}.", "Train the projector again.") from error


def load_projector(folder: Path) -> tuple[torch.nn.Sequential, ProjectorCard]:
    """Return the projector in a folder, frozen, in float32 on the CPU, and its card.

    Raises:
        DataError: There is none, or its weights are not those that its card describes.
    """
    card = read_card(folder)
    if card is None:
        raise DataError(f"There is no projector in '{folder}'.", "Train it: visionlaw align")
    path = weights_file(folder, card)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.", "Train it: visionlaw align") from error
    if _digest(content) != card.digest:
        raise DataError(f"'{path}' is not what '{CARD}' beside it describes.", "Train the projector again.")
    try:
        # Neither memory nor random numbers are spent on weights that are replaced at once.
        with torch.device("meta"):
            projector = build_projector(card.kind, card.channels, card.width)
        projector.load_state_dict(load_tensors(content), assign=True)
    except (RuntimeError, ValueError, ConfigError, SafetensorError) as error:
        raise DataError(
            f"'{path}' holds no {card.kind} projector of {card.channels} channels to {card.width}.", "Train it again."
        ) from error
    return projector.requires_grad_(False).eval(), card


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()[:32]}"


def _to_json(card: ProjectorCard) -> bytes:
    facts = {part.name: getattr(card, part.name) for part in fields(card)}
    return json.dumps({"format": FORMAT, **facts}, indent=1, default=_plain).encode()


def _plain(value: object) -> Any:
    """Return a mapping of any other kind as a dict."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise TypeError(f"{value!r} is no JSON value")


def _from_json(content: bytes) -> ProjectorCard:
    facts: dict[str, Any] = json.loads(content)
    if facts.pop("format") != FORMAT:
        raise ValueError("it is of another version of visionlaw")
    card = ProjectorCard(**facts)
    for part in fields(card):
        value, kind = getattr(card, part.name), str(part.type).partition("[")[0]
        wanted = {"str": str, "Kind": str, "int": int, "Mapping": dict}[kind]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ValueError(f"'{part.name}' is {value!r}")
    if card.kind not in KINDS or card.channels < 1 or card.width < 1:
        raise ValueError(f"there is no projector {card.kind} of {card.channels} channels to {card.width}")
    return card


def check_projector(card: ProjectorCard, representation: Representation, language: LanguageRef | None = None) -> None:
    """Check that a projector was trained for these encoders, and for this language model.

    An encoder is another one when its checkpoint, its revision or its spec differs; not when a library was upgraded.

    Args:
        card: Of the projector.
        representation: Whose tokens it is to project.
        language: The language model that it is to project into; None: that does not matter.

    Raises:
        DataError: It was not.
    """
    known = {part.id: part.provenance for part in representation}
    again = f"Train it again: visionlaw align '{' + '.join(known)}'"
    if list(known) != list(card.encoders):
        raise DataError(f"The projector of '{card.representation}' is none of '{' + '.join(known)}'.", again)
    for name, facts in known.items():
        differing = [key for key in _ENCODER_FACTS if facts.get(key) != card.encoders[name].get(key)]
        if differing:
            fact = differing[0]
            raise DataError(
                f"The projector of '{card.representation}' was trained for another '{name}': its {fact} was "
                f"{card.encoders[name].get(fact)} and is {facts.get(fact)}.",
                again,
            )
    if language is not None and card.language.get("fingerprint") != language.fingerprint:
        raise DataError(
            f"The projector of '{card.representation}' was trained for the language model "
            f"'{card.language.get('name')}', not for '{language.name}'.",
            f"{again} --lm {language.name}",
        )
