"""How fast `visionlaw list` and `import visionlaw` are: 20 plugins × 15 encoders, whole processes, warm."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLUGINS, ENCODERS, RUNS = 20, 15, 21
HEAVY = ("torch", "timm", "transformers", "diffusers", "open_clip")
MODULE = """
from visionlaw import EncoderSpec, hookimpl

@hookimpl
def visionlaw_encoders():
    for i in range({count}):
        yield EncoderSpec(id=f"{prefix}/model-{{i}}@224", target="{module}.net:build", checkpoint="org/model",
                          revision="0" * 40, license="MIT", resolution=224, patch=14, channels=1024,
                          parameters=300_000_000, aliases=(f"{prefix}-{{i}}",), tags=("toy", "vit"))
"""


def write_plugins(folder: Path) -> None:
    """Write 20 plugins as bare .dist-info folders."""
    for number in range(PLUGINS):
        prefix, module = f"bench{number}", f"visionlaw_bench{number}"
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: visionlaw-bench{number}\nVersion: 1.0\n"
            "Requires-Dist: visionlaw>=0.1.0.dev0,<1\n"
        )
        (info / "entry_points.txt").write_text(f"[visionlaw.v1]\n{prefix} = {module}\n")
        (folder / f"{module}.py").write_text(MODULE.format(count=ENCODERS, prefix=prefix, module=module))


def median(command: list[str], environment: dict[str, str]) -> float:
    """Return the median wall time in seconds of a whole process, after two warming runs."""
    seconds: list[float] = []
    for run in range(RUNS + 2):
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        if run >= 2:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        write_plugins(Path(name))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([name, os.environ.get("PYTHONPATH", "")])}
        listing = [sys.executable, "-m", "visionlaw", "list", "--json"]
        rows = subprocess.run(listing, env=environment, check=True, capture_output=True, text=True).stdout
        bench_rows = rows.count('"distribution": "visionlaw-bench')
        code = (
            "import sys, runpy; sys.argv = ['visionlaw', 'list']\n"
            "try: runpy.run_module('visionlaw', run_name='__main__')\n"
            f"except SystemExit: pass\nsys.stderr.write(str([m for m in {HEAVY} if m in sys.modules]))"
        )
        probe = subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
        )
        empty = median([sys.executable, "-c", "pass"], environment)
        package = median([sys.executable, "-c", "import visionlaw"], environment)
        json_time = median(listing, environment)
        table_time = median(listing[:-1], environment)
    print(f"visionlaw list, {PLUGINS} plugins × {ENCODERS} encoders ({bench_rows} rows), median of {RUNS} processes")
    print(f"  bare interpreter           {empty * 1000:6.0f} ms")
    print(f"  import visionlaw           {(package - empty) * 1000:6.1f} ms more   (at most 60)")
    print(f"  visionlaw list             {table_time * 1000:6.0f} ms        (at most 300)")
    print(f"  visionlaw list --json      {json_time * 1000:6.0f} ms")
    print(f"  heavy modules imported     {probe.stderr}")


if __name__ == "__main__":
    main()
