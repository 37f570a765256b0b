"""The kit's frame: what runs, in which order, how it is counted, what is expected to fail, and how pytest shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visionlaw.errors import ConfigError, UnknownIdError
from visionlaw.specs import DatasetSpec, Spec
from visionlaw.testing import all_checks, run_checks
from visionlaw.testing.checks import SPEC_KINDS

if TYPE_CHECKING:
    from tests.conftest import Outcome

    from visionlaw.testing.session import Result

SUITE = """
from visionlaw.testing import parametrize_with_checks

@parametrize_with_checks("acme", expected_failures={expected})
def test_conformance(check):
    check()
"""


def test_every_check_is_named_once_says_what_holds_and_builds_on_checks_that_run_before_it() -> None:
    checks = all_checks()
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    for check in checks:
        assert check.summary.endswith("."), check.name
        assert check.kinds, check.name
        for ground in check.needs:
            assert ground in names, f"{check.name} builds on '{ground}'"
            assert set(check.kinds) & set(checks[names.index(ground)].kinds), f"{check.name} on {ground}"
    assert {kind for check in checks for kind in check.kinds} == {"plugin", *SPEC_KINDS}


def test_grounds_are_not_circular() -> None:
    needs = {check.name: check.needs for check in all_checks()}

    def depth(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above, " → ".join((*above, name))
        return 1 + max((depth(ground, (*above, name)) for ground in needs[name]), default=0)

    assert max(map(depth, needs)) < 12


def test_a_name_is_a_distribution_a_plugin_an_id_or_an_alias() -> None:
    by_distribution = run_checks("visionlaw_warps")
    by_plugin = run_checks("warps")
    assert len(by_distribution.results) == len(by_plugin.results)
    assert {r.kind for r in by_plugin.results} == {"plugin", "dataset", "image_source"}
    assert {r.kind for r in run_checks("concat").results} == {"combiner"}
    with pytest.raises(UnknownIdError, match="visionlaw-warps"):
        run_checks("visionlaw-warp")


def test_counts_are_complete() -> None:
    report = run_checks("classical/rgb@256")
    assert sum(report.counts.values()) == len(report.results)
    assert report.counts["passed"] > 20
    assert report.counts["skipped"] == sum(result.status == "skipped" for result in report.results)
    assert all(result.message for result in report.results if result.status == "skipped")


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ({"grid-ordre": "it is fine"}, "grid-order"),
        ({"grid-order": " "}, "without a reason"),
        ({"grid-order[classical/rgb@384]": "not checked"}, "nothing that runs"),
    ],
)
def test_an_expected_failure_names_a_check_that_runs_and_a_reason(expected: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        run_checks("classical/rgb@256", expected_failures=expected)


def test_what_is_expected_to_fail_and_passes_has_failed() -> None:
    report = run_checks("concat", expected_failures={"description": "it says nothing"})
    (failed,) = report.failed
    assert failed.check == "description"
    assert "passes" in failed.message


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A plugin whose combiner says nothing of itself."""
    info = tmp_path / "visionlaw_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: visionlaw-acme\nVersion: 1.0\nLicense-Expression: MIT\n"
        "Requires-Dist: visionlaw>=0.1.0.dev0\n"
    )
    (info / "entry_points.txt").write_text("[visionlaw.v1]\nacme = acme\n")
    (tmp_path / "acme.py").write_text(
        "from visionlaw import CombinerSpec, hookimpl\n"
        "@hookimpl\ndef visionlaw_combiners():\n"
        "    yield CombinerSpec(id='acme', target='visionlaw.features.combine:ConcatCombiner')\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("expected", "code", "says"),
    [
        ("None", 1, "1 failed, 0 expected to fail"),
        ("{'description[acme]': 'words fail'}", 0, "0 failed, 1 expected to fail"),
    ],
)
def test_pytest_runs_each_check_as_a_test_and_counts_them(
    expected: str, code: int, says: str, acme: Path, python: Callable[..., Outcome]
) -> None:
    (acme / "test_acme.py").write_text(SUITE.format(expected=expected))
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(acme / "test_acme.py"), path=(acme,))
    assert done.code == code, done.out + done.err
    assert says in done.out
    assert " ran: " in done.out
    if code:
        assert "test_conformance[description[acme]]" in done.out


def test_the_command_line_says_what_failed_and_what_to_do(acme: Path, python: Callable[..., Outcome]) -> None:
    done = python("-m", "visionlaw", "check", "visionlaw-acme", path=(acme,))
    assert done.code == 2
    assert "failed   description[acme]: 'acme' says nothing of itself in listings." in done.out
    assert "→ Give it a description" in done.out
    assert "1 failed, 0 were expected to fail" in done.out
    assert "Traceback" not in done.err


def test_json_is_one_document(acme: Path, python: Callable[..., Outcome]) -> None:
    done = python(
        "-m", "visionlaw", "check", "acme", "--json", "--expect", "description[acme]=words fail", path=(acme,)
    )
    assert done.code == 0
    found = json.loads(done.out)
    assert found["counts"]["expected"] == 1
    assert sum(found["counts"].values()) == len(found["results"])
    assert {"check", "kind", "subject", "status", "message", "remedy", "seconds"} == set(found["results"][0])


@pytest.mark.parametrize("text", ["description", "description=", "description[acme]", "description[acme]= "])
def test_expect_wants_a_reason(text: str, acme: Path, python: Callable[..., Outcome]) -> None:
    done = python("-m", "visionlaw", "check", "acme", "--expect", text, path=(acme,))
    assert done.code == 2
    assert "gives no reason" in done.err


@pytest.mark.parametrize(("extras", "status"), [((), "failed"), (("acme",), "skipped")])
def test_what_an_extra_would_bring_is_skipped_and_any_other_missing_library_is_a_failure(
    extras: tuple[str, ...], status: str, results_of: Callable[[Spec], dict[str, Result]]
) -> None:
    spec = DatasetSpec(id="faulty", target=f"{__name__}:needs_a_library", description="d", license="MIT", extras=extras)
    result = results_of(spec)["dataset-protocol"]
    assert result.status == status
    assert "no_such_library" in result.message


def needs_a_library(spec: DatasetSpec, root: Path | None = None) -> object:
    import no_such_library  # type: ignore[import-not-found]

    return no_such_library.Dataset(root)
