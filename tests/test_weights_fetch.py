"""Fetching from a hub that is a server of our own on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789" * 4
FILES = {"config.json": b"{}", "model.safetensors": b"weights", "pytorch_model.bin": b"pickle", "notes.txt": b"x"}
SPLIT = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")
REPOSITORIES = {
    "net": FILES,
    "split": {"config.json": b"{}"} | dict.fromkeys(SPLIT, b"part"),
    "pickled": {"config.json": b"{}", "pytorch_model.bin": b"pickle"},
    "llm": FILES
    | {
        "config.json": b'{"hidden_size": 8, "max_position_embeddings": 32}',
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "original/consolidated.safetensors": b"the same once more",
    },
    "untold": FILES | {"config.json": b'{"hidden_size": 8}'},
}

SCRIPT = """
import sys
from visionlaw.errors import WeightsError
from visionlaw.specs import EncoderSpec
from visionlaw import weights

spec = EncoderSpec(id="toy/net@64", target="toy:net", resolution=64, patch=16, channels=3, checkpoint=sys.argv[1],
    revision=sys.argv[2], files=("config.json", "*.safetensors"))
try:
    print(sorted(path.name for path in getattr(weights, sys.argv[3])(spec).iterdir()))
except WeightsError as error:
    print(error.message, "|", error.remedy)
"""


LANGUAGE = """
import sys
from visionlaw.alignment.language import find_language
from visionlaw.errors import WeightsError

try:
    found = find_language(sys.argv[1], sys.argv[2])
    print(found.revision, found.width, found.context, sorted(path.name for path in found.folder.iterdir()))
except WeightsError as error:
    print(error.message, "|", error.remedy)
"""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a download needs."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.server.asked.append(self.path)
        _, *parts = self.path.partition("?")[0].split("/")
        if "gated" in parts:
            return self.send(403, b"", {"X-Error-Code": "GatedRepo"}, body)
        files = next((REPOSITORIES[part] for part in parts if part in REPOSITORIES), None)
        if files is None:
            return self.send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)
        if COMMIT not in parts:
            return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"}, body)
        if parts[0] == "api":
            content: object = {"id": "org/net", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            if "tree" in parts:
                content = [{"type": "file", "path": n, "size": len(c), "oid": COMMIT} for n, c in files.items()]
            return self.send(200, json.dumps(content).encode(), {"Content-Type": "application/json"}, body)
        content = files[parts[-1]]
        etag = hashlib.sha256(content).hexdigest()
        return self.send(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, body)

    def send(self, code: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(code)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetch(python, tmp_path: Path, hub: ThreadingHTTPServer):
    def run(
        repository: str = "org/net",
        revision: str = COMMIT,
        offline: str = "0",
        port: int = hub.server_port,
        what: str = "weights_folder",
        script: str = SCRIPT,
    ):
        environment = {
            "HF_ENDPOINT": f"http://127.0.0.1:{port}",
            "HF_HUB_OFFLINE": offline,
            "HF_HOME": str(tmp_path / "hf"),
            "NO_PROXY": "127.0.0.1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_XET": "1",
        }
        return python("-c", script, repository, revision, what, **environment)

    return run


def test_what_is_needed_is_fetched_once_and_pickles_never(fetch, hub) -> None:
    first = fetch()
    assert first.out.strip() == "['config.json', 'model.safetensors']", first.err[-2000:]
    assert not any("pytorch_model.bin" in path for path in hub.asked)
    hub.asked.clear()
    assert fetch(offline="1").out.strip() == "['config.json', 'model.safetensors']"
    assert hub.asked == []


@pytest.mark.parametrize(
    ("repository", "revision", "says", "remedy"),
    [
        ("org/gated", COMMIT, "is gated", "Accept its licence at https://huggingface.co/org/gated, then log in"),
        ("org/nowhere", COMMIT, "does not exist on the hub, or is private", "--checkpoint toy/net@64=FOLDER"),
        ("org/net", "f" * 40, "does not exist on the hub, or is private", "--checkpoint toy/net@64=FOLDER"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence(fetch, repository, revision, says, remedy) -> None:
    outcome = fetch(repository, revision)
    message, _, advice = outcome.out.strip().partition(" | ")
    assert says in message, outcome.err[-2000:]
    assert f"'{repository}'" in message
    assert remedy in advice


def test_no_network_is_one_sentence(fetch, hub) -> None:
    hub.shutdown()
    hub.server_close()
    assert "cannot be fetched" in fetch().out


def test_weights_in_several_files_come_with_their_index(fetch) -> None:
    """Without it nobody could say which file holds what; the pattern of the weights doesn't name it."""
    assert fetch("org/split").out.strip() == str(sorted(["config.json", *SPLIT]))


def test_the_configuration_can_be_fetched_alone(fetch, hub) -> None:
    assert fetch(what="config_folder").out.strip() == "['config.json']"
    assert not any("safetensors" in path for path in hub.asked)
    hub.asked.clear()
    assert fetch(what="config_folder", offline="1").out.strip() == "['config.json']"
    assert hub.asked == []


def test_no_configuration_is_no_reason_to_give_weights(fetch) -> None:
    """Of a family that knows an encoder by its configuration alone, ``--checkpoint`` would come too early."""
    for outcome in (fetch(what="config_folder", offline="1"), fetch("org/nowhere", what="config_folder")):
        assert outcome.out.strip()
        assert "--checkpoint" not in outcome.out


def test_a_repository_of_pickles_is_told_as_such(fetch, hub) -> None:
    message, _, advice = fetch("org/pickled").out.strip().partition(" | ")
    assert message.startswith("'org/pickled', the checkpoint of 'toy/net@64', holds no weights *.safetensors; pickles,")
    assert "Convert them to safetensors" in advice
    assert not any("pytorch_model.bin" in path for path in hub.asked)


def test_a_language_model_is_fetched_with_its_tokenizer_and_without_pickles(fetch, hub) -> None:
    files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    first = fetch("org/llm", script=LANGUAGE)
    assert first.out.strip() == f"{COMMIT} 8 32 {files}", first.err[-2000:]
    assert not any(name in path for path in hub.asked for name in ("pytorch_model.bin", "consolidated"))
    hub.asked.clear()
    assert fetch("org/llm", offline="1", script=LANGUAGE).out == first.out
    assert hub.asked == []


def test_a_language_model_that_cannot_be_had_is_one_sentence(fetch) -> None:
    for repository, says in (
        ("org/untold", "The language model 'org/untold' has no tokenizer"),
        ("org/gated", "'org/gated' (revision 0123456789), the language model, is gated."),
        ("org/nowhere", "'org/nowhere' (revision 0123456789), the language model, does not exist on the hub"),
        ("org/pickled", "'org/pickled', the language model, holds no weights model*.safetensors; pickles, which"),
    ):
        assert fetch(repository, script=LANGUAGE).out.startswith(says.replace("0123456789", COMMIT[:12]))
