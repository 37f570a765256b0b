from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visionlaw.correspondence.pairs import read_pairs
from visionlaw.errors import DataError
from visionlaw.protocols import CheckedDataset
from visionlaw_hpatches import dataset, plugin
from visionlaw_hpatches.dataset import build
from visionlaw_hpatches.homography import apply, read_homography

(SPEC,) = plugin.visionlaw_datasets()
HEAVY = ("torch", "numpy", "scipy", "PIL")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONLAW_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, visionlaw_hpatches.plugin as p\n"
        "list(p.visionlaw_datasets())\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_target_is_there_and_takes_the_options(root: Path) -> None:
    assert SPEC.target == f"{dataset.__name__}:{dataset.build.__name__}"
    defaults = {name: option.default for name, option in SPEC.options.items()}
    assert build(SPEC, root, **defaults).version == build(SPEC, root).version  # pyright: ignore[reportArgumentType]


def test_the_pairs_can_be_scored(root: Path) -> None:
    data = build(SPEC, root)
    table = read_pairs(data)

    assert isinstance(data, CheckedDataset)
    assert not data.findings
    assert len(data) == len(table) == 15
    for pair in table.pairs:
        for ref, points in ((pair.source, pair.source_points), (pair.target, pair.target_points)):
            assert (points >= 0).all()
            assert (points <= np.array(ref.load().size) - 1).all()
    assert len({pair.source.key for pair in table.pairs}) == 3  # each reference image is extracted once
    assert set(table.categories) == {"i_dome", "v_box", "v_wall"}


def test_what_is_shown_moves_with_the_points(root: Path) -> None:
    """Paste the reference, shifted as H_1_2 says, and find the pixels of each point again."""
    reference = Image.open(root / "v_wall" / "1.ppm")
    shifted = Image.new("RGB", reference.size)
    shifted.paste(reference, (30, -10))
    shifted.save(root / "v_wall" / "2.ppm")
    pair = next(p for p in build(SPEC, root) if p.id == "v_wall/1_2")
    before, after = np.asarray(pair.source.load()), np.asarray(pair.target.load())

    for (x, y), (u, v) in zip(np.rint(pair.source_points).astype(int), pair.target_points, strict=True):
        assert (before[y, x] == after[round(v), round(u)]).all()


def test_a_dot_on_a_tilted_plane_is_found_at_its_pixel_centre(root: Path) -> None:
    """A homography between pixel centres draws the target; ours has to find each dot to a hundredth of a pixel."""
    text = "0.9 0.1 12\n-0.05 1.1 3\n0.0004 0.0002 1\n"
    (root / "v_wall" / "H_1_2").write_text(text)
    pair = next(p for p in build(SPEC, root) if p.id == "v_wall/1_2")
    between_centres = np.array([float(word) for word in text.split()]).reshape(3, 3)
    # Pillow maps corners: what is at pixel centre c is at c + ½ there.
    to_corner, to_centre = np.eye(3), np.eye(3)
    to_corner[:2, 2], to_centre[:2, 2] = 0.5, -0.5
    inverse = np.linalg.inv(to_corner @ between_centres @ to_centre)
    scale = 8  # draw at 8 times the size, where a dot of 24 has a centroid
    for x, y in ((100, 60), (200, 150), (60, 120)):
        picture = Image.new("L", (320 * scale, 200 * scale))
        middle = np.array([x + 0.5, y + 0.5]) * scale
        ImageDraw.Draw(picture).ellipse((*(middle - 12), *(middle + 11)), fill=255)
        zoom = np.diag([scale, scale, 1.0])
        fine = zoom @ inverse @ np.linalg.inv(zoom)
        drawn = picture.transform(
            picture.size, Image.Transform.PERSPECTIVE, tuple((fine / fine[2, 2]).ravel()[:8]), Image.Resampling.BILINEAR
        )
        light = np.asarray(drawn, dtype=np.float64)
        rows, columns = np.mgrid[0 : light.shape[0], 0 : light.shape[1]]
        centroid = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
        found = apply(read_homography(root / "v_wall" / "H_1_2"), np.array([[x, y]], dtype=np.float64))[0]
        assert (centroid + 0.5) / scale - 0.5 == pytest.approx(found, abs=0.05)
    assert len(pair.source_points) > 20


def test_the_version_follows_split_files_and_nothing_else(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    versions = [build(SPEC, root, split=split).version for split in ("all", "i", "v")]
    moved = root.rename(tmp_path_factory.mktemp("other") / "release")
    assert build(SPEC, moved).version == versions[0]
    (moved / "v_box" / "H_1_3").write_text("1 0 5\n0 1 5\n0 0 1\n")
    versions.append(build(SPEC, moved).version)
    Image.new("RGB", (180, 180)).save(moved / "v_box" / "4.ppm")
    versions.append(build(SPEC, moved).version)

    assert len(set(versions)) == 5


def test_findings_leave_the_other_pairs(root: Path) -> None:
    (root / "v_box" / "H_1_3").write_text("nonsense")
    (root / "i_dome" / "1.ppm").unlink()
    data = build(SPEC, root)

    assert {(f.kind, f.where) for f in data.findings} == {("unreadable", "v_box/H_1_3"), ("missing", "i_dome/1.ppm")}
    assert len(data) == 9


def test_a_file_that_is_mended_is_read_again(root: Path) -> None:
    path = root / "v_box" / "H_1_3"
    good = path.read_text()
    path.write_text("nonsense")
    assert len(build(SPEC, root)) == 14
    path.write_text(good)
    assert len(build(SPEC, root)) == 15


def test_no_folder() -> None:
    with pytest.raises(DataError, match="HPatches needs the folder") as caught:
        build(SPEC)
    assert "hpatches-sequences-release" in caught.value.remedy


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere', is not there"):
        build(SPEC, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: None, r"no HPatches sequence:"),
        (lambda folder: (folder / "i_x").mkdir(), r"no HPatches sequence:"),
        (
            lambda folder: ((folder / "i_x").mkdir(), (folder / "i_x" / "ref.png").write_bytes(b"")),
            r"holds the patches of HPatches",
        ),
    ],
)
def test_a_folder_without_sequences(tmp_path: Path, prepare: Callable[[Path], object], message: str) -> None:
    prepare(tmp_path)
    with pytest.raises(DataError, match=message):
        build(SPEC, tmp_path)


def test_the_folder_above_is_told_from_the_right_one(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    above = tmp_path_factory.mktemp("above")
    inner = root.rename(above / "hpatches-sequences-release")
    with pytest.raises(DataError, match=rf"but '{inner}' does"):
        build(SPEC, above)


def test_a_split_without_sequences(root: Path) -> None:
    for number in range(1, 7):
        (root / "i_dome" / f"{number}.ppm").unlink()
    for number in range(2, 7):
        (root / "i_dome" / f"H_1_{number}").unlink()

    with pytest.raises(DataError, match=r"no HPatches sequence i_\*"):
        build(SPEC, root, split="i")
    with pytest.raises(DataError, match="no split 'test'"):
        build(SPEC, root, split="test")
