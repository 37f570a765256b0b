"""registry.toml: what it means, and where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from visionlaw.errors import ConfigError, InvalidIdError, NotInstalledError
from visionlaw.plugins import Plugin
from visionlaw.registry import Registry
from visionlaw.space import ImagesAt, SearchSpace
from visionlaw.spacecheck import check_space
from visionlaw.spacefile import default_path, find_path, read_space_file, write_default
from visionlaw.specs import CombinerSpec, DatasetSpec, EncoderSpec, SamplerSpec, ScorerSpec

SHIPPED = {
    "iclr2025": "clip@336 clip@224 openclip@224 dinov2@224 sd-variations@768 sd1.5@768 sdxl@512 dit@512 sd3@512 "
    "sd2.1@768 siglip@224 clip@224+dinov2@224 clip@336+dinov2@336",
    "colm2025": "clip@336 clip@224 openclip@224 siglip-b@224 siglip-l@256 clip@224+dinov2@224 clip@336+dinov2@336 "
    "siglip2-l@256 dinov2@224 dit@512 sdxl@512 sd3@512 sd2.1@768 sd1.5@768 sd-variations@768",
}


OPTION = {"type": "int", "default": 100, "description": "How many."}


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
    space = SearchSpace(file, Registry([], file.providers))
    assert {type(error) for error in space.unavailable().values()} == {NotInstalledError}


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


def test_one_representation_has_one_text(installed: Callable[..., None], tmp_path: Path) -> None:
    installed("good", "open_ended")
    text = """
    [space]
    representations = ["zoo/cat@224 + good/small@224"]
    [space.aliases]
    pair = "zoo/cat@224 + good/small@224"
    kitten = "zoo/cat@224"
    """
    space = space_of(text, tmp_path, Registry.discover())
    names = ("pair", "kitten+goodie@224", "good/small@224 + zoo/cat@224", "favourite?layer=-1 + good/small@224")
    assert {space.canonical(name) for name in names} == {"good/small@224 + zoo/cat@224"} == set(space.representations)
    assert space.canonical("kitten?layer=-02") == "zoo/cat@224?layer=-2"
    assert space.canonical("pair + gone/away@1") == "gone/away@1 + good/small@224 + zoo/cat@224"
    for wrong in ("kitten + favourite", "pair?layer=-2", "kitten?layr=-2"):
        with pytest.raises(InvalidIdError):
            space.canonical(wrong)


def test_encoders_that_see_different_parts_of_an_image_are_not_combined(tmp_path: Path) -> None:
    def plugin(resize: str) -> Plugin:
        found = Plugin(resize, f"visionlaw-{resize}", "1", EntryPoint(resize, "m", "visionlaw.v1"))
        spec = {"id": f"{resize}/a@64", "target": "m:a", "resolution": 64, "patch": 16, "channels": 1, "resize": resize}
        found.specs.append(EncoderSpec.model_validate(spec))
        return found

    registry = Registry([plugin("crop"), plugin("squash")])
    text = "[space]\ncombine = { of = ['crop/a@64', 'squash/a@64', 'gone/a@64'], size = [2] }"
    assert space_of(text, tmp_path, registry).representations == ("crop/a@64 + gone/a@64", "gone/a@64 + squash/a@64")


@pytest.mark.parametrize(
    "case",
    ["clip_import_error", "clip_degraded", "clip_incompatible", "clip_conflict", "clip_disabled", "clip_missing"],
)
def test_a_plugin_that_cannot_be_used_stops_only_its_encoders(
    cli: Callable[..., Any], unusable_clip: Callable[[str], tuple[str, ...]], case: str
) -> None:
    options = unusable_clip(case)
    checked = cli(*options, "space", "check", "--json")
    assert checked.code == 0, checked.err
    assert any("clip/vit-l-14@336" in ids for ids in json.loads(checked.out)["missing"].values())
    shown = json.loads(cli(*options, "show", "clip@336", "--json").out)
    assert shown["parts"][0]["installed"] is False
    assert shown["parts"][0]["remedy"]
    for command in (["list"], ["policy", "status"], ["policy", "ask"], ["policy", "tell", "clip@336", "mmbench=64"]):
        done = cli(*options, *command)
        assert done.code == 0, (command, done.err)


def test_space_check_finds_what_the_schema_cannot(cli: Callable[..., Any], installed: Callable[..., None]) -> None:
    installed("good", "open_ended")

    def check(text: str) -> str:
        Path("registry.toml").write_text(text, encoding="utf-8")
        done = cli("space", "check")
        assert (done.code, done.out) == (2, ""), text
        return done.err

    for text, line, words in (
        ("[space]\nrepresentations = [\n  'good/smal@224',\n]", 3, "Did you mean 'good/small@224'"),
        ("[space]\nrepresentations = [\n  'unheard/of@224',\n]", 3, "There is no encoder 'unheard/of@224'"),
        ("[space]\nrepresentations = [\n  'zoo/cat@224?layr=1',\n]", 3, "Did you mean 'layer'"),
        ("[space.aliases]\na = 'good/smal@224'", 2, "Did you mean 'good/small@224'"),
        ("[policy]\nsampler = 'regoin'", 2, "Did you mean 'region'"),
        ("[correspondence]\ndataset = 'unheard'", 2, "There is no dataset 'unheard'"),
        ("[correspondence.roots]\nunheard = 'x'", 2, "There is no dataset 'unheard'"),
        ("[benchmarks]\nm = {name = 'M', kind = 'ocr', correspondence = 'unheard'}", 2, "no dataset 'unheard'"),
        ("[correspondence]\nscorer = 'corespondence'", 2, "Did you mean 'correspondence'"),
        ("[alignment]\ndefinition = 'cosine'", 2, "There is no scorer 'cosine'"),
        ("[alignment]\ndefinition = 'maxcso'", 2, "Did you mean 'maxcos'"),
        ("[alignment]\ndefinition = 'correspondence'", 2, "is both A, here, and C, under [correspondence]"),
        ("[alignment]\ncaptions = 'lsit'", 2, "Did you mean 'list'"),
        ("[alignment]\nreferences = [\n  'good/smal@224',\n]", 3, "Did you mean 'good/small@224'"),
        ("[benchmarks]\nm = {name = 'M', kind = 'ocr', images = 'foldr'}", 2, "Did you mean 'folder'"),
        ("[policy]\nbenchmarks = ['mmbnch']\n[benchmarks]\nmmbench = {name = 'M', kind = 'ocr'}", 2, "'mmbench'"),
    ):
        said = check(text)
        assert f"registry.toml:{line}:" in said, said
        assert words in said, said


DATASETS = """
[correspondence]
dataset = "toypairs"
roots = { toyfolder = "photos", "shelf/a" = "/data/shelf" }
[benchmarks]
mme = { name = "MME", kind = "vision" }
gqa = { name = "GQA", kind = "vision", correspondence = "toypairs" }
doc = { name = "Doc", kind = "ocr", correspondence = "letters?pairs=200&level=2" }
far = { name = "Far", kind = "vision", correspondence = "toyfolder" }
"""


def test_each_benchmark_names_its_data_set_installed_or_not(installed: Callable[..., None], tmp_path: Path) -> None:
    installed("toyscore")
    for registry in (Registry([]), Registry.discover()):
        space = space_of(DATASETS, tmp_path, registry)
        text = "letters?level=2&pairs=200"
        assert space.correspondence_datasets() == ("toypairs", text, "toyfolder")
        assert [space.correspondence_of(b) for b in space.benchmarks] == ["toypairs", "toypairs", text, "toyfolder"]
        assert space.root_of("toypairs") is None
        assert space.root_of("toyfolder") == tmp_path / "photos"
        assert space.root_of("shelf/a?split=val") == Path("/data/shelf")


def test_a_folder_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    (tmp_path / "elsewhere").mkdir()
    text = 'correspondence = { dataset = "warps", roots = { pages = "~/photos", pf = "~nobody-of-this-name/x" } }'
    space = space_of(text, tmp_path / "elsewhere", Registry([]))
    with pytest.raises(ConfigError, match="'~nobody-of-this-name/x'"):
        space.root_of("pages")
    space = space_of(text.split(", pf")[0] + " } }", tmp_path / "elsewhere", Registry([]))
    assert space.root_of("pages") == tmp_path / "me" / "photos"


def test_options_of_a_data_set_that_are_its_defaults_are_dropped(tmp_path: Path) -> None:
    spec = {"id": "pages", "target": "m:a", "aliases": ("paper",), "options": {"pairs": OPTION}}
    found = Plugin("pages", "visionlaw-pages", "1", EntryPoint("pages", "m", "visionlaw.v1"))
    found.specs.append(DatasetSpec.model_validate(spec))
    text = """
    correspondence = { dataset = "pages", roots = { paper = "here" } }
    [benchmarks]
    doc = { name = "Doc", kind = "ocr", correspondence = "paper?pairs=0100" }
    """
    space = space_of(text, tmp_path, Registry([found]))
    assert space.correspondence_datasets() == ("pages",)
    assert space.root_of("pages?pairs=5") == space.root_of("paper") == tmp_path / "here"
    twice = space_of(text.replace('paper = "here"', 'paper = "here", pages = "there"'), tmp_path, Registry([found]))
    with pytest.raises(ConfigError, match=r"gives 'pages' two folders, one of them as 'pages'\. Keep one"):
        twice.root_of("pages")


def test_the_shipped_file_measures_text_on_text(cli: Callable[..., Any]) -> None:
    checked = json.loads(cli("space", "check", "--json").out)
    assert checked["correspondence"] == {
        **dict.fromkeys(("mmbench", "mme", "okvqa", "seedbench"), "warps"),
        **dict.fromkeys(("mmmu", "textvqa", "vizwiz", "scienceqa"), "textpairs"),
    }
    assert "C is measured on: warps, textpairs." in cli("space", "check").out


@pytest.mark.parametrize("dataset", ["warps", "spair?split=val", "pf/pascal", "ap10k", "hpatches", "textpairs"])
def test_the_catalogue_knows_who_provides_the_data_sets(dataset: str) -> None:
    registry = Registry([], read_space_file(default_path()).providers)
    with pytest.raises(NotInstalledError, match=f"pip install visionlaw-{dataset.split('/')[0].split('?')[0]}"):
        registry.get("dataset", dataset)


def test_space_check_finds_the_folders_that_data_sets_lack(cli: Callable[..., Any], installed: Callable) -> None:
    installed("toyscore")

    def missing(text: str) -> dict[str, list[str]]:
        Path("registry.toml").write_text(text, encoding="utf-8")
        done = cli("space", "check", "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)["missing"]

    without = DATASETS.replace('roots = { toyfolder = "photos", "shelf/a" = "/data/shelf" }\n', "")
    catalogue = '[catalogue]\nletters = "visionlaw-letters"\nshelf = "visionlaw-shelf"\n'
    assert missing(without + catalogue) == {
        "python -m pip install visionlaw-letters": ["letters?pairs=200&level=2"],
        'write toyfolder = "FOLDER" under [correspondence.roots] of registry.toml': ["toyfolder"],
    }
    here = DATASETS.replace("/data/shelf", ".") + catalogue
    found = missing(here)
    assert found[
        f"'{Path.cwd() / 'photos'}' is not a folder: mend toyfolder under [correspondence.roots] of registry.toml"
    ] == ["toyfolder"]
    assert found["python -m pip install visionlaw-shelf"] == ["shelf/a"]
    Path("photos").mkdir()
    assert list(missing(here)) == ["python -m pip install visionlaw-shelf", "python -m pip install visionlaw-letters"]
    assert "Not usable yet: letters?pairs=200&level=2" in cli("space", "check").out


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[correspondence]\ndataset = "pages"\nroot = "photos"\n', 1, ['write roots = { pages = "photos" } instead']),
        ('[correspondence]\nroot = "x"\ndataset = "pf/willow?a=1"\n', 1, ['roots = { "pf/willow" = "x" }']),
        ('[correspondence.roots]\n"warps?seed=1" = "x"\n', 2, ["has options", "write 'warps'"]),
        ('[correspondence]\ndataset = "a b"\n', 2, ["'a b' is not an id"]),
        ('[correspondence]\nprotocol = "lenient"\n', 2, ["'strict' or 'reference'"]),
        ('[correspondence]\nmatcher = "softmax"\n', 2, ["'argmax', 'softargmax' or 'upsampled'"]),
        (
            '[correspondence]\nprotocol = "reference"\nmatcher = "upsampled"\n',
            1,
            ["reference has a matcher of its own", 'leave out matcher = "upsampled"', 'write protocol = "strict"'],
        ),
        ('[benchmarks.m]\nname = "M"\nkind = "ocr"\ncorrespondence = "a?b"\n', 4, ["'b' in 'a?b' is not an option"]),
        ("[policy]\nscores = 3\n", 2, ['{ A = "a.csv", C = "c.csv" }']),
        ('[policy]\nscores = { A = "a.csv", B = "b.csv" }\n', 2, ["policy.scores.B", "It can be: A, C"]),
    ],
)
def test_errors_about_correspondence_say_what_to_write(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    test_errors_name_file_line_and_remedy(tmp_path, text, line, words)


def test_the_reference_protocol_takes_the_default_matcher(tmp_path: Path) -> None:
    space = space_of('[correspondence]\nprotocol = "reference"\nmatcher = "argmax"\n', tmp_path)
    assert space.correspondence.protocol == "reference"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[space\n", 1, ["not TOML"]),
        ("[policy]\nbudget = 4\nbudget = 5\n", 3, ["not TOML"]),
        ("[space]\nrepresentations = []\n\n[policy]\nbugdet = 3\n", 5, ["policy.bugdet", "Did you mean 'budget'"]),
        ("[spaec]\n", 1, ["spaec", "Did you mean 'space'"]),
        ("[policy]\nseed = 1\nbudget = 0\n", 3, ["policy.budget", "greater than or equal to 1"]),
        ('[alignment]\ndefinition = "max cos"\n', 2, ["'max cos' is not an id"]),
        ('[alignment]\ncaptions_root = "x.json"\n', 1, ["no image source that reads it", 'captions = "folder"']),
        ('[language]\nrevision = "abc"\n', 1, ["write model as well"]),
        (
            '[benchmarks.m]\nname = "M"\nkind = "ocr"\nimages_root = "x"\n',
            1,
            ["no image source that reads it", 'images = "folder"'],
        ),
        ('[space]\nrepresentations = [\n  "a/b@1",\n  "a/b@1 +",\n]\n', 4, ["'a/b@1 +'"]),
        ('[benchmarks]\nmme = { name = "MME", kind = "vison" }\n', 2, ["'vision' or 'ocr'"]),
        (
            '[benchmarks.mme]\nname = "MME"\nkind = "vision"\ncolour = 1\n',
            4,
            ["mme.colour", "higher_is_better"],
        ),
        ('[space]\ncombine = { of = ["a/b@1"], sizes = [1] }\n', 2, ["sizes", "Did you mean 'size'"]),
        ('[[space.combine]]\nof = ["a/b@1"]\nsize = [0]\n', 3, ["size"]),
        ('[[space.combine]]\nof = ["a/b@1 + c/d@1"]\n', 2, ["not an id"]),
        ('[space.aliases]\n"a/b@1" = "c/d@1"\n', 1, ["form of an id"]),
        ("[policy]\nbudget = true\n", 2, ["budget"]),
        ('[policy]\nbenchmarks = ["mme", "mme"]\n', 2, ["named twice"]),
        ('[space.aliases]\nx = "a b"\n', 2, ["'a b'"]),
        ('[space.aliases]\nx = "y"\ny = "x"\n', 1, ["alias itself"]),
    ],
)
def test_errors_name_file_line_and_remedy(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(text, tmp_path)
    assert f"registry.toml:{line}:" in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_byte_order_mark_is_no_mistake_and_endless_nesting_is_one(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_bytes(b"\xef\xbb\xbf[policy]\nbudget = 3\n")
    assert read_space_file(path).policy.budget == 3
    path.write_text("a = " + "[" * 5000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        read_space_file(path)


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


def test_a_data_set_of_files_needs_its_folder(tmp_path: Path) -> None:
    found = Plugin("s", "visionlaw-s", "1", EntryPoint("s", "m", "visionlaw.v1"))
    found.specs += [ScorerSpec(id=name, target="m:a", measures="A") for name in ("s/c", "maxcos")]
    found.specs += [SamplerSpec(id="bayes", target="m:a"), CombinerSpec(id="concat", target="m:a")]
    found.specs += [DatasetSpec(id="warps", target="m:a")]
    path = tmp_path / "registry.toml"
    path.write_text('[correspondence]\nscorer = "s/c"\n')
    assert check_space(read_space_file(path), path, Registry([found])) == {}
    spec = DatasetSpec(id="pf/willow", target="m:a", needs_root=True, homepage="https://example.org/pf")
    found.specs.append(spec)
    path.write_text('[correspondence]\nscorer = "s/c"\ndataset = "pf/willow"\n')
    (remedy,) = check_space(read_space_file(path), path, Registry([found]))
    assert remedy == (
        'write "pf/willow" = "FOLDER" under [correspondence.roots] of registry.toml '
        "(get the data from https://example.org/pf)"
    )


def test_images_captions_and_the_language_model_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "vicuna").mkdir()
    text = """
    [language]
    model = "vicuna"
    [alignment]
    captions = "list?image=file&caption=caption"
    captions_root = "llava/captions.csv"
    references = ["favourite", "a/b@1", "favourite"]
    [space.aliases]
    favourite = "c/d@1 + a/b@1"
    [benchmarks]
    mme = { name = "MME", kind = "vision", images = "folder", images_root = "/data/mme" }
    gqa = { name = "GQA", kind = "vision" }
    """
    space = space_of(text, tmp_path, Registry.discover())
    assert space.language == (str(tmp_path / "vicuna"), None)
    assert space.captions == ImagesAt("list?image=file", tmp_path / "llava" / "captions.csv")
    assert space.images_of("mme") == ImagesAt("folder", Path("/data/mme"))
    assert space.images_of("gqa") is None
    assert space.references == ("a/b@1 + c/d@1", "a/b@1")
    assert space.alignment_scorer == "maxcos"
    hub = text.replace('model = "vicuna"', 'model = "lmsys/vicuna-7b"\n    revision = "0123"')
    assert space_of(hub, tmp_path).language == ("lmsys/vicuna-7b", "0123")
    assert space_of("", tmp_path).language is None


def test_space_check_finds_the_images_that_are_not_there(cli: Callable[..., Any]) -> None:
    text = """
    [alignment]
    captions = "list"
    captions_root = "captions.csv"
    [benchmarks]
    mme = { name = "MME", kind = "vision", images = "folder", images_root = "mme" }
    """
    Path("registry.toml").write_text(text, encoding="utf-8")
    checked = json.loads(cli("space", "check", "--json").out)
    assert checked["alignment"] == {"definition": "maxcos", "images": {"mme": "folder"}}
    here = Path.cwd()
    missing = {remedy: ids for remedy, ids in checked["missing"].items() if "not there" in remedy}
    assert missing == {
        f"'{here / 'mme'}' is not there: mend images_root of mme under [benchmarks] of registry.toml": ["folder"],
        f"'{here / 'captions.csv'}' is not there: mend captions_root under [alignment] of registry.toml": ["list"],
    }
