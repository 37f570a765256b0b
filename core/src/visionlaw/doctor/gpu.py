"""The section ``gpu``: what torch sees and what the driver says, asked in processes of their own.

A broken driver can hang or end a Python that imports torch.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from typing import Any

from visionlaw.doctor.bench import Bench
from visionlaw.doctor.processes import ask
from visionlaw.doctor.section import Finding, Section, size_text

SECONDS = 60
DRIVER_SECONDS = 10
GET_STARTED = "https://pytorch.org/get-started/locally"


def examine(bench: Bench) -> Section:
    """Say which GPUs there are, and whether torch can use them."""
    cards, driver_fault = _driver()
    facts: dict[str, Any] = {"torch": None, "devices": [], "driver": cards}
    findings: list[Finding] = []
    if driver_fault:
        findings.append(Finding(f"The NVIDIA driver does not answer: {driver_fault}.", "Reinstall it, or restart."))
    if importlib.util.find_spec("torch") is None:
        rows = [("torch", "not installed")]
    else:
        outcome = ask(f"{__name__}:probe", {}, SECONDS)
        if outcome.failure:
            findings.append(
                Finding(f"Importing torch and looking for a GPU {outcome.failure}.", f"Reinstall torch: {GET_STARTED}")
            )
            rows = [("torch", f"{outcome.failure}")]
        else:
            facts |= outcome.answer
            rows = _rows(facts)
            if cards and not facts["devices"]:
                findings.append(_unused(cards, facts))
    rows += [("driver", f"{card['name']}, driver {card['driver']}, {card['memory']}") for card in cards]
    return Section(facts, tuple(rows), tuple(findings))


def probe() -> dict[str, Any]:
    """Run in a process of its own: ask torch."""
    import warnings

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        import torch

        devices = [
            _device(torch, index) for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
        ]
        if torch.backends.mps.is_available():
            devices.append({"name": "Apple mps"})
    words = [str(warning.message).splitlines()[0] for warning in said if "CUDA" in str(warning.message)]
    return {
        "torch": str(torch.__version__),
        "built_for": _built_for(torch),
        "devices": devices,
        "said": words[0] if words else "",
    }


def _device(torch: Any, index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    capability = f"{properties.major}.{properties.minor}"
    return {"name": properties.name, "capability": capability, "free": int(free), "memory": int(total)}


def _built_for(torch: Any) -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    hip = getattr(torch.version, "hip", None)
    return f"ROCm {hip}" if hip else "no GPU of NVIDIA or AMD"


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    devices = [(f"device {number}", _device_text(device)) for number, device in enumerate(facts["devices"])]
    return [
        ("torch", f"{facts['torch']}, built for {facts['built_for']}"),
        *(devices or [("devices", "none: the CPU computes")]),
    ]


def _device_text(device: dict[str, Any]) -> str:
    if "memory" not in device:
        return device["name"]
    free, memory = size_text(device["free"]), size_text(device["memory"])
    return f"{device['name']}, {memory}, {free} free, compute capability {device['capability']}"


def _unused(cards: list[dict[str, str]], facts: dict[str, Any]) -> Finding:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden in ("", "-1"):
        return Finding(f"CUDA_VISIBLE_DEVICES='{hidden}' hides this machine's GPU from torch.", "Unset it.")
    reason = facts["said"] or f"it is built for {facts['built_for']}"
    return Finding(
        f"This machine has a GPU, {cards[0]['name']} with driver {cards[0]['driver']}, that torch {facts['torch']} "
        f"cannot use: {reason.rstrip('.')}.",
        f"Install a torch that is built for this driver: {GET_STARTED}",
    )


def _driver() -> tuple[list[dict[str, str]], str]:
    """Return NVIDIA's cards as the driver names them, and what is wrong with it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return [], ""
    command = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, errors="replace", timeout=DRIVER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [], f"nvidia-smi did not end within {DRIVER_SECONDS} s"
    except OSError as error:
        return [], f"nvidia-smi cannot be run: {error.strerror}"
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        return [], (lines[0].rstrip(".") if lines else f"nvidia-smi ended with exit code {done.returncode}")
    cells = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return [dict(zip(("name", "driver", "memory"), row, strict=True)) for row in cells if len(row) == 3], ""
