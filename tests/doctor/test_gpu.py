"""The GPU: whatever torch and its driver do, a sentence says it. torch is a stand-in: this machine may have no GPU."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from visionlaw.doctor import gpu

Module = Callable[[str, str], object]
Program = Callable[..., None]
CARDS = "NVIDIA H100 80GB HBM3, 570.86.15, 81559 MiB\nNVIDIA H100 80GB HBM3, 570.86.15, 81559 MiB"
TORCH = """
import types, warnings
__version__ = "2.9.0"
version = types.SimpleNamespace(cuda={built!r}, hip=None)
backends = types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: {mps}))

class cuda:
    @staticmethod
    def is_available():
        for text in {warnings!r}:
            warnings.warn(text)
        return {count} > 0
    @staticmethod
    def device_count():
        return {count}
    @staticmethod
    def get_device_properties(index):
        return types.SimpleNamespace(name=f"NVIDIA H100 number {{index}}", major=9, minor=0)
    @staticmethod
    def mem_get_info(index):
        return 60 * 10**9, 85 * 10**9
"""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def torch(count: int = 0, built: str | None = "13.0", mps: bool = False, warnings: tuple[str, ...] = ()) -> str:
    return TORCH.format(count=count, built=built, mps=mps, warnings=warnings)


def test_gpus_are_named_with_memory_and_driver(bench, module: Module, program: Program) -> None:
    module("torch", torch(count=2))
    program("nvidia-smi", CARDS)
    section = gpu.examine(bench())
    assert section.findings == ()
    assert [device["name"] for device in section.facts["devices"]] == ["NVIDIA H100 number 0", "NVIDIA H100 number 1"]
    assert section.facts["driver"][0]["driver"] == "570.86.15"
    assert ("device 1", "NVIDIA H100 number 1, 85 GB, 60 GB free, compute capability 9.0") in section.rows
    json.dumps(section.facts)


def test_none_is_no_problem(bench, module: Module) -> None:
    module("torch", torch())
    section = gpu.examine(bench())
    assert section.findings == ()
    assert ("devices", "none: the CPU computes") in section.rows
    module("torch", torch(mps=True))
    assert gpu.examine(bench()).facts["devices"] == [{"name": "Apple mps"}]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "raise ImportError('libcudnn.so.9: cannot open shared object file')",
            "exit code 1: ImportError: libcudnn.so.9",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("raise SystemExit('no driver')", "exit code 1: no driver"),
    ],
)
def test_a_torch_that_cannot_be_imported_is_told(bench, module: Module, code: str, words: str) -> None:
    module("torch", code)
    (finding,) = gpu.examine(bench()).findings
    assert words in finding.message
    assert "https://pytorch.org" in finding.remedy


def test_a_driver_that_hangs_torch_is_given_up(bench, module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "SECONDS", 2)
    module("torch", "import time; time.sleep(60)")
    (finding,) = gpu.examine(bench()).findings
    assert "did not end within 2 s" in finding.message


def test_a_gpu_that_torch_cannot_use_is_told_with_the_reason(
    bench, module: Module, program: Program, monkeypatch
) -> None:
    program("nvidia-smi", CARDS)
    module("torch", torch(built=None))
    (finding,) = gpu.examine(bench()).findings
    assert "H100" in finding.message
    assert "driver 570.86.15" in finding.message
    assert "it is built for no GPU" in finding.message
    module("torch", torch(warnings=("CUDA initialization: The NVIDIA driver on your system is too old.\nUpdate",)))
    (finding,) = gpu.examine(bench()).findings
    assert "cannot use: CUDA initialization: The NVIDIA driver on your system is too old." in finding.message
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (finding,) = gpu.examine(bench()).findings
    assert finding.message.startswith("CUDA_VISIBLE_DEVICES='' hides")


def test_a_driver_that_does_not_answer_is_told(bench, module: Module, program: Program) -> None:
    module("torch", torch())
    program("nvidia-smi", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", code=9)
    (finding,) = gpu.examine(bench()).findings
    assert "couldn't communicate with the NVIDIA driver" in finding.message


def test_without_torch_nothing_is_asked(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    section = gpu.examine(bench())
    assert (section.facts["torch"], section.findings) == (None, ())
