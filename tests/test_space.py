"""registry.toml: what it means, and where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from visionlaw.errors import ConfigError, UnknownIdError
from visionlaw.registry import Registry
from visionlaw.space import SearchSpace, default_path, find_path, read_space_file, write_default

SHIPPED = {
    "iclr2025": "clip@336 clip@224 openclip@224 dinov2@224 sd-variations@768 sd1.5@768 sdxl@512 dit@512 sd3@512 "
    "sd2.1@768 siglip@224 clip@224+dinov2@224 clip@336+dinov2@336",
    "colm2025": "clip@336 clip@224 openclip@224 siglip-b@224 siglip-l@256 clip@224+dinov2@224 clip@336+dinov2@336 "
    "siglip2-l@256 dinov2@224 dit@512 sdxl@512 sd3@512 sd2.1@768 sd1.5@768 sd-variations@768",
}


def space_of(text: str, folder: Path, registry: Registry | None = None) -> SearchSpace:
    path = folder / "registry.toml"
    path.write_text(text, encoding="utf-8")
    return SearchSpace(read_space_file(path), registry or Registry([]), path)


@pytest.mark.parametrize("table", SHIPPED)
def test_the_shipped_file_has_every_published_setting_by_its_published_name(table: str) -> None:
    space = SearchSpace(read_space_file(default_path()), Registry([]))
    ids = [space.canonical(name) for name in SHIPPED[table].split()]
    assert len(set(ids)) == {"iclr2025": 13, "colm2025": 15}[table]
    assert set(ids) <= set(space.representations)
    assert len(space.representations) == 15


def test_the_catalogue_knows_every_encoder_of_the_shipped_file() -> None:
    file = read_space_file(default_path())
    space = SearchSpace(file, Registry([]))
    assert set(space.missing_plugins()) <= set(file.catalogue.values())


def test_generated_combinations(installed: Callable[..., None], tmp_path: Path) -> None:
    installed("good", "open_ended")
    registry = Registry.discover()
    text = """
    [space]
    representations = ["goodie@224 + zoo/cat@224"]
    combine = { of = ["good/small@224", "zoo/cat@224", "zoo/dog@448"], size = [1, 2, 3], same_grid = true }
    """
    assert space_of(text, tmp_path, registry).representations == (
        "good/small@224 + zoo/cat@224",
        "good/small@224",
        "zoo/cat@224",
        "zoo/dog@448",
    )
    unequal = space_of(text.replace("same_grid = true", "same_grid = false"), tmp_path, registry)
    assert len(unequal.representations) == 7


def test_ten_encoders_give_1023_combinations(tmp_path: Path) -> None:
    ids = [f"x/e{i}@224" for i in range(10)]
    text = f"[space]\ncombine = {{ of = {ids}, size = {list(range(1, 11))} }}"
    assert len(space_of(text, tmp_path).representations) == 1023


def test_too_many_combinations_are_refused_before_they_are_made(tmp_path: Path) -> None:
    ids = [f"x/e{i}@224" for i in range(40)]
    text = f"[space]\ncombine = {{ of = {ids}, size = [20] }}"
    with pytest.raises(ConfigError, match="137,846,528,820"):
        _ = space_of(text, tmp_path).representations


def test_a_name_outside_the_space_gets_a_suggestion(tmp_path: Path) -> None:
    space = space_of('[space]\nrepresentations = ["clip/vit-l-14@224"]', tmp_path)
    with pytest.raises(UnknownIdError, match="Did you mean 'clip/vit-l-14@224'"):
        space.canonical("clip/vit-l-14@336")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[space\n", 1, ["not TOML"]),
        ("[policy]\nbudget = 4\nbudget = 5\n", 3, ["not TOML"]),
        ("[space]\nrepresentations = []\n\n[policy]\nbugdet = 3\n", 5, ["policy.bugdet", "Did you mean 'budget'"]),
        ("[spaec]\n", 1, ["spaec", "Did you mean 'space'"]),
        ("[policy]\nseed = 1\nbudget = 0\n", 3, ["policy.budget", "greater than or equal to 1"]),
        ('[alignment]\ndefinition = "cosine"\n', 2, ["'maxcos' or 'loglik'"]),
        ('[space]\nrepresentations = [\n  "a/b@1",\n  "a/b@1 +",\n]\n', 4, ["'a/b@1 +'"]),
        ('[benchmarks]\nmme = { name = "MME", kind = "vison" }\n', 2, ["'vision' or 'ocr'"]),
        (
            '[benchmarks.mme]\nname = "MME"\nkind = "vision"\ncolour = 1\n',
            4,
            ["mme.colour", "higher_is_better"],
        ),
        ('[space]\ncombine = { of = ["a/b@1"], sizes = [1] }\n', 2, ["sizes", "Did you mean 'size'"]),
        ('[[space.combine]]\nof = ["a/b@1"]\nsize = [0]\n', 3, ["size"]),
    ],
)
def test_errors_name_file_line_and_remedy(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(text, tmp_path)
    assert f"registry.toml:{line}:" in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_not_utf8_and_missing(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_space_file(tmp_path / "registry.toml")
    with pytest.raises(ConfigError, match="visionlaw init"):
        read_space_file(tmp_path / "nowhere.toml")


def test_the_nearest_file_upwards_wins(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    outer = write_default(tmp_path)
    assert find_path(below) == outer
    inner = write_default(tmp_path / "a")
    assert find_path(below) == inner
    assert inner.read_text() == default_path().read_text()
    with pytest.raises(ConfigError, match="already"):
        write_default(tmp_path)
