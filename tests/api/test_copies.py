"""The recorder sees breaks in core itself: in a copy of it, with one of every sort."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from api_breaks import find_breaks, read_record
from record import RECORD

import visionlaw

if TYPE_CHECKING:
    from tests.conftest import Outcome

SEEDED = (
    (
        "hookspecs.py",
        "def visionlaw_trainers(",
        "def visionlaw_tuners(",
        "visionlaw.hookspecs.Hooks.visionlaw_trainers()",
    ),
    (
        "hookspecs.py",
        "def visionlaw_resolve(self, id: str)",
        "def visionlaw_resolve(self)",
        "visionlaw.hookspecs.Hooks.visionlaw_resolve(0:id)",
    ),
    ("hookspecs.py", '    "visionlaw_commands": "command",\n', "", "visionlaw.hookspecs.LISTING_HOOKS"),
    ("specs.py", '"squash", "letterbox", "crop"]', '"squash", "crop"]', "visionlaw.specs.EncoderSpec.resize"),
    ("specs.py", "higher_is_better: bool", "better_is_higher: bool", "visionlaw.specs.ScorerSpec.higher_is_better"),
    (
        "specs.py",
        "needs_root: bool = Field(default=False",
        "needs_root: bool = Field(default=True",
        "visionlaw.specs.DatasetSpec.needs_root",
    ),
    (
        "specs.py",
        "def layer_option(default: int = -1)",
        "def layer_option()",
        "visionlaw.specs.layer_option(0:default)",
    ),
    (
        "protocols.py",
        "def finetune(self, representation: str, workdir: Path)",
        "def finetune(self, representation: str)",
        "visionlaw.protocols.Trainer.finetune(1:workdir)",
    ),
    (
        "protocols.py",
        '    category: str = ""\n',
        '    category: str | None = ""\n',
        "visionlaw.protocols.Pair(6:category)",
    ),
    (
        "errors.py",
        "class NotInstalledError(UnknownIdError)",
        "class NotInstalledError(VisionlawError)",
        "visionlaw.errors.NotInstalledError",
    ),
    ("weights.py", "def config_folder(", "def folder_of_config(", "visionlaw.weights.config_folder()"),
    ("testing/plugin_checks.py", '@check("imports", "plugin")', '@check("import", "plugin")', "check[imports]"),
    (
        "cli/listing.py",
        "search: Annotated[str, typer.Option(help=",
        'search: Annotated[str, typer.Option("--find", help=',
        "visionlaw list --search",
    ),
)


@pytest.mark.slow
def test_seeded_breaks_of_core_are_seen_and_no_others(python: Callable[..., Outcome], tmp_path: Path) -> None:
    home = Path(visionlaw.__file__).parent
    copy = tmp_path / "visionlaw"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file, old, new, _ in SEEDED:
        text = (copy / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has no longer exactly one {old!r}"
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    code = "import json; from api_surface import read_surface; print(json.dumps(read_surface()))"
    done = python("-c", code, path=(tmp_path, Path(__file__).parent))
    assert done.code == 0, done.err
    before = read_record(RECORD.read_text(encoding="utf-8"))
    found = {broken.name for broken in find_breaks(before, json.loads(done.out))}
    assert found == {name for *_, name in SEEDED}
