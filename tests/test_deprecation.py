"""What is deprecated works, and whom it concerns is told once: users of ids, authors of hooks and fields."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visionlaw import discovery
from visionlaw.errors import MissingDependencyError, VisionlawDeprecationWarning
from visionlaw.features.encoders import encoder_ref
from visionlaw.plugins import Plugin, PluginRecord
from visionlaw.registry import Registry
from visionlaw.specs import EncoderSpec, SamplerSpec, Spec

if TYPE_CHECKING:
    from tests.conftest import Outcome

Cli = Callable[..., "Outcome"]
OLD = """
from visionlaw import CommandSpec, DatasetSpec, EncoderSpec, hookimpl

@hookimpl
def visionlaw_encoders():
    common = dict(target="fixture_aged_code:Net", resolution=224, patch=16, channels=3, parameters=0)
    yield EncoderSpec(id="aged/old@224", aliases=("venerable",), deprecated="Its colours are wrong.",
                      superseded_by="aged/new@224", **common)
    yield EncoderSpec(id="aged/new@224", **common)

@hookimpl
def visionlaw_datasets():
    yield DatasetSpec(id="agedpairs", target="fixture_aged_code:Pairs", superseded_by="warps")

@hookimpl
def visionlaw_commands():
    yield CommandSpec(id="age", target="fixture_aged_code:age", deprecated="Nobody asks")
"""
CODE = """
import numpy as np
from PIL import Image
from torch.nn.functional import avg_pool2d
from visionlaw.features.preprocess import prepare
from visionlaw.protocols import ImageRef, Pair

class Net:
    def __init__(self, spec):
        self.spec = spec

    def preprocess(self, image):
        return prepare(image, resolution=self.spec.resolution, patch=self.spec.patch)

    def encode(self, batch):
        return avg_pool2d(batch, self.spec.patch).flatten(2).transpose(1, 2)

class Pairs:
    version = "1"

    def __init__(self, spec, root=None):
        pass

    def __len__(self):
        return 1

    def __iter__(self):
        image = ImageRef("drawn", lambda: Image.new("RGB", (32, 32), (10, 200, 30)))
        yield Pair("one", image, image, np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]]), 32.0)

def age():
    '''Say how old it is.'''
    print("old")
"""
SENTENCE = "'aged/old@224' is deprecated: Its colours are wrong; use 'aged/new@224' instead."


def write_plugin(
    folder: Path, name: str, listing: str, requires: str = "visionlaw", group: str = "visionlaw.v1"
) -> None:
    """Write a plugin as it is once installed."""
    info = folder / f"visionlaw_{name}-1.0.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: visionlaw-{name}\nVersion: 1.0\n"
    (info / "METADATA").write_text(f"{head}Requires-Dist: {requires}\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = fixture_{name}\n")
    (folder / f"fixture_{name}.py").write_text(listing)


@pytest.fixture
def aged(
    tmp_path_factory: pytest.TempPathFactory, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A plugin with an encoder, a data set and a verb that are deprecated."""
    folder = tmp_path_factory.mktemp("aged")
    write_plugin(folder, "aged", OLD)
    (folder / "fixture_aged_code.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def record_of(name: str) -> PluginRecord:
    (found,) = [r for r in Registry.discover().plugins if r.name == name]
    return found


def listed(*specs: Spec) -> Registry:
    plugin = Plugin("aged", "visionlaw-aged", "1.0", metadata.EntryPoint("aged", "m", "visionlaw.v1"))
    plugin.specs = list(specs)
    return Registry([plugin])


# Ids


def test_a_deprecated_encoder_is_told_once_with_what_to_use_instead(aged: Path) -> None:
    registry = Registry.discover()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert encoder_ref(registry, "aged/old@224").id == "aged/old@224"
        encoder_ref(registry, "venerable").load()
        registry.load("encoder", "aged/old@224")
    assert [str(warning.message) for warning in told] == [SENTENCE]


def test_looking_is_not_using(aged: Path) -> None:
    registry = Registry.discover()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert registry.get("encoder", "venerable").spec.deprecated
        assert registry.encoder_spec("aged/old@224").grid == (14, 14)
        assert registry.canonical("encoder", "venerable") == "aged/old@224"
        assert len(registry.search("aged")) == 3
        encoder_ref(registry, "aged/new@224").load()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"deprecated": "Slow."}, "'aged' is deprecated: Slow."),
        ({"superseded_by": "bayes"}, "'aged' is deprecated; use 'bayes' instead."),
    ],
)
def test_the_sentence_says_what_its_author_has_said(more: dict[str, str], sentence: str) -> None:
    registry = listed(SamplerSpec(id="aged", target="builtins:repr", **more))
    with pytest.warns(VisionlawDeprecationWarning) as told:
        registry.load("sampler", "aged")
    assert str(told[0].message) == sentence


def test_users_see_it_without_asking() -> None:
    """Python hides a DeprecationWarning that a library raises; this one is for the user."""
    assert issubclass(VisionlawDeprecationWarning, FutureWarning)


SCORE = ("score", "correspondence", "--dataset", "agedpairs", "--json")


@pytest.mark.filterwarnings("default::visionlaw.errors.VisionlawDeprecationWarning")
def test_the_command_line_tells_each_on_a_line_of_stderr_and_goes_on(aged: Path, cli: Cli) -> None:
    done = cli(*SCORE, "venerable", "aged/new@224")
    assert done.code == 0, done.err
    assert sorted(line for line in done.err.splitlines() if "deprecated" in line) == [
        f"Warning: {SENTENCE}",
        "Warning: 'agedpairs' is deprecated; use 'warps' instead.",
    ]
    assert "deprecated" not in done.out
    again = cli(*SCORE, "venerable", "aged/new@224")  # everything is kept, nothing is loaded
    assert SENTENCE in again.err


@pytest.mark.filterwarnings("default::visionlaw.errors.VisionlawDeprecationWarning")
def test_a_deprecated_verb_is_told_when_it_is_used_and_not_in_the_help(aged: Path, cli: Cli) -> None:
    done = cli("age")
    assert (done.code, done.out) == (0, "old\n")
    assert done.err.count("'age' is deprecated: Nobody asks.") == 1
    assert "deprecated" not in cli("--help").err


def test_listing_says_nothing_and_show_says_it(aged: Path, cli: Cli) -> None:
    assert "deprecated" not in cli("list", "encoder").err
    shown = cli("show", "venerable")
    assert "Its colours are wrong." in shown.out
    assert "superseded_by  aged/new@224" in shown.out
    assert shown.err == ""


def test_other_warnings_are_shown_as_ever(python: Callable[..., Outcome], aged: Path) -> None:
    (aged / "fixture_aged_code.py").write_text(
        "import warnings\ndef age():\n    warnings.warn('look out', stacklevel=1)\n"
    )
    done = python("-m", "visionlaw", "age", path=(aged,))
    assert "UserWarning: look out" in done.err
    assert "Warning: 'age' is deprecated: Nobody asks.\n" in done.err


# A plugin that was built for a newer core


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        (
            "yield EncoderSpec(id='newer/a@224', target='m:a', resolution=224, patch=16, channels=1, tokens='cls')",
            "knows no field 'tokens'",
        ),
        (
            "yield dict(id='newer/a@224', target='m:a', resolution=224, patch=16, channels=1, tokens='cls')",
            "knows no field 'tokens'",
        ),
        (
            "yield EncoderSpec(id='newer/a@224', target='m:a', resolution=224, patch=16, channels=1, "
            "options={'layer': Option(type='int', default=1, description='d', unit='blocks')})",
            "knows no field 'unit'",
        ),
        ("from visionlaw.specs import TokenSpec", "cannot import name 'TokenSpec' from 'visionlaw.specs'"),
        ("import visionlaw.tokens", "No module named 'visionlaw.tokens'"),
    ],
)
def test_what_this_core_does_not_have_is_named_with_the_command_that_brings_it(
    tmp_path: Path, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch, listing: str, words: str
) -> None:
    code = f"from visionlaw import EncoderSpec, Option, hookimpl\n@hookimpl\ndef visionlaw_encoders():\n    {listing}\n"
    write_plugin(tmp_path, "newer", code)
    monkeypatch.syspath_prepend(str(tmp_path))
    newer = record_of("newer")
    assert newer.status == "broken"
    assert words in newer.reason
    assert newer.remedy.startswith(
        "If visionlaw-newer was built for a newer core: python -m pip install --upgrade visionlaw."
    )


def test_a_hook_that_this_core_does_not_have_is_left_out_and_the_rest_works(
    tmp_path: Path, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = OLD.replace("visionlaw_commands", "visionlaw_tokenisers").replace("fixture_aged", "fixture_newer")
    write_plugin(tmp_path, "newer", code.replace("aged/", "newer/"))
    monkeypatch.syspath_prepend(str(tmp_path))
    newer = record_of("newer")
    assert newer.status == "degraded"
    assert "'visionlaw_tokenisers' is no hook" in newer.reason
    assert "--upgrade visionlaw." in newer.remedy
    assert newer.provides["encoder"] == ("newer/old@224", "newer/new@224")


def test_code_that_asks_for_a_newer_core_when_it_is_loaded_says_so(
    tmp_path: Path, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fixture_asking.py").write_text("from visionlaw.features.preprocess import prepare_video")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = EncoderSpec(id="aged/a@224", target="fixture_asking:Net", resolution=224, patch=16, channels=1)
    with pytest.raises(MissingDependencyError) as caught:
        listed(spec).load("encoder", spec.id)
    assert caught.value.remedy == "python -m pip install --upgrade visionlaw 'visionlaw-aged'"


# Pins


@pytest.mark.parametrize(
    ("requires", "core", "status", "remedy"),
    [
        ("visionlaw>=0.1.0.dev0,<1", "0.1.0.dev0", "ok", ""),
        ("visionlaw>=0.1,<1", "0.3.2", "ok", ""),
        ("visionlaw>=0.1,<1", "0.99.0", "ok", ""),
        ("visionlaw>=0.1,<1", "1.0.0", "incompatible", "widen the pin"),
        ("visionlaw>=0.1,<0.2", "0.3.0", "incompatible", "--upgrade visionlaw-pinned (its author may widen the pin"),
        ("visionlaw~=0.2.0", "0.3.0", "incompatible", "widen the pin"),
        ("visionlaw==0.2.*", "0.3.0", "incompatible", "widen the pin"),
        ("visionlaw>=0.4,<1", "0.3.0", "incompatible", "python -m pip install --upgrade visionlaw"),
        ("visionlaw<0.0.9", "0.3.0", "incompatible", "python -m pip install --upgrade visionlaw-pinned"),
    ],
)
def test_a_pin_that_core_does_not_meet_says_which_of_the_two_is_to_be_newer(
    tmp_path: Path,
    installed: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    requires: str,
    core: str,
    status: str,
    remedy: str,
) -> None:
    write_plugin(tmp_path, "pinned", "", requires)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(discovery, "__version__", core)
    pinned = record_of("pinned")
    assert pinned.status == status
    assert pinned.remedy.endswith(remedy) if "widen" not in remedy else remedy in pinned.remedy


def test_a_distribution_that_speaks_two_apis_is_asked_in_the_one_that_core_speaks(
    tmp_path: Path, installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(tmp_path, "both", OLD.replace("aged/", "both/"))
    entry_points = tmp_path / "visionlaw_both-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[visionlaw.v1]\nboth = fixture_both\n[visionlaw.v2]\nboth = fixture_both_v2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert record_of("both").status == "ok"
