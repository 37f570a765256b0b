"""The verb: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from visionlaw.newplugin.kinds import PluginKind
from visionlaw.newplugin.rendering import render

if TYPE_CHECKING:
    from tests.conftest import Outcome


def test_an_encoder_is_written_here_unless_another_kind_and_place_are_asked_for(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    done = cli("new-plugin", "acme")
    assert (done.code, done.err) == (0, "")
    folder = tmp_path / "visionlaw-acme"
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == set(render("acme", PluginKind.ENCODER))
    for path in written:
        assert f"  {path}\n" in done.out
    assert cli("new-plugin", "acme", "--kind", "sampler", "--into", "elsewhere/here").code == 0
    assert (tmp_path / "elsewhere" / "here" / "src" / "visionlaw_acme" / "sampler.py").is_file()


def test_it_says_which_commands_come_next(cli: Callable[..., Outcome]) -> None:
    done = cli("new-plugin", "acme", "--kind", "scorer", "--into", "my plugins/acme")
    commands = [
        "  cd 'my plugins/acme'\n",
        "  python -m pip install -e '.[test]'\n",
        "  visionlaw list scorer --search acme\n",
        "  visionlaw check visionlaw-acme\n",
        "  python -m pytest\n",
    ]
    places = [done.out.index(command) for command in commands]
    assert places == sorted(places)


def test_scripts_get_json(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    found = json.loads(cli("new-plugin", "acme", "--kind", "dataset", "--json").out)
    assert found["distribution"] == "visionlaw-acme"
    assert Path(found["folder"]) == tmp_path / "visionlaw-acme"
    assert all((tmp_path / "visionlaw-acme" / path).is_file() for path in found["files"])
    assert found["next"][0] == "cd visionlaw-acme"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("json",), "Error: 'json' is a module of Python's standard library.\n  → "),
        (("clip",), "Error: The name 'clip' is that of visionlaw-transformers, in the catalogue.\n  → "),
        (("builtin",), "Error: The name 'builtin' is core's own.\n  → "),
        (("acme", "--into", "taken"), "Error: There is something at 'taken' already.\n  → "),
        (("acme", "--kind", "encoders"), "'encoders' is not one of"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    cli: Callable[..., Outcome], tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    done = cli("new-plugin", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["taken", "taken/notes.txt"]


def test_the_catalogue_of_a_project_counts(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text('[catalogue]\nacme = "acme-encoders"\n')
    assert "that of acme-encoders, in the catalogue" in cli("new-plugin", "acme").err
