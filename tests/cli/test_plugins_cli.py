"""``visionlaw plugins search`` and ``install``: the catalogue, the command for pip, and pip itself, without network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from visionlaw.ids import prefix_of
from visionlaw.installing import require_pip

if TYPE_CHECKING:
    from tests.conftest import Outcome

Cli = Callable[..., "Outcome"]
TINY = '[catalogue]\ntiny = { distribution = "Visionlaw_Tiny", kinds = ["sampler"], description = "A tiny sampler." }\n'
WHEEL = {
    "visionlaw_tiny.py": "from visionlaw import SamplerSpec, hookimpl\n"
    "@hookimpl\ndef visionlaw_samplers():\n    return [SamplerSpec(id='tiny', target='visionlaw_tiny:nothing')]\n",
    "visionlaw_tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: visionlaw-tiny\nVersion: 1.0\n",
    "visionlaw_tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "visionlaw_tiny-1.0.dist-info/entry_points.txt": "[visionlaw.v1]\ntiny = visionlaw_tiny\n",
}


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with a wheel of the plugin ``tiny``, and a registry.toml that knows it in the working directory."""
    (tmp_path / "registry.toml").write_text(TINY)
    folder = tmp_path / "wheels"
    folder.mkdir()
    record = "visionlaw_tiny-1.0.dist-info/RECORD"
    with zipfile.ZipFile(folder / "visionlaw_tiny-1.0-py3-none-any.whl", "w") as wheel:
        lines = [f"{record},,"]
        for name, text in WHEEL.items():
            wheel.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text.encode())}")
        wheel.writestr(record, "\n".join(lines) + "\n")
    return folder


@pytest.fixture
def own_pip(wheels: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which pip sees no index, and installs into a folder of the test's own."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_TARGET": str(tmp_path / "site"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
    }


def rows(cli: Cli, *text: str) -> dict[str, dict]:
    return {row["prefix"]: row for row in json.loads(cli("plugins", "search", *text, "--json").out)}


def test_the_catalogue_tells_what_the_first_party_plugins_provide(python: Cli) -> None:
    """Who adds a family to a plugin adds it to the catalogue as well."""
    found = {row["prefix"]: row for row in json.loads(python("-m", "visionlaw", "plugins", "search", "--json").out)}
    assert all(row["installed"] and row["description"].endswith(".") for row in found.values())
    provided: dict[tuple[str, str], set[str]] = {}
    for row in json.loads(python("-m", "visionlaw", "list", "--json").out):
        if row["plugin"] != "builtin":
            provided.setdefault((prefix_of(row["id"]), row["distribution"]), set()).add(row["kind"])
    told = {(prefix, row["distribution"]): set(row["kinds"]) for prefix, row in found.items()}
    told.pop(("hf", "visionlaw-transformers"))  # it lists nothing and resolves whatever is asked of it
    assert told == provided


def test_search_goes_by_prefix_distribution_kind_and_description(cli: Cli) -> None:
    everything = rows(cli)
    assert set(everything["spair"]) == {"prefix", "distribution", "kinds", "description", "homepage", "installed"}
    assert set(rows(cli, "DINOV")) == {"dinov2", "dinov3"}
    assert {row["distribution"] for row in rows(cli, "visionlaw-diffusers").values()} == {"visionlaw-diffusers"}
    assert {"warps", "lab", "llava"} == set(rows(cli, "image source"))
    assert "textpairs" in rows(cli, "paragraphs")
    nothing = cli("plugins", "search", "no such thing")
    assert (nothing.code, nothing.err) == (0, "")
    assert "nothing about 'no such thing'" in nothing.out


def test_search_tells_what_is_installed_without_importing_it(cli: Cli, installed: Callable, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(
        '[catalogue]\nimporterror = "visionlaw-importerror"\nabsent = { distribution = "visionlaw-absent", '
        'homepage = "https://example.org/absent" }\n'
    )
    installed("hard_exit", "import_error")
    found = rows(cli)
    assert found["importerror"]["installed"] == "1.0"
    assert found["absent"]["installed"] is None
    assert found["clip"]["distribution"] == "visionlaw-transformers"  # the shipped ones stay
    table = cli("plugins", "search", "absent")
    assert "https://example.org/absent" in table.out
    assert "visionlaw plugins install absent" in table.err


def test_install_prints_the_command_and_runs_nothing(python: Cli, own_pip: dict, tmp_path: Path) -> None:
    done = python("-m", "visionlaw", "plugins", "install", "tiny", "visionlaw.tiny", **own_pip)
    assert done.code == 0
    (line,) = done.out.splitlines()
    assert line.endswith(" -m pip install Visionlaw_Tiny")  # once, though it is named twice
    assert "Nothing has been installed" in done.err
    assert not (tmp_path / "site").exists()


def test_the_command_names_the_python_that_runs(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(environment))
    assert cli("plugins", "install", "clip", "dinov2", "timm").out == (
        "python -m pip install visionlaw-transformers visionlaw-timm\n"
    )
    # Another environment's python is a link to the same file, and not the one that runs.
    (tmp_path / "python").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli("plugins", "install", "clip").out == f"{sys.executable} -m pip install visionlaw-transformers\n"
    monkeypatch.setattr(sys, "executable", "/opt/my python/bin/python")
    assert cli("plugins", "install", "clip").out.startswith("'/opt/my python/bin/python' -m pip")


def test_pip_is_not_what_lies_in_the_working_directory(python: Cli, own_pip: dict, tmp_path: Path) -> None:
    (tmp_path / "pip.py").write_text("print('not pip at all')\n")
    done = python("-m", "visionlaw", "plugins", "install", "tiny", "--yes", **own_pip)
    assert done.code == 0, done.err
    assert "not pip at all" not in done.out + done.err
    assert (tmp_path / "site" / "visionlaw_tiny.py").is_file()


def test_install_yes_installs_and_the_plugin_is_listed(python: Cli, own_pip: dict, tmp_path: Path) -> None:
    done = python("-m", "visionlaw", "plugins", "install", "tiny", "--yes", **own_pip)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1
    assert "Successfully installed" in done.err
    assert (tmp_path / "site" / "visionlaw_tiny.py").is_file()
    listed = python("-m", "visionlaw", "list", "sampler", "--json", path=(tmp_path / "site",))
    assert "tiny" in {row["id"] for row in json.loads(listed.out)}
    again = python("-m", "visionlaw", "plugins", "install", "tiny", "--yes", path=(tmp_path / "site",), **own_pip)
    assert (again.code, again.out) == (0, "")
    assert again.err == "Visionlaw_Tiny 1.0 is installed already.\n"


def test_json_asks_nothing_and_runs_on_request_only(python: Cli, own_pip: dict, tmp_path: Path) -> None:
    said = json.loads(python("-m", "visionlaw", "plugins", "install", "tiny", "--json", **own_pip).out)
    assert said["command"][1:] == ["-m", "pip", "install", "Visionlaw_Tiny"]
    assert (said["ran"], said["missing"], said["present"]) == (False, ["Visionlaw_Tiny"], {})
    assert not (tmp_path / "site").exists()
    ran = python("-m", "visionlaw", "plugins", "install", "tiny", "--json", "--yes", **own_pip)
    assert json.loads(ran.out)["ran"] is True


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal")
@pytest.mark.parametrize(("answer", "there"), [("n", False), ("", False), ("y", True)])
def test_on_a_terminal_it_asks_first(wheels: Path, own_pip: dict, tmp_path: Path, answer: str, there: bool) -> None:
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    with subprocess.Popen(
        [sys.executable, "-m", "visionlaw", "plugins", "install", "tiny"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | own_pip,
        text=True,
    ) as process:
        _, said = process.communicate(timeout=60)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0
    assert "Run it now? [y/N]" in said
    assert (tmp_path / "site").exists() is there


def test_when_pip_fails_its_error_is_told(python: Cli, own_pip: dict, wheels: Path) -> None:
    next(wheels.iterdir()).unlink()
    done = python("-m", "visionlaw", "plugins", "install", "tiny", "--yes", **own_pip)
    assert done.code == 2
    error, remedy = done.err.splitlines()[-2:]
    assert error == "Error: pip has failed: No matching distribution found for Visionlaw_Tiny."
    assert "-m pip install Visionlaw_Tiny" in remedy
    assert "Installed" not in done.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clop", "Did you mean 'clip'?"),
        ("visionlaw-transformer", "Did you mean 'visionlaw-transformers'?"),
        ("zzz", "visionlaw plugins search"),
        ("visionlaw-acme", "by hand: python -m pip install visionlaw-acme"),
        ("Acme.Vision", "by hand: python -m pip install Acme.Vision"),
        ("visionlaw-timm==1.0", "Did you mean 'timm'"),
        ("visionlaw-timm; rm -rf ~", "visionlaw plugins search"),
        ("git+https://example.org/acme-vision", "visionlaw plugins search"),
        ("./wheels/acme-1.0.whl", "visionlaw plugins search"),
        ("--index-url=https://example.org", "visionlaw plugins search"),
        ("-e", "visionlaw plugins search"),
        ("CLIP", "Did you mean 'clip' or"),
        ("", "visionlaw plugins search"),
    ],
)
def test_what_the_catalogue_does_not_have_gets_no_command(cli: Cli, name: str, words: str) -> None:
    for yes in ((), ("--yes",)):
        done = cli("plugins", "install", *yes, "--", "clip", name)
        assert (done.code, done.out) == (2, "")
        assert f"no plugin '{name}'" in done.err
        assert words in done.err


def test_an_option_of_pip_is_none_of_ours(cli: Cli) -> None:
    done = cli("plugins", "install", "--index-url", "https://example.org", "clip")
    assert (done.code, done.out) == (2, "")
    assert "No such option" in done.err


@pytest.mark.parametrize(
    "name", ["--pre", "-r requirements.txt", "a b", "../x", "x @ file:///x", "x[torch]", "x>=1", ""]
)
def test_a_file_can_name_distributions_and_nothing_else(cli: Cli, tmp_path: Path, name: str) -> None:
    for entry in (f'"{name}"', f'{{ distribution = "{name}" }}'):
        (tmp_path / "registry.toml").write_text(f"[catalogue]\nmine = {entry}\n")
        done = cli("plugins", "install", "mine", "--yes")
        assert (done.code, done.out) == (2, "")
        assert f"'{name}' is not the name of a distribution" in done.err
        assert "registry.toml:2" in done.err


def test_a_projects_file_cannot_pass_something_else_off_as_a_shipped_plugin(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text('[catalogue]\nclip = "visionlaw-evil"\ntimm = "visionlaw_timm"\n')
    done = cli("plugins", "install", "clip", "--yes")
    assert (done.code, done.out) == (2, "")
    assert "visionlaw-transformers" in done.err
    assert "visionlaw-evil" in done.err
    assert "install visionlaw-evil" in cli("plugins", "install", "visionlaw-evil").out
    assert "install visionlaw_timm" in cli("plugins", "install", "timm").out
    for entry in ('mine = "clip"', 'visionlaw-transformers = "visionlaw-evil"'):
        (tmp_path / "registry.toml").write_text(f"[catalogue]\n{entry}\n")
        name = "clip" if "clip" in entry else "visionlaw-transformers"
        done = cli("plugins", "install", name, "--yes")
        assert (done.code, done.out) == (2, "")
        assert "visionlaw-transformers" in done.err


def test_looking_for_pip_asks_no_finder_that_acts_on_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    # setuptools' takes it for a run of pip, and hands distutils back to Python: what compiles fails afterwards.
    class Finder:
        asked: ClassVar[list[str]] = []

        def find_spec(self, name: str, *more: object) -> None:
            self.asked.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    require_pip([])
    assert "pip" not in Finder.asked


def test_without_pip_the_remedy_is_that_of_the_tool_that_is_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    everything = PathFinder.find_spec
    monkeypatch.setattr(PathFinder, "find_spec", lambda name, *more: None if name == "pip" else everything(name, *more))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    done = cli("plugins", "install", "clip", "--yes")
    assert (done.code, done.out) == (2, "")
    assert "There is no pip" in done.err
    assert "-m ensurepip --upgrade" in done.err
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.9\n")
    assert f"uv pip install --python {sys.executable} visionlaw-transformers" in cli("plugins", "install", "clip").err


def test_a_python_that_the_system_manages_is_left_alone(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths = sysconfig.get_path
    (tmp_path / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path) if name == "stdlib" else paths(name))
    monkeypatch.delenv("PIP_BREAK_SYSTEM_PACKAGES", raising=False)
    assert cli("plugins", "install", "clip").code == 0  # in an environment of one's own the marker does not count
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    done = cli("plugins", "install", "clip", "--yes")
    assert (done.code, done.out) == (2, "")
    assert "PEP 668" in done.err
    assert "python -m venv" in done.err


def test_options_of_a_sub_verb_stand_behind_it(cli: Cli) -> None:
    done = cli("plugins", "--json", "search")
    assert (done.code, done.out) == (2, "")
    assert "visionlaw plugins search … --json" in done.err
