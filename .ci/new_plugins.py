#!/usr/bin/env python3
"""Every kind of new plugin, as a third party makes it: generated, built, installed as a wheel, tested, checked, listed.

    .ci/new_plugins.py VENV WHEELS

VENV has core's wheel with torch, and nothing editable; WHEELS is the folder of the first-party wheels, where what the
tests of a new plugin require comes from. Both are the caller's; the new plugins are installed into VENV.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KINDS = ("encoder", "dataset", "scorer", "sampler", "combiner", "trainer")


class Environment:
    """The environment that plugins are installed into.

    Args:
        venv: Its folder.
        wheels: Where else than on the index packages are looked for.
    """

    def __init__(self, venv: Path, wheels: Path) -> None:
        self.bin = venv.absolute() / "bin"
        self.wheels = wheels.absolute()

    def run(self, *command: str, cwd: Path) -> str:
        """Run a command of the environment and return what it writes; exit with all of it where it fails."""
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        program = str(self.bin / command[0])
        done = subprocess.run([program, *command[1:]], cwd=cwd, env=environment, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            sys.exit(f"{' '.join(command)} (in {cwd}) ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def pip(self, *arguments: str, cwd: Path) -> None:
        """Run pip."""
        self.run("python", "-m", "pip", "--quiet", *arguments, cwd=cwd)

    def visionlaw(self, *arguments: str, cwd: Path) -> object:
        """Run a verb and return its JSON."""
        return json.loads(self.run("visionlaw", *arguments, "--json", cwd=cwd))


def name_of(kind: str) -> str:
    """Return the name of the plugin of a kind."""
    return f"ci-{kind}"


def install(environment: Environment, scratch: Path) -> None:
    """Generate all kinds, build them, and install the wheels with what their tests need."""
    for kind in KINDS:
        environment.visionlaw("new-plugin", name_of(kind), "--kind", kind, "--into", kind, cwd=scratch)
    dist = scratch / "dist"
    folders = [f"./{kind}" for kind in KINDS]
    environment.pip("install", "hatchling>=1.27", cwd=scratch)  # once, instead of in an isolated environment for each
    environment.pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(dist), *folders, cwd=scratch)
    wheels = [f"{path}[test]" for path in sorted(dist.glob("*.whl"))]
    environment.pip("install", "--find-links", str(environment.wheels), *wheels, cwd=scratch)
    environment.run("python", "-m", "pip", "check", cwd=scratch)


def examine(environment: Environment, kind: str, scratch: Path) -> str:
    """Run a plugin's own tests and all checks, look for it in the list, and return what was seen in one line."""
    start = time.perf_counter()
    name, folder = name_of(kind), scratch / kind
    # Without its sources: what is tested is the wheel.
    (folder / "src").rename(folder / "not-the-wheel")
    tests = environment.run("python", "-m", "pytest", "-q", cwd=folder).strip().splitlines()[-1]
    report = environment.visionlaw("check", f"visionlaw-{name}", cwd=scratch)
    counts = {status: count for status, count in report["counts"].items() if count or status == "failed"}
    if report["counts"]["failed"] or report["counts"]["expected"] or not report["counts"]["passed"]:
        sys.exit(f"visionlaw check visionlaw-{name}: {counts}")
    for result in report["results"]:
        if result["status"] == "skipped":
            sys.stderr.write(f"  skipped {result['check']}[{result['subject']}]: {result['message']}\n")
    listed = [row["id"] for row in environment.visionlaw("list", kind, "--search", name, cwd=scratch)]
    if len(listed) != 1:
        sys.exit(f"visionlaw list {kind} --search {name} gives {listed}")
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{kind:<9} {listed[0]}: tests {tests}; checks {told} ({time.perf_counter() - start:.0f} s)"


def main() -> None:
    """Do it for every kind, one line each; the exit code is 1 at the first that fails."""
    if len(sys.argv) != 3:
        sys.exit(f"Usage: {Path(__file__).name} VENV WHEELS")
    environment = Environment(Path(sys.argv[1]), Path(sys.argv[2]))
    with tempfile.TemporaryDirectory(prefix="visionlaw-new-plugins-") as folder:
        scratch = Path(folder)
        install(environment, scratch)
        for kind in KINDS:
            print(examine(environment, kind, scratch), flush=True)


if __name__ == "__main__":
    main()
