"""What the cache promises to several processes, and to one that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from visionlaw.features.cache import FeatureCache
from visionlaw.features.cache.verify import verify
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap

TOY = """
import os, random, signal, sys, time
import torch
from visionlaw.errors import DataError
from visionlaw.features.cache import FeatureCache
from visionlaw.features.geometry import Geometry
from visionlaw.features.maps import FeatureMap
from visionlaw.protocols import EncoderRef
from visionlaw.specs import EncoderSpec

torch.set_num_threads(1)
spec = EncoderSpec(id="toy/mean@64", target="toy:mean", resolution=64, patch=16, channels=3)
ref = EncoderRef(spec.id, spec, {"distribution": "toy", "version": "1"}, load=lambda: None)
def features(i):
    tokens = torch.randn(16, 3, generator=torch.Generator().manual_seed(i))
    return FeatureMap(tokens, Geometry((70, 50), (4, 4), (0.1, 0.3), (0.0, float(i))))
def right(one, i):
    return torch.equal(one.tokens, features(i).tokens) and one.geometry == features(i).geometry
"""

EXTRACT = """
def slow_encoder(batch):
    for i in batch:
        time.sleep(0.01)  # the encoder, which is slow, as encoders are
        print(i, flush=True)
    return {str(i): features(i) for i in batch}

cache, waiting, batches = FeatureCache(sys.argv[1]), list(range(int(sys.argv[2]))), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
while waiting:
    batch = [i for i in waiting[:batches] if cache.get(ref, str(i)) is None]
    mine = [int(key) for key in cache.claim(ref, [str(i) for i in batch])]
    todo = [i for i in mine if cache.get(ref, str(i)) is None]
    cache.release(ref, [str(i) for i in set(mine) - set(todo)])
    if todo:
        cache.put(ref, slow_encoder(todo))
    found = {i: cache.get(ref, str(i)) for i in waiting[:batches]}
    assert all(right(one, i) for i, one in found.items() if one is not None)
    waiting = waiting[batches:] + [i for i, one in found.items() if one is None]
    if not todo:
        time.sleep(0.002)
"""

CHURN = """
cache, choice = FeatureCache(sys.argv[1], limit=int(sys.argv[2])), random.Random(int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.readline()
read = 0
for _ in range(100):
    i = choice.randrange(40)
    cache.put(ref, {str(j): features(j) for j in (i, i + 1)})
    for j in choice.sample(range(40), 9):
        one = cache.get(ref, str(j))
        assert one is None or right(one, j), j
        read += one is not None
print(read)
"""

CLAIM = """
cache = FeatureCache(sys.argv[1])
print(len(cache.claim(ref, sys.argv[2:])), flush=True)
sys.stdin.read()
"""

FORK = """
cache = FeatureCache(sys.argv[1])
cache.put(ref, {"1": features(1)})
assert cache.claim(ref, ["2"]) == {"2"}
child = os.fork()
if child:
    print(child, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
assert right(cache.get(ref, "1"), 1)
print(sorted(cache.claim(ref, ["2", "3"])), flush=True)
cache.put(ref, {"3": features(3)})
print("done", flush=True)
os.read(int(sys.argv[2]), 1)
"""

FORK_WHILE_READING = """
import threading
cache = FeatureCache(sys.argv[1])
cache.put(ref, {"1": features(1)})
def read():
    while True:
        cache.get(ref, "1")
for _ in range(3):
    threading.Thread(target=read, daemon=True).start()
for i in range(40):
    child = os.fork()
    if not child:
        signal.alarm(10)
        os._exit(0 if right(cache.get(ref, "1"), 1) and cache.claim(ref, [str(i + 2)]) else 1)
    assert os.waitpid(child, 0)[1] == 0
print("done", flush=True)
os._exit(0)
"""

FULL = """
import resource
cache = FeatureCache(sys.argv[1])
cache.put(ref, {"0": features(0)})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for i in range(1, 2000):
        cache.put(ref, {str(i): features(i)})
        print(i, flush=True)
except DataError as error:
    print(error.message, error.remedy, file=sys.stderr)
    sys.exit(2)
"""


def start(script: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TOY + script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        **options,
    )


def go(*processes: subprocess.Popen[str]) -> list[str]:
    """Let processes that are ready begin at once, and return what each printed; each must succeed."""
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120) for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors
    return [out for out, _ in outputs]


def features(i: int) -> FeatureMap:
    tokens = torch.randn(16, 3, generator=torch.Generator().manual_seed(i))
    return FeatureMap(tokens, Geometry((70, 50), (4, 4), (0.1, 0.3), (0.0, float(i))))


@contextmanager
def claimant(folder: Path, *images: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has claimed images."""
    process = start(CLAIM, folder, *images)
    try:
        assert process.stdout.readline() == f"{len(images)}\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_processes_on_one_cache_compute_each_image_once(tmp_path: Path) -> None:
    first, second = go(*(start(EXTRACT, tmp_path, 60, size) for size in (8, 5)))
    assert sorted(map(int, (first + second).split())) == list(range(60))
    assert first
    assert second
    found = verify(tmp_path)
    assert (found.images, found.damaged_shards, found.missing_shards, found.found_shards) == (60, 0, 0, 0)


def test_processes_that_write_read_and_evict_at_once_never_read_anything_wrong(tmp_path: Path) -> None:
    reads = go(*(start(CHURN, tmp_path, 8_000, seed) for seed in (1, 2)))
    assert all(int(read) > 0 for read in reads)
    found = verify(tmp_path)
    assert (found.damaged_shards, found.missing_shards, found.found_shards, found.index_rebuilt) == (0, 0, 0, False)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) <= 8_000


def test_claims_end_with_put_release_or_the_process_however_it_dies(tmp_path: Path, encoder) -> None:
    cache, ref = FeatureCache(tmp_path), encoder.ref()
    with claimant(tmp_path, "a", "b") as process:
        assert cache.claim(ref, ["a", "b", "c"]) == {"c"}
        assert cache.claim(encoder.ref(version="2"), ["a"]) == {"a"}
        cache.release(ref, ["a"])  # not ours to release
        assert cache.claim(ref, ["a"]) == frozenset()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert cache.claim(ref, ["a", "b"]) == {"a", "b"}
    for end in (lambda: cache.release(ref, ["a", "b"]), lambda: cache.put(ref, {"a": features(1), "b": features(2)})):
        cache.claim(ref, ["a", "b"])
        end()
        with claimant(tmp_path, "a", "b"):
            pass
    with claimant(tmp_path, "a") as process:
        process.communicate("")  # it ends by itself
        assert cache.claim(ref, ["a"]) == {"a"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_is_another_process_and_does_not_keep_its_parents_claims(tmp_path: Path, encoder) -> None:
    ours, theirs = os.pipe()
    try:
        process = start(FORK, tmp_path, ours, pass_fds=(ours,))
        lines = [process.stdout.readline() for _ in range(3)]
        assert sorted(lines)[1:] == ["['3']\n", "done\n"], process.stderr.read()
        process.stdin.write("die\n")
        process.stdin.flush()
        process.wait()
        cache = FeatureCache(tmp_path)
        assert cache.claim(encoder.ref(), ["2"]) == {"2"}, "the child lives, and its parent's claim does not"
        assert all(torch.equal(cache.get(encoder.ref(), str(i)).tokens, features(i).tokens) for i in (1, 3))
    finally:
        os.close(ours)
        os.close(theirs)  # the child reads the end of the pipe, and ends
        process.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_while_other_threads_read_blocks_nobody(tmp_path: Path) -> None:
    out, errors = start(FORK_WHILE_READING, tmp_path).communicate(timeout=120)
    assert out == "done\n", errors


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_what_was_kept_before_the_disk_was_full_is_there_and_the_rest_is_one_sentence(tmp_path: Path, encoder) -> None:
    process = start(FULL, tmp_path)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 2, errors
    assert f"Features cannot be written to '{tmp_path}'" in errors
    assert errors.count("\n") == 1
    kept = [0, *map(int, out.split())]
    assert 5 < len(kept) < 2000
    cache = FeatureCache(tmp_path)
    assert all(torch.equal(cache.get(encoder.ref(), str(i)).tokens, features(i).tokens) for i in kept)
    assert cache.get(encoder.ref(), str(len(kept))) is None
    assert not list(tmp_path.rglob(".writing-*"))
    found = verify(tmp_path)
    assert (found.images, found.damaged_shards, found.found_shards) == (len(kept), 0, 0)


def test_two_processes_that_find_the_index_damaged_at_once_lose_nothing(tmp_path: Path, encoder) -> None:
    FeatureCache(tmp_path).put(encoder.ref(), {str(i): features(i) for i in range(30)})
    (tmp_path / "index.sqlite").write_bytes(json.dumps({"not": "a database"}).encode() * 99)
    outputs = go(*(start(EXTRACT, tmp_path, 40, size) for size in (8, 5)))
    assert sorted(map(int, "".join(outputs).split())) == list(range(30, 40))
    assert verify(tmp_path).images == 40
