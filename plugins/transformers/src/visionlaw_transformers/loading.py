"""From a checkpoint's folder to a network whose weights come from it: safetensors only, and no code of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from visionlaw.errors import WeightsError
from visionlaw.guard import describe_error
from visionlaw.libraries import quiet_transformers


def load_config(folder: Path, encoder_id: str) -> Any:
    """Read the configuration of a folder with the library's own class, the vision tower's of a dual model.

    Raises:
        WeightsError: The installed library has no such architecture.
    """
    from transformers import AutoConfig

    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise WeightsError(
            f"The configuration of '{encoder_id}' in '{folder}' cannot be used: {describe_error(error)}.",
            "Update transformers, or take a model that it has; code that comes with a checkpoint is never run.",
        ) from error
    return getattr(config, "vision_config", config)


def tower_class(config: Any, encoder_id: str) -> Any:
    """Return the library's class for a vision tower's configuration, as AutoModel would choose it.

    Raises:
        WeightsError: It has none.
    """
    from transformers import MODEL_MAPPING

    found: Any = MODEL_MAPPING.get(type(config), None)  # pyright: ignore[reportUnknownMemberType]
    if found is None:
        kind = getattr(config, "model_type", "")
        raise WeightsError(f"'{encoder_id}' cannot be used: transformers has no vision tower of its own for '{kind}'.")
    return found[0] if isinstance(found, tuple) else found


def load_module(model_class: Any, folder: Path, config: Any, encoder_id: str) -> tuple[nn.Module, list[str]]:
    """Load a network in float32, in eval mode; its pooling head, which no token depends on, is left out.

    Args:
        model_class: Of transformers.
        folder: The checkpoint; weights of it that the network does not have, such as a text tower, are not loaded.
        config: Of the network; changed so that there is no head.
        encoder_id: For the messages.

    Returns:
        The network, and the names of its weights that the checkpoint lacks: they are random, see
        :func:`require_loaded`.

    Raises:
        WeightsError: The weights cannot be read, or have other shapes.
    """
    if hasattr(config, "vision_use_head"):
        config.vision_use_head = False
    headless = "add_pooling_layer" in inspect.signature(model_class.__init__).parameters
    arguments = {"add_pooling_layer": False} if headless else {}
    try:
        with quiet_transformers():
            module, info = model_class.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **arguments,
            )
    except Exception as error:
        raise WeightsError(
            f"The weights of '{encoder_id}' in '{folder}' cannot be loaded: {describe_error(error)}.",
            "Fetch the checkpoint again, or give a folder that is complete.",
        ) from error
    return module.eval().requires_grad_(False), sorted(info["missing_keys"])


def require_loaded(
    module: nn.Module, missing: Iterable[str], forward: Callable[[], torch.Tensor], encoder_id: str
) -> None:
    """Check that no token depends on a weight that was not loaded, such as that of a mask token may be.

    Those weights become NaN, which reaches every token that depends on one of them.

    Args:
        module: The network.
        missing: Names of its weights that were not loaded.
        forward: Computes tokens.
        encoder_id: For the message.

    Raises:
        WeightsError: A token depends on one.
    """
    names = list(missing)
    if not names:
        return
    tensors = module.state_dict()
    unloaded = [tensors[name] for name in names if name in tensors and tensors[name].is_floating_point()]
    with torch.inference_mode():
        for tensor in unloaded:
            tensor.fill_(torch.nan)
        finite = bool(torch.isfinite(forward()).all())
        for tensor in unloaded:
            tensor.zero_()
    if not finite:
        raise WeightsError(
            f"The checkpoint of '{encoder_id}' lacks {len(names)} weights that its tokens depend on, "
            f"{names[0]} for one.",
            "Give a checkpoint of this architecture that is complete.",
        )
