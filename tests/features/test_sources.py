from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import tarfile
import tempfile
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import ExifTags, Image

from visionlaw.errors import DataError
from visionlaw.features import images as images_module
from visionlaw.features.images import image_ref, load_image
from visionlaw.features.sources import Source, count, read_sources
from visionlaw.protocols import ImageRef

WITH_LINKS = pytest.mark.skipif(os.name == "nt", reason="no links")


def photo(seed: int = 0, size: tuple[int, int] = (12, 9)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def files(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(photo(seed)))
    return folder


def shard(path: Path, members: dict[str, bytes], compressed: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if compressed else "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def shown(images: object) -> list[tuple[str, str]]:
    """The name of each source, and the digest of its pixels or why it has none."""
    outcomes = []
    for source in read_sources(images):
        try:
            said = pixels(source.open().load())
        except DataError as error:
            said = str(error)
        outcomes.append((source.name, said))
    return outcomes


def pixels(image: Image.Image) -> str:
    return f"{image.mode} {image.size} {hashlib.sha256(image.tobytes()).hexdigest()}"


def of_photos(*seeds: int) -> list[str]:
    return [pixels(photo(seed)) for seed in seeds]


def names(images: object) -> list[str]:
    return [name for name, _ in shown(images)]


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users can read, which pytest's are not."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


class TestFiles:
    def test_files_are_named_by_their_path_as_given(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files(tmp_path, "a.png", "b/c.png")
        monkeypatch.chdir(tmp_path)
        assert shown(["a.png", Path("b/c.png"), tmp_path / "a.png"]) == list(
            zip(["a.png", str(Path("b/c.png")), str(tmp_path / "a.png")], of_photos(0, 1, 0), strict=True)
        )
        assert shown("a.png") == shown(Path("a.png")) == [("a.png", of_photos(0)[0])]

    def test_the_key_of_a_file_is_that_of_its_bytes(self, tmp_path: Path) -> None:
        path = files(tmp_path, "a.png") / "a.png"
        keys = {next(read_sources(images)).open().key for images in (path, [path], path.read_bytes(), tmp_path)}
        assert keys == {image_ref(path).key}

    def test_a_file_is_read_once(self, tmp_path: Path) -> None:
        """What is decoded is what was hashed, whatever becomes of the file in between."""
        path = files(tmp_path, "a.png") / "a.png"
        reference = next(read_sources(path)).open()
        path.write_bytes(b"something else")
        assert pixels(reference.load()) == of_photos(0)[0]

    def test_nothing_is_read_before_it_is_opened(self, tmp_path: Path) -> None:
        sources = list(read_sources([tmp_path / "later.png"]))
        files(tmp_path, "later.png")
        assert pixels(sources[0].open().load()) == of_photos(0)[0]

    def test_a_source_and_its_image_can_be_sent_to_another_process(self, tmp_path: Path) -> None:
        for images in (files(tmp_path, "a.png"), [photo()]):
            source = pickle.loads(pickle.dumps(next(read_sources(images))))
            assert pixels(pickle.loads(pickle.dumps(source.open())).load()) == of_photos(0)[0]

    def test_a_bad_file_is_told_in_its_place(self, tmp_path: Path) -> None:
        files(tmp_path, "a.png", "c.png")
        (tmp_path / "b.png").write_bytes(b"hello")
        (name, ok), (bad, why), (last, fine) = shown(tmp_path)
        assert (name, bad, last) == ("a.png", "b.png", "c.png")
        assert [ok, fine] == of_photos(0, 1)
        assert f"'{tmp_path / 'b.png'}' is not an image of a known format." in why

    @pytest.mark.parametrize(
        ("path", "remedy"), [("none", "Check the path"), ("*.png", "not expanded"), ("{0..9}.tar", "not expanded")]
    )
    def test_a_path_that_leads_nowhere_is_told_on_the_call(self, tmp_path: Path, path: str, remedy: str) -> None:
        with pytest.raises(DataError, match="There is no image, folder or shard") as caught:
            read_sources(tmp_path / path)
        assert remedy in caught.value.remedy

    def test_an_address_is_no_file(self) -> None:
        assert "Download it first" in shown(["https://example.org/a.png"])[0][1]


class TestFolders:
    def test_a_folder_is_read_with_all_in_it_in_one_order(self, tmp_path: Path) -> None:
        files(tmp_path, "b.png", "a/2.png", "a/10.png", "c/d/e.JPG", ".hidden/x.png", "a/.x.png", "notes.txt")
        found = names(tmp_path)
        assert found == ["a/10.png", "a/2.png", "b.png", "c/d/e.JPG"]
        assert found == sorted(found, key=lambda name: name.split("/"))
        assert count(tmp_path) == 4

    def test_a_folder_may_be_named_like_an_image(self, tmp_path: Path) -> None:
        files(tmp_path, "x.jpg/a.png")
        assert names(tmp_path) == ["x.jpg/a.png"]
        assert names(tmp_path / "x.jpg") == ["a.png"]

    def test_kinds_that_are_not_supported_are_told_instead_of_passed_over(self, tmp_path: Path) -> None:
        files(tmp_path, "b.png")
        (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
        (name, why), _ = shown(tmp_path)
        assert name == "a.heic"
        assert "HEIC image, which is not supported" in why
        assert count(tmp_path) == 2

    def test_a_folder_without_images_is_told_on_the_call(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("x")
        with pytest.raises(DataError, match="holds no image"):
            read_sources(tmp_path)

    @WITH_LINKS
    def test_links_are_followed_once(self, tmp_path: Path) -> None:
        files(tmp_path, "in/a.png", "elsewhere/b.png")
        (tmp_path / "in/back").symlink_to(tmp_path / "in")
        (tmp_path / "in/far").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "in/gone.png").symlink_to(tmp_path / "gone")
        (tmp_path / "in/self.png").symlink_to(tmp_path / "in/self.png")
        outcomes = shown(tmp_path / "in")
        assert [name for name, _ in outcomes] == ["a.png", "far/b.png", "gone.png", "self.png"]
        assert "a link to a file that does not exist" in outcomes[2][1]
        assert "leads back to itself" in outcomes[3][1]

    @pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
    def test_every_name_can_be_written_as_utf_8(self, tmp_path: Path) -> None:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(encoded(photo()))
        ((name, said),) = shown(tmp_path)
        assert name.encode() == rb"\udcff.png"
        assert said == of_photos(0)[0]

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no permission bits")
    def test_a_folder_that_may_not_be_listed_is_told_among_the_images(self, public: Path) -> None:
        files(public, "a.png", "b/c.png", "d.png")
        (public / "b").chmod(0)
        user = os.geteuid()
        if user == 0:  # root reads everything
            os.seteuid(65534)
        try:
            outcomes = shown(public)
            with pytest.raises(DataError, match="cannot be read: Permission denied"):
                read_sources(public / "b")
        finally:
            os.seteuid(user)
            (public / "b").chmod(0o755)
        assert [name for name, _ in outcomes] == ["a.png", "b", "d.png"]
        assert "cannot be read: Permission denied" in outcomes[1][1]


MEMBERS = {f"{n}.png": encoded(photo(n)) for n in range(4)}


class TestShards:
    @pytest.mark.parametrize("name", ["s.tar", "s.tar.gz", "s.tgz"])
    def test_images_are_read_in_order_and_the_rest_is_passed_over(self, tmp_path: Path, name: str) -> None:
        members = {"x/1.cls": b"7", "x/1.png": encoded(photo(1)), "._0.png": b"", "../0.jpg": encoded(photo(0))}
        path = shard(tmp_path / name, members, compressed=name != "s.tar")
        assert shown(path) == list(zip([f"{name}/x/1.png", f"{name}/../0.jpg"], of_photos(1, 0), strict=True))
        assert count(path) is None
        assert list(tmp_path.iterdir()) == [path]

    def test_the_key_is_that_of_the_file(self, tmp_path: Path) -> None:
        path = shard(tmp_path / "s.tar", MEMBERS)
        keys = [source.open().key for source in read_sources(path)]
        assert keys == [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in MEMBERS.values()]

    def test_shards_of_one_name_have_images_of_different_names(self, tmp_path: Path) -> None:
        paths = [shard(tmp_path / place / "0.tar", {"a.png": encoded(photo())}) for place in ("train", "val")]
        assert names(paths) == names(iter(paths)) == ["0.tar/a.png", f"{paths[1]}/a.png"]
        assert count(paths) is None
        assert names(tmp_path) == ["train/0.tar/a.png", "val/0.tar/a.png"]
        assert count(tmp_path) is None

    def test_a_bad_member_is_one_bad_image(self, tmp_path: Path) -> None:
        path = shard(tmp_path / "s.tar", {**MEMBERS, "1.png": b"hello", "2.png": b""})
        outcomes = shown(path)
        assert [outcomes[0][1], outcomes[3][1]] == of_photos(0, 3)
        assert "'s.tar/1.png' is not an image of a known format." in outcomes[1][1]
        assert "'s.tar/2.png' is empty" in outcomes[2][1]

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
    def test_only_regular_files_are_read(self, tmp_path: Path, kind: bytes) -> None:
        with tarfile.open(tmp_path / "s.tar", "w") as archive:
            member = tarfile.TarInfo("a.png")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        ((name, why),) = shown(tmp_path / "s.tar")
        assert name == "s.tar/a.png"
        assert "is not a regular file in its archive" in why

    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
    def test_a_shard_that_is_cut_off_gives_what_it_has_and_says_so(
        self, tmp_path: Path, compressed: bool, kept: float
    ) -> None:
        content = shard(tmp_path / "s.tar", MEMBERS, compressed).read_bytes()
        body = len(content) if compressed else 512 * sum(2 + (len(c) - 1) // 512 for c in MEMBERS.values())
        (tmp_path / "s.tar").write_bytes(content[: int(kept * body)])
        *before, (name, why) = shown(tmp_path / "s.tar")
        assert [said for _, said in before] == of_photos(*range(4))[: len(before)]
        assert len(before) < 4
        assert name.startswith("s.tar")
        assert "shard" in why
        assert str(tmp_path / "s.tar") in why
        assert "\n" not in why

    def test_a_shard_that_is_cut_off_between_two_members_says_so(self, tmp_path: Path) -> None:
        """tarfile takes this for a proper end, and so would leave images out without a word."""
        content = shard(tmp_path / "s.tar", MEMBERS).read_bytes()
        (tmp_path / "s.tar").write_bytes(content[: content.index(b"2.png")])
        *before, (name, why) = shown(tmp_path / "s.tar")
        assert [said for _, said in before] == of_photos(0, 1)
        assert name == "s.tar"
        assert "ends without the mark of its end" in why

    def test_a_broken_header_ends_the_shard_and_says_so(self, tmp_path: Path) -> None:
        """tarfile takes this for the end as well."""
        content = bytearray(shard(tmp_path / "s.tar", MEMBERS).read_bytes())
        content[content.index(b"2.png")] ^= 0xFF
        (tmp_path / "s.tar").write_bytes(content)
        other = shard(tmp_path / "t.tar", {"5.png": encoded(photo(5))})
        outcomes = shown([tmp_path / "s.tar", other])
        assert [name for name, _ in outcomes] == ["s.tar/0.png", "s.tar/1.png", "s.tar", "t.tar/5.png"]
        assert "a header is broken (bad checksum)" in outcomes[2][1]
        assert outcomes[3][1] == of_photos(5)[0]

    def test_broken_compression_says_so(self, tmp_path: Path) -> None:
        content = bytearray(shard(tmp_path / "s.tgz", MEMBERS, compressed=True).read_bytes())
        content[len(content) // 2] ^= 0xFF
        (tmp_path / "s.tgz").write_bytes(content)
        assert "shard" in shown(tmp_path / "s.tgz")[-1][1]

    @pytest.mark.parametrize(("content", "says"), [(b"", "is empty"), (b"hello", "damaged"), (b"x" * 999, "damaged")])
    def test_what_is_no_archive_says_so(self, tmp_path: Path, content: bytes, says: str) -> None:
        (tmp_path / "s.tar").write_bytes(content)
        ((name, why),) = shown(tmp_path / "s.tar")
        assert name == "s.tar"
        assert says in why

    def test_an_image_beyond_the_limit_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = shard(tmp_path / "s.tgz", {"0.png": bytes(10_000_000), "1.png": encoded(photo(1))}, compressed=True)
        monkeypatch.setattr(images_module, "MAX_BYTES", 9_000_000)
        (_, why), (_, said) = shown(path)
        assert "'s.tgz/0.png' is larger than" in why
        assert said == of_photos(1)[0]

    def test_a_header_that_claims_gigabytes_is_not_read(self, tmp_path: Path) -> None:
        """tarfile reads long names at once: of 3 GB of zeros, a 3 MB file."""
        member = tarfile.TarInfo("a.png")
        member.type, member.size = tarfile.GNUTYPE_LONGNAME, 3 * 2**30
        with gzip.open(tmp_path / "s.tgz", "wb", compresslevel=1) as file:
            file.write(member.tobuf(tarfile.GNU_FORMAT))
            file.write(bytes(30_000_000))
        tracemalloc.start()
        (outcome,) = shown(tmp_path / "s.tgz")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert "a header claims 3,221,225,472 bytes" in outcome[1]
        assert peak < 5_000_000

    def test_memory_does_not_grow_with_the_number_of_images(self, tmp_path: Path) -> None:
        dot = encoded(photo(size=(1, 1)))

        def peak(number: int) -> int:
            path = shard(tmp_path / f"{number}.tar", {f"{n:06d}.png": dot for n in range(number)})
            tracemalloc.start()
            assert sum(1 for source in read_sources(path) if source.open()) == number
            highest = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return highest

        peak(10)
        few, many = peak(100), peak(2_000)
        assert many < few + 50_000


@st.composite
def levels(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7), st.sampled_from([1, 3, 4])))
    return draw(hnp.arrays(np.uint8, shape))


def one(image: object) -> ImageRef:
    (source,) = read_sources([image])
    return source.open()


class TestMemory:
    @given(levels())
    @settings(deadline=None)
    def test_an_image_is_the_same_in_every_form(self, array: np.ndarray) -> None:
        """Pillow's own picture of the levels is what the others are held to."""
        picture = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
        chw = torch.from_numpy(array.transpose(2, 0, 1).copy())
        reference = one(picture)
        forms = [
            array,
            array.astype(np.uint16) * 257,
            array / 255,
            (array / 255).astype(np.float32),
            np.asfortranarray(array),
            array[::-1][::-1],
            chw,
            chw / 255,
            chw.double() / 255,
            (chw / 255).half(),
            (chw.float() / 255).requires_grad_(),
            encoded(picture),
        ]
        if array.shape[2] == 1:
            forms += [array[..., 0], chw[0]]
        for form in forms:
            found = one(form)
            assert pixels(found.load()) == pixels(reference.load())
            assert isinstance(form, bytes) or found.key == reference.key

    def test_the_key_tells_pixels_and_shape(self) -> None:
        array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        other = array.copy()
        other[1, 3, 2] += 1
        assert len({one(image).key for image in (array, other, array.reshape(4, 2, 3), array.reshape(1, 8, 3))}) == 4

    def test_bfloat16_and_masks(self) -> None:
        assert np.asarray(one(torch.full((3, 2, 2), 0.5).bfloat16()).load()).tolist() == [[[128] * 3] * 2] * 2
        assert np.asarray(one(np.array([[True, False]])).load())[..., 0].tolist() == [[255, 0]]

    @pytest.mark.parametrize(
        ("image", "says"),
        [
            (np.zeros((2, 2, 3)) - 0.1, "floating-point values of -0.1 to -0.1, not of 0–1"),
            (np.full((2, 2, 3), 255.0), "floating-point values of 255 to 255, not of 0–1"),
            (np.full((2, 2), np.nan), "values of nan to nan"),
            (np.full((2, 2), np.inf), "values of inf to inf"),
            (torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0)), "floating-point values of -"),
            (np.zeros((2, 2, 3), np.int64), "holds values of int64"),
            (torch.zeros((3, 2, 2), dtype=torch.int32), "holds values of int32"),
            (np.zeros((2, 2, 3), complex), "holds values of complex128"),
            (np.zeros((3, 8, 9), np.uint8), "array of shape [3, 8, 9], not [H, W] or [H, W, 1, 3 or 4]"),
            (torch.zeros((8, 9, 3)), "tensor of shape [8, 9, 3], not [3, H, W]"),
            (torch.zeros((5, 3, 8, 9)), "tensor of shape [5, 3, 8, 9], not [3, H, W]"),
            (np.zeros((0, 4, 3), np.uint8), "array of shape [0, 4, 3]"),
            (np.zeros((1, 40_000, 3), np.uint8), "40,000 × 1 pixels"),
            (Image.new("F", (2, 2)), "holds floating-point values"),
            (Image.new("I", (2, 2), 70_000), "holds integers beyond 16 bits"),
            (7, "is no image but an object of type int"),
            (None, "is no image but an object of type NoneType"),
            (object(), "is no image but an object of type object"),
        ],
    )
    def test_what_can_be_read_in_two_ways_is_refused_in_a_sentence(self, image: object, says: str) -> None:
        ((name, why),) = shown([image])
        assert name == "image-000000"
        assert why.startswith("'image-000000' ") or why.startswith("The image 'image-000000' ")
        assert says in why

    def test_a_file_opened_with_pillow_is_the_file(self, tmp_path: Path) -> None:
        data = Image.Exif()
        data[ExifTags.Base.Orientation] = 6
        photo().save(tmp_path / "a.png", exif=data)
        with Image.open(tmp_path / "a.png") as image:
            assert pixels(one(image).load()) == pixels(load_image(tmp_path / "a.png"))

    def test_a_broken_file_opened_with_pillow_is_a_bad_image(self) -> None:
        content = encoded(photo(size=(90, 90)))
        with Image.open(io.BytesIO(content[:5000])) as image, pytest.raises(DataError, match="truncated or broken"):
            one(image)

    def test_one_image_opened_by_several_threads_at_once(self) -> None:
        """Pillow decodes into the image itself, on first use."""
        content = encoded(photo(size=(400, 300)), "JPEG")
        expected = one(content).load().tobytes()
        with ThreadPoolExecutor(8) as pool:
            for _ in range(10):
                with Image.open(io.BytesIO(content)) as image:
                    sources = list(read_sources([image] * 8))
                    for reference in pool.map(lambda source: source.open(), sources):
                        assert reference.load().tobytes() == expected

    def test_an_array_that_a_loop_writes_over_is_what_it_was(self) -> None:
        def overwriting(buffer: object) -> Iterator[object]:
            for level in (10, 20, 30):
                buffer[...] = level  # type: ignore[index]
                yield buffer

        for buffer in (np.zeros((2, 2, 3), np.uint8), torch.zeros((3, 2, 2), dtype=torch.uint8)):
            sources = list(read_sources(overwriting(buffer)))
            assert [source.open().load().getpixel((0, 0))[0] for source in sources] == [10, 20, 30]

    @pytest.mark.parametrize("image", [photo(), np.asarray(photo()), encoded(photo()), bytearray(encoded(photo()))])
    def test_one_image_is_a_stream_of_one(self, image: object) -> None:
        assert shown(image) == [("image-000000", of_photos(0)[0])]
        assert count(image) == 1

    def test_a_batch_is_its_images(self) -> None:
        batch = np.stack([np.asarray(photo(seed)) for seed in range(3)])
        for images in (batch, torch.from_numpy(batch).permute(0, 3, 1, 2)):
            assert [said for _, said in shown(images)] == of_photos(0, 1, 2)
            assert count(images) == 3

    def test_arrays_need_no_torch(self) -> None:
        code = (
            "import sys, numpy; from visionlaw.features.sources import read_sources\n"
            "assert len(next(read_sources([numpy.zeros((2, 2), 'uint8')])).open().key) > 64\n"
            "assert not {'torch', 'datasets', 'webdataset', 'tensorflow'} & {*sys.modules}"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestCollections:
    def test_pairs_bear_the_names_given(self, tmp_path: Path) -> None:
        path = files(tmp_path, "a.png") / "a.png"
        reference = ImageRef("k", lambda: photo(3))
        images = [("cat", photo(1)), ("dog", str(path)), ("cow", np.asarray(photo(2))), ("owl", reference)]
        assert shown(iter(images)) == list(zip(["cat", "dog", "cow", "owl"], of_photos(1, 0, 2, 3), strict=True))

    def test_tuples_of_a_data_set_begin_with_the_image(self, tmp_path: Path) -> None:
        path = files(tmp_path, "a.png") / "a.png"
        assert shown([(photo(1), 7), [np.asarray(photo(2)), 1, 2], (path, 3)]) == list(
            zip(["image-000000", "image-000001", str(path)], of_photos(1, 2, 0), strict=True)
        )

    @pytest.mark.parametrize("item", [("a.png", 3), ("name", None), (), ("x",), [[]]])
    def test_tuples_without_an_image_say_so(self, item: object) -> None:
        _, (name, why), _ = shown([photo(), item, photo()])
        assert name == "image-000001"
        assert "without an image" in why

    def test_references_and_sources_are_taken_as_they_are(self) -> None:
        reference = ImageRef("drawn:1", photo)
        (source,) = read_sources(reference)
        assert source.open() is reference
        mine = Source("mine", lambda: reference)
        assert list(read_sources([mine])) == [mine]

    def test_rows_hold_their_image_in_every_form_of_hugging_face(self, tmp_path: Path) -> None:
        path = str(files(tmp_path, "a.png") / "a.png")
        content = encoded(photo(1))
        rows = [
            {"label": 1, "image": photo(2)},
            {"image": content},
            {"image": path},
            {"image": {"bytes": content, "path": "gone.png"}},
            {"image": {"bytes": None, "path": path}},
            {"bytes": content, "path": None},
            {"image": None},
            {"image": {"bytes": None, "path": None}},
            {"image": {"bytes": None, "path": "hf://datasets/a/b.png"}},
            {"img": photo(2), "label": 1},
        ]
        outcomes = shown(rows)
        assert [name for name, _ in outcomes] == [f"image-{n:06d}" for n in range(10)]
        assert [said for _, said in outcomes[:6]] == of_photos(2, 1, 0, 1, 0, 1)
        assert "holds no image" in outcomes[6][1]
        assert "holds no image" in outcomes[7][1]
        assert "is not a file on this machine" in outcomes[8][1]
        assert "has no image but 'img', 'label'. Call the column 'image'." in outcomes[9][1]

    def test_samples_of_webdataset_are_named_like_the_members_of_their_shard(self) -> None:
        content = encoded(photo(1))
        samples = [
            {"__key__": "x/1", "__url__": "/data/train-0.tar", "cls": b"3", "jpg": content},
            {"__key__": "x/2", "__url__": "/data/train-0.tar", "left.png": photo(2)},
            {"__key__": "x/1", "__url__": "/other/train-0.tar", "png": content},
            {"__key__": "3", "webp": content},
            {"__key__": "4", "txt": b"none"},
        ]
        outcomes = shown(samples)
        assert [name for name, _ in outcomes[:4]] == [
            "train-0.tar/x/1.jpg",
            "train-0.tar/x/2.left.png",
            "/other/train-0.tar/x/1.png",
            "3.webp",
        ]
        assert [said for _, said in outcomes[:4]] == of_photos(1, 2, 1, 1)
        assert "'4' has no image but '__key__', 'txt'." in outcomes[4][1]

    def test_a_data_set_that_is_read_by_index_is_read_by_workers(self) -> None:
        class Indexed:
            """As torch's: no __iter__, and no IndexError at the end."""

            def __init__(self) -> None:
                self.read: list[int] = []

            def __len__(self) -> int:
                return 3

            def __getitem__(self, index: int) -> tuple[Image.Image, int]:
                self.read.append(index)
                if index == 1:
                    raise OSError("record lost")
                return photo(index), index

        images = Indexed()
        sources = list(read_sources(images))
        assert count(images) == 3
        assert images.read == []
        assert pixels(sources[2].open().load()) == of_photos(2)[0]
        assert images.read == [2]
        with pytest.raises(DataError, match="'image-000001' cannot be read from its data set: OSError: record lost"):
            sources[1].open()

    def test_what_breaks_off_says_after_how_many(self) -> None:
        def breaking() -> Iterator[Image.Image]:
            yield photo(0)
            yield photo(1)
            raise RuntimeError("connection lost")

        sources = read_sources(breaking())
        assert [next(sources).name, next(sources).name] == ["image-000000", "image-000001"]
        with pytest.raises(DataError, match="break off after 2: RuntimeError: connection lost"):
            next(sources)

    def test_a_stream_is_not_read_ahead(self) -> None:
        read: list[int] = []

        def counting() -> Iterator[Image.Image]:
            for n in range(5):
                read.append(n)
                yield photo(n)

        sources = read_sources(counting())
        next(sources)
        assert read == [0]

    @pytest.mark.parametrize(
        ("images", "says"),
        [
            (7, "type int"),
            (None, "type NoneType"),
            ({"train": [1], "test": [2]}, "type dict. Pass one of its values: 'train', 'test'."),
            (io.BytesIO(b"x\ny\n"), "type BytesIO"),
        ],
    )
    def test_what_is_no_collection_is_told_on_the_call(self, images: object, says: str) -> None:
        with pytest.raises(DataError) as caught:
            read_sources(images)
        assert says in str(caught.value)

    def test_how_many_there_are_is_known_where_that_is_cheap(self, tmp_path: Path) -> None:
        assert count([photo(), photo()]) == 2
        assert count([tmp_path / "a.png"]) == count(tmp_path / "a.png") == count("a.png") == 1
        assert count(photo() for _ in range(3)) is None
        assert count({"image": photo()}) == 1

    def test_no_images_are_no_sources(self) -> None:
        assert shown([]) == []
        assert count([]) == 0


def test_the_example_of_the_how_to_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "images.md"
    files(tmp_path, "photos/a/b.png")
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)[1], {})  # type: ignore[index]
    assert re.fullmatch(r"a/b\.png sha256:[0-9a-f]{64} \(12, 9\)\n", capsys.readouterr().out)


class TestLibraries:
    @pytest.fixture
    def rows(self) -> object:
        datasets = pytest.importorskip("datasets")
        features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
        photos = [{"bytes": encoded(photo(seed)), "path": None} for seed in range(3)]
        photos[1]["bytes"] = b"hello"
        return datasets.Dataset.from_dict({"image": photos, "label": [0, 1, 2]}, features=features)

    @pytest.mark.parametrize("form", [None, "arrow", "torch"])
    def test_hugging_face_rows_are_decoded_by_workers(self, rows: object, form: str | None) -> None:
        """A row that its library cannot decode would end the iteration; here it is one bad image."""
        images = rows.with_format(form)  # type: ignore[attr-defined]
        outcomes = shown(images)
        assert [outcomes[0][1], outcomes[2][1]] == of_photos(0, 2)
        assert outcomes[1][0] == "image-000001"
        assert "is not an image of a known format" in outcomes[1][1]
        assert next(read_sources(images)).open().key.startswith("sha256:")
        assert count(images) == 3
        assert images.format["type"] == form

    def test_what_the_user_makes_of_hugging_face_rows_is_kept(self, rows: object) -> None:
        datasets = pytest.importorskip("datasets")
        good = rows.select([0, 2])  # type: ignore[attr-defined]
        small = good.with_transform(lambda batch: {"image": [image.resize((2, 1)) for image in batch["image"]]})
        assert [source.open().load().size for source in read_sources(small)] == [(2, 1), (2, 1)]
        grey = good.cast_column("image", datasets.Image(mode="L"))
        assert shown(grey)[0][1] == pixels(photo(0).convert("L").convert("RGB"))
        assert [said for _, said in shown(good.to_iterable_dataset())] == of_photos(0, 2)
        assert [said for _, said in shown(good["image"])] == of_photos(0, 2)

    def test_splits_of_hugging_face_have_to_be_chosen(self, rows: object) -> None:
        datasets = pytest.importorskip("datasets")
        with pytest.raises(DataError, match="Pass one of its values: 'train'"):
            read_sources(datasets.DatasetDict(train=rows))

    # webdataset leaves it to the interpreter to close its files.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_webdataset_gives_what_its_shard_gives(self, tmp_path: Path) -> None:
        webdataset = pytest.importorskip("webdataset")
        path = shard(tmp_path / "s.tar", {f"{n}.png": encoded(photo(n)) for n in range(3)})
        pipeline = webdataset.WebDataset(str(path), shardshuffle=False)
        assert shown(pipeline) == shown(path)
        assert shown(pipeline.decode("pil")) == shown(path)
        assert [said for _, said in shown(pipeline.decode("torchrgb").to_tuple("png", "__key__"))] == of_photos(0, 1, 2)
        assert count(pipeline) is None

    def test_torch_data_sets(self, tmp_path: Path) -> None:
        photos = torch.stack([torch.from_numpy(np.asarray(photo(seed)).copy()).permute(2, 0, 1) for seed in range(3)])
        dataset = torch.utils.data.TensorDataset(photos, torch.arange(3))
        assert [said for _, said in shown(dataset)] == of_photos(0, 1, 2)
        assert [said for _, said in shown(torch.utils.data.Subset(dataset, [2, 0]))] == of_photos(2, 0)
        loader = torch.utils.data.DataLoader(dataset, batch_size=2)
        assert "tensor of shape [2, 3, 9, 12]" in shown(loader)[0][1]
