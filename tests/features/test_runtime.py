from __future__ import annotations

import shutil
import warnings

import pytest
import torch
from torch import nn

from visionlaw.errors import ConfigError
from visionlaw.features.early_exit import read_outputs
from visionlaw.features.preprocess import prepare
from visionlaw.features.runtime import Runtime, place


class Projected:
    """Patches times a matrix: an encoder that shows its module."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = nn.Linear(3 * 16 * 16, 8)
        self.saw: list[torch.dtype] = []

    def preprocess(self, image):
        return prepare(image, 64, 16)

    def encode(self, batch):
        self.saw.append(batch.dtype)
        return self.module(nn.functional.unfold(batch, 16, stride=16).transpose(1, 2))


@pytest.fixture
def batch() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_precision_is_that_of_the_weights_or_of_autocast(batch, dtype, tolerance) -> None:
    exact = place(Projected(), Runtime("cpu")).encode(batch)
    assert exact.dtype is torch.float32
    halved = Projected()
    low = place(halved, Runtime("cpu", dtype)).encode(batch)
    assert low.dtype is halved.saw[0] is halved.module.weight.dtype is getattr(torch, dtype)
    mixed = Projected()
    lowered = place(mixed, Runtime("cpu", dtype, autocast=True)).encode(batch)
    assert mixed.module.weight.dtype is mixed.saw[0] is torch.float32
    assert lowered.dtype is getattr(torch, dtype)
    torch.testing.assert_close(low.float(), exact, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(lowered.float(), exact, atol=tolerance, rtol=tolerance)


def test_weights_are_frozen(batch) -> None:
    encoder = Projected()
    place(encoder, Runtime("cpu"))
    assert not encoder.module.weight.requires_grad
    assert not encoder.module.training


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="no precision 'float8'"):
        Runtime(dtype="float8")
    with pytest.raises(ConfigError, match="Autocast"):
        Runtime(autocast=True)
    for device in ("cuda:99", "nonsense"):
        with pytest.raises(ConfigError, match=f"no device '{device}'"):
            place(Projected(), Runtime(device))
    assert Runtime(dtype="bfloat16", autocast=True).precision == "bfloat16 autocast"


class Chain(nn.Module):
    """Blocks in a row; counts how often each runs."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))
        self.ran: list[int] = []

    def forward(self, x):
        for number, block in enumerate(self.blocks):
            self.ran.append(number)
            x = block(x).relu()
        return x


def test_a_pass_stops_after_the_last_module_that_is_read_and_the_network_stays_usable() -> None:
    chain, x = Chain(), torch.randn(3, 4)
    with torch.inference_mode():
        full = chain(x)
        first = chain.blocks[0](x)
        third = chain.blocks[2](chain.blocks[1](first.relu()).relu())
        chain.ran.clear()
        two, zero = read_outputs([chain.blocks[2], chain.blocks[0]], lambda: chain(x))
        assert chain.ran == [0, 1, 2]
        torch.testing.assert_close(zero, first)
        torch.testing.assert_close(two, third)
        torch.testing.assert_close(chain(x), full)
    with pytest.raises(RuntimeError, match="called 1 of 2 modules"):
        read_outputs([chain.blocks[0], nn.Linear(4, 4)], lambda: chain(x))
    with pytest.raises(ZeroDivisionError):
        read_outputs([chain.blocks[0]], lambda: 1 / 0)
    assert not any(block._forward_hooks for block in chain.blocks)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_encoder_computes_the_same(batch) -> None:
    exact = place(Projected(), Runtime("cpu")).encode(batch)
    encoder = Projected()
    compiled = place(encoder, Runtime("cpu", compile=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own compiler, which vary from release to release
        torch.testing.assert_close(compiled.encode(batch), exact)
    assert encoder.module._compiled_call_impl is not None
