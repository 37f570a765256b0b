from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors are not worth several threads, which get into one another's way."""
    torch.set_num_threads(1)
