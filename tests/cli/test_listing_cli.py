"""The verbs that show what is installed, as a user and as a script sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Outcome

Install = Callable[..., None]
ROW_KEYS = {"id", "kind", "plugin", "distribution", "version"}
RECORD_KEYS = {"name", "distribution", "version", "status", "reason", "remedy", "seconds", "provides"}


def test_list_json_rows(cli: Callable[..., Outcome], installed: Install) -> None:
    installed("good")
    rows = json.loads(cli("list", "--json").out)
    assert all(set(row) >= ROW_KEYS for row in rows)
    assert {r["id"] for r in rows if r["plugin"] == "good"} == {"good/small@224", "good/large@224"}
    assert {r["id"] for r in rows if r["kind"] == "sampler"} >= {"region", "random"}


@pytest.mark.parametrize("word", ["sampler", "samplers", "SAMPLER"])
def test_list_one_kind(cli: Callable[..., Outcome], word: str) -> None:
    assert {r["kind"] for r in json.loads(cli("list", word, "--json").out)} == {"sampler"}


def test_list_of_an_unknown_kind(cli: Callable[..., Outcome]) -> None:
    done = cli("list", "samplr")
    assert done.code == 2
    assert "Did you mean 'sampler'" in done.err


def test_the_table_names_what_is_listed(cli: Callable[..., Outcome], installed: Install) -> None:
    installed("good")
    done = cli("list", "encoder", "--search", "goodie")
    assert "good/small@224" in done.out
    assert "14×14" in done.out
    assert "good/large@224" not in done.out


def test_a_bad_plugin_never_changes_an_exit_code(cli: Callable[..., Outcome], installed: Install) -> None:
    installed("import_error", "system_exit", "syntax_error", "duplicate_id", "wrong_group", "good")
    listed = cli("list", "--json")
    assert listed.code == 0
    assert "good/small@224" in {r["id"] for r in json.loads(listed.out)}
    assert "importerror (broken)" in listed.err
    shown = cli("plugins", "--json")
    assert shown.code == 0
    records = {r["name"]: r for r in json.loads(shown.out)}
    assert all(set(r) == RECORD_KEYS for r in records.values())
    assert records["importerror"]["status"] == "broken"
    assert records["alpha"]["status"] == "conflict"
    assert records["future"]["status"] == "incompatible"
    table = cli("plugins")
    assert table.code == 0
    assert "a_library_that_is_not_installed" in table.out


def test_no_plugin(cli: Callable[..., Outcome], installed: Install) -> None:
    installed("import_error")
    done = cli("--no-plugin", "importerror", "plugins", "--json")
    assert {r["name"]: r["status"] for r in json.loads(done.out)}["importerror"] == "disabled"
    assert cli("--no-plugin", "importerror", "list").err == ""


def test_show_takes_ids_aliases_and_published_names(cli: Callable[..., Outcome], installed: Install) -> None:
    installed("good")
    for name in ("good/small@224", "goodie@224"):
        shown = json.loads(cli("show", name, "--json").out)
        assert shown["id"] == "good/small@224"
        assert shown["parts"][0]["distribution"] == "visionlaw-good"
    clip = json.loads(cli("show", "clip@336", "--json").out)
    assert clip["id"] == "clip/vit-l-14@336"
    assert clip["aliases"] == ["clip@336"]
    assert any("iclr2025" in line and "15.66" in line for line in clip["published"])
    pair = json.loads(cli("show", "clip@224+dinov2@224", "--json").out)
    assert [p["id"] for p in pair["parts"]] == ["clip/vit-l-14@224", "dinov2/large@224"]
    assert json.loads(cli("show", "region", "--json").out)["parts"][0]["kind"] == "sampler"
    assert "visionlaw-diffusers" in cli("show", "sd1.5@768").out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clip@337", "Did you mean"),
        ("regoin", "Did you mean 'region'"),
        ("siglip/so400m@384", "pip install visionlaw-transformers"),
        ("nothing like it", "not an id"),
    ],
)
def test_show_of_what_is_not_there(cli: Callable[..., Outcome], name: str, words: str) -> None:
    done = cli("show", name)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_init_check_and_schema(cli: Callable[..., Outcome]) -> None:
    assert cli("init", "project").code == 0
    done = cli("space", "check", "project/registry.toml", "--json")
    assert json.loads(done.out)["representations"][0] == "clip/vit-l-14@336"
    assert cli("init", "project").code == 2
    assert set(json.loads(cli("space", "schema").out)["properties"]) >= {"space", "policy", "catalogue"}


def test_a_wrong_file_is_one_sentence_with_its_line(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[policy]\nbugdet = 3\n")
    for command in (["list"], ["plugins"], ["space", "check"], ["show", "clip@336"]):
        done = cli(*command)
        assert (done.code, done.out) == (2, "")
        assert "registry.toml:2" in done.err
        assert "Did you mean 'budget'" in done.err


def test_help_has_an_example_for_every_verb() -> None:
    import typer

    from visionlaw.cli.app import app

    def verbs(group: typer.Typer, prefix: str) -> list[tuple[str, str]]:
        own = [
            (f"{prefix} {c.name or c.callback.__name__}", c.callback.__doc__ or "") for c in group.registered_commands
        ]
        return own + [v for g in group.registered_groups for v in verbs(g.typer_instance, f"{prefix} {g.name}")]

    found = verbs(app, "visionlaw")
    assert len(found) > 6
    for name, text in found:
        assert f"Example: {name}" in text, f"{name}: no example in its docstring"


def test_light_imports(python: Callable[..., Outcome]) -> None:
    code = (
        "import sys, runpy; sys.argv = ['visionlaw', {arguments}]\n"
        "try: runpy.run_module('visionlaw', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {{'torch', 'timm', 'transformers', 'numpy', 'scipy', 'sklearn', 'sqlalchemy', 'skimage'}}\n"
        "sys.stderr.write('HEAVY' + str(sorted(heavy & set(sys.modules))))"
    )
    for arguments in ("'list'", "'list', '--json'", "'--help'", "'plugins'", "'policy', '--help'"):
        done = python("-c", code.format(arguments=arguments))
        assert done.err.endswith("HEAVY[]"), (arguments, done.err)


def test_import_scans_nothing(python: Callable[..., Outcome]) -> None:
    code = "import sys, visionlaw; print([m for m in ('pluggy', 'pydantic', 'importlib.metadata') if m in sys.modules])"
    assert python("-c", code).out.strip() == "[]"


def test_a_project_of_ones_own_knows_who_provides_what_is_missing(cli, tmp_path) -> None:
    """The shipped catalogue holds beside a file that has none."""
    (tmp_path / "registry.toml").write_text('[catalogue]\nmine = "visionlaw-mine"\n')
    for name, distribution in (("clip/vit-l-14@224", "visionlaw-transformers"), ("mine/net@224", "visionlaw-mine")):
        done = cli("show", name)
        assert done.code == 2
        assert f"pip install {distribution}" in done.err
