"""What is counted among the things that change a number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.libraries import NUMERIC, library_versions, source_digest, spec_digest, versions_behind
from visionlaw.specs import EncoderSpec

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a bare distribution first on sys.path, and gives the folder."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def bare(name: str, version: str, *requires: str) -> Path:
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (folder / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {r}" for r in requires)]) + "\n")
        return tmp_path

    return bare


def test_what_a_plugin_requires_counts_whether_core_knows_it_or_not(install: Install) -> None:
    install("vl_lib_a", "1.5")
    install("vl_lib_b", "2.5")
    install("vl_lib_c", "3.5")
    install(
        "vl_plugin", "1", "visionlaw[torch]>=0.1", "VL.Lib.A>=1", "vl-lib-b; extra == 'big'",
        "vl-lib-c; python_version < '3'", "vl-lib-absent", "not a requirement!",
    )  # fmt: skip
    plain = versions_behind("vl-plugin")
    assert plain == {**library_versions(NUMERIC), "vl-lib-a": "1.5"}
    assert versions_behind("vl-plugin", extras=("big",)) == {**plain, "vl-lib-b": "2.5"}


def test_core_counts_what_it_computes_with_and_nothing_else() -> None:
    """An upgrade of the database library must not measure every score again."""
    assert set(versions_behind("visionlaw")) == {"numpy", "pillow", "torch"}
    assert set(versions_behind("no-such-distribution")) == {"numpy", "pillow", "torch"}


def test_a_distribution_without_a_version_is_passed_over(install: Install) -> None:
    folder = install("vl_damaged", "1") / "vl_damaged-1.dist-info"
    (folder / "METADATA").write_text("Name: vl_damaged\n")
    assert library_versions(["vl_damaged", "no-such-distribution"]) == {}


def test_the_source_digest_follows_the_file_of_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "vl_digest"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text("raise RuntimeError('is not imported')")
    before = source_digest("vl_digest.net:build")
    assert before == source_digest("vl_digest.net:Other.build")
    (package / "net.py").write_text("GAMMA = 2")
    assert source_digest("vl_digest.net:build") not in (before, None)


@pytest.mark.parametrize("target", ["vl_nowhere.net:build", "sys:exit", "vl_broken.net:build", "vl_space.net:build"])
def test_a_target_without_a_file_has_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "vl_broken").mkdir()
    (tmp_path / "vl_broken" / "__init__.py").write_text("1 / 0")
    (tmp_path / "vl_space" / "net").mkdir(parents=True)
    assert source_digest(target) is None


def test_the_spec_digest_follows_what_is_computed_and_not_what_is_said_about_it() -> None:
    fields = {"id": "x/y@64", "target": "a:b", "resolution": 64, "patch": 16, "channels": 3}

    def digest(**changes: object) -> str:
        return spec_digest(EncoderSpec.model_validate(fields | changes))

    assert digest(description="other words", tags=("new",), license="MIT") == digest()
    assert digest(tiny="a:tiny") == digest(), "features in the cache outlive a new check"
    assert digest(checkpoint="/data/clip", revision="b") == digest(), "a provenance names its weights itself"
    for change in ({"resize": "crop"}, {"patch": 8}, {"channels": 4}, {"layer": -2}):
        assert digest(**change) != digest()
