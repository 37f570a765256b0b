"""Plugins as they were built against each core that is still supported load, list and work with this one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from packaging.version import Version
from PIL import Image

import visionlaw
from visionlaw import hookspecs, protocols
from visionlaw.libraries import spec_digest
from visionlaw.registry import Registry
from visionlaw.specs import SPEC_TYPES, EncoderSpec

if TYPE_CHECKING:
    from tests.conftest import Outcome

FIXTURES = Path(__file__).parents[1] / "fixtures" / "plugins"
FROZEN = {"built_against_0_1": "6483846e2730f653"}
"""Folder → digest of its files. A folder is written for a new minor version, and is never edited after its release."""
ENCODER = "built01/colours@64"


@pytest.fixture
def built(installed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """What is installed beside the plugin that was built against 0.1, in an empty project folder."""
    installed("built_against_0_1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISIONLAW_DISABLE_PLUGINS", "")
    return Registry.discover()


def test_there_is_a_plugin_of_every_minor_version_that_is_supported() -> None:
    oldest, now = Version(hookspecs.OLDEST_SUPPORTED), Version(visionlaw.__version__)
    assert oldest.major == now.major, "a new major version decides anew what it supports"
    wanted = {f"built_against_{now.major}_{minor}" for minor in range(oldest.minor, now.minor + 1)}
    assert set(FROZEN) == {path.name for path in FIXTURES.glob("built_against_*")} == wanted


@pytest.mark.parametrize("folder", sorted(FROZEN))
def test_what_was_built_is_never_edited(folder: str) -> None:
    digest = hashlib.sha256()
    for path in sorted((FIXTURES / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(FIXTURES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    assert digest.hexdigest()[:16] == FROZEN[folder], "mend core, not the plugin that was built against an older one"


def test_it_loads_and_lists_one_of_every_kind_without_a_word(built: Registry) -> None:
    (record,) = [r for r in built.plugins if r.name == "built01"]
    assert (record.status, record.reason) == ("ok", "")
    assert set(record.provides) == set(SPEC_TYPES)
    assert record.provides["encoder"] == (ENCODER, "built01/tints@64")
    assert built.get("encoder", "built-colours").spec.id == ENCODER
    assert built.get("encoder", "built01/any-thing@96").plugin == "built01"
    assert built.encoder_spec(f"{ENCODER}?layer=0").grid == (8, 8)


def test_its_encoder_extracts_also_from_several_layers_and_combined(built: Registry, tmp_path: Path) -> None:
    Image.new("RGB", (80, 60), (200, 10, 30)).save(tmp_path / "red.png")
    (tmp_path / "registry.toml").write_text('[space]\ncombiner = "built01/mean"\n')
    names = [f"{ENCODER}?gain=2", f"{ENCODER}?layer=0", f"{ENCODER} + built01/tints@64"]
    shapes = {}
    for name in names:
        (image,) = visionlaw.load(name).extract(tmp_path / "red.png")
        shapes[name] = tuple(image.features.tokens.shape)
    assert list(shapes.values()) == [(16, 6), (64, 3), (16, 12)]


def test_its_encoder_data_set_and_combiner_are_scored(built: Registry, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text('[space]\ncombiner = "built01/mean"\n')
    rows = visionlaw.score(ENCODER, f"{ENCODER} + built01/tints@64", dataset="built01/squares?pairs=2")
    assert {row.representation for row in rows} == {ENCODER, f"{ENCODER} + built01/tints@64"}
    # Each image beside itself: what a grid of 4 × 4 leaves to be found.
    assert all(row.value == pytest.approx(rows[0].value) for row in rows)
    assert rows[0].value > 0


def test_its_scorer_scores(built: Registry) -> None:
    (row,) = visionlaw.score(ENCODER, dataset="built01/squares", scorer="built01/likeness?power=2")
    assert row.value == pytest.approx(1, abs=1e-5)
    assert row.count == 3


def test_its_sampler_is_replayed(built: Registry, cli: Callable[..., Outcome]) -> None:
    done = cli("policy", "replay", "--sampler", "built01/first", "--trials", "3", "--json")
    assert done.code == 0, done.err
    assert "built01/first" in done.out


def test_the_rest_does_what_its_protocol_says(built: Registry, tmp_path: Path) -> None:
    trainer = built.load("trainer", "built01/trainer")
    executor = built.load("executor", "built01/here")
    source = built.load("image_source", "built01/captions", root=None)
    assert isinstance(trainer, protocols.Trainer)
    assert isinstance(executor, protocols.Executor)
    assert isinstance(source, protocols.IndexedSource)
    assert trainer.evaluate(trainer.finetune("a/b@64", tmp_path), ["VQA"]) == {"VQA": 6.0}
    assert list(cast("protocols.Executor", executor).map(len, ["a", "bc"])) == [1, 2]
    assert [caption for _, caption in source] == [f"Noise number {n}." for n in range(4)]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"deprecated": "Its colours are wrong.", "superseded_by": "built01/tints@64"}, True),
        ({"tiny": "fixture_built01_encoder:tiny", "description": "The mean."}, True),
        ({"resize": "crop"}, False),
        ({"options": {}}, False),
    ],
)
def test_stored_numbers_depend_on_what_a_spec_says_of_them(
    built: Registry, change: dict[str, object], same: bool
) -> None:
    spec = built.get("encoder", ENCODER).spec
    assert (spec_digest(spec.model_copy(update=change)) == spec_digest(spec)) is same


def test_a_field_that_core_gains_leaves_stored_numbers_valid(built: Registry) -> None:
    class LaterSpec(EncoderSpec):
        tokens: str = "patches"

    spec = built.get("encoder", ENCODER).spec
    later = LaterSpec.model_validate(spec.model_dump())
    assert "tokens" in later.model_dump()
    assert spec_digest(later) == spec_digest(spec)
    assert spec_digest(later.model_copy(update={"tokens": "all"})) != spec_digest(spec)


def test_its_verb_is_one(built: Registry, cli: Callable[..., Outcome]) -> None:
    done = cli("built01", "Ada", "--json")
    assert (done.code, json.loads(done.out)["name"]) == (0, "Ada"), done.err
    refused = cli("built01", "nobody")
    assert (refused.code, refused.err) == (2, "Error: Nobody cannot be greeted.\n  → Name somebody.\n")
