"""Two environments that exclude each other fill one store, as the how-to says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SPACE = """\
[space]
representations = ["toyscore/mean@64", "acme/deep@64"]

[correspondence]
dataset = "pairs"
roots = { pairs = "data" }

[benchmarks]
mmbench = { name = "MMBench", kind = "vision" }

[alignment]
definition = "loglik"

[policy]
benchmarks = ["mmbench"]
mode = "single"
scores = { A = "a.csv" }
"""
A = "setting,benchmark,performance,a_loglik\ntoyscore/mean@64,mmbench,,-2.0\nacme/deep@64,mmbench,,-3.0\n"


@pytest.mark.slow
def test_scores_of_two_environments_meet_in_one_store(
    python: Callable, plugin_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    other_library = tmp_path / "env-b" / "pillow-99.0.dist-info"
    other_library.mkdir(parents=True)
    (other_library / "METADATA").write_text("Metadata-Version: 2.1\nName: pillow\nVersion: 99.0\n")
    paths = {"a": (plugin_folder("toyscore"),), "b": (tmp_path / "env-b", plugin_folder("acme"))}
    environment = {"VISIONLAW_STORE": f"sqlite:///{tmp_path / 'team.sqlite'}"}
    (tmp_path / "registry.toml").write_text(SPACE)
    (tmp_path / "a.csv").write_text(A)

    def run(name: str, *arguments: str) -> object:
        done = python("-m", "visionlaw", *arguments, path=paths[name], **environment)
        assert done.code == 0, done.err
        return json.loads(done.out) if "--json" in arguments else None

    run("a", "dataset", "make", "warps", "data", "--pairs", "2", "--seed", "0")
    (first,) = run("a", "score", "correspondence", "toyscore/mean@64", "--json")
    (second,) = run("b", "score", "correspondence", "acme/deep@64", "--json")
    libraries = [score["provenance"]["encoders"][score["representation"]]["libraries"] for score in (first, second)]
    assert libraries[0]["pillow"] != libraries[1]["pillow"] == "99.0"

    for name in ("a", "b"):
        ranked = run(name, "policy", "rank", "--json")
        assert {row["representation"] for row in ranked["rows"]} == {"toyscore/mean@64", "acme/deep@64"}
        assert ranked["not_scored"] == []
    refused = python("-m", "visionlaw", "score", "correspondence", "toyscore/mean@64 + acme/deep@64", path=paths["b"])
    assert refused.code == 2
    assert "toyscore" in refused.err
