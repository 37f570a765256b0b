"""A run's folder: an ordinary visionlaw project, with a registry.toml, records, and a language model.

::

    registry.toml                        the search space, the language model, how A and C are measured, the benchmarks
    lab.json                             the plan
    data/captions.jsonl                  stage 1: records as LLaVA has them
    data/conversations.jsonl             stage 2
    data/images/captions-train-0-00000.png
    language/                            the tiny language model
    results/<representation>.json        what an MLLM answered right, in %
    table-maxcos.csv, table-loglik.csv   for 'visionlaw law fit' and 'visionlaw policy replay --law'
    .visionlaw/                          projectors, models, scores, features

So every verb of visionlaw works in it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visionlaw import atomic
from visionlaw.errors import ConfigError
from visionlaw_lab.captions import caption
from visionlaw_lab.names import ANSWERS, KINDS, NAMES
from visionlaw_lab.plans import REFERENCES, Plan
from visionlaw_lab.questions import training_questions, training_scene
from visionlaw_lab.rendering import render
from visionlaw_lab.scenes import Scene

PLAN, SPACE, LANGUAGE = "lab.json", "registry.toml", "language"
IMAGES, CAPTIONS, CONVERSATIONS = "data/images", "data/captions.jsonl", "data/conversations.jsonl"
TAG = "<image>"
CACHE_GB = 5

Progress = Callable[[str, int, int], None]


def make_folder(folder: Path, plan: Plan, progress: Progress) -> None:
    """Write what a run starts from; what is there already is left as it is.

    Raises:
        ConfigError: The folder is of another plan, or of something else.
    """
    known = read_plan(folder)
    if known is None:
        if (folder / SPACE).exists():
            raise ConfigError(f"'{folder}' is a project of another kind.", "Give a new folder: --folder FOLDER")
        atomic.write_bytes(folder / PLAN, json.dumps(plan.facts, indent=1).encode())
    elif known.digest != plan.digest:
        raise ConfigError(
            f"'{folder}' holds a run '{known.name}' of other settings than this run '{plan.name}'.",
            "Give a new folder: --folder FOLDER",
        )
    atomic.write_bytes(folder / SPACE, registry_toml(plan).encode())
    _write_records(folder, plan, progress)


def read_plan(folder: Path) -> Plan | None:
    """Return the plan of a folder; None where there is none.

    Raises:
        ConfigError: It is of another version of the lab, or cannot be read.
    """
    path = folder / PLAN
    if not path.is_file():
        return None
    try:
        return Plan.of_facts(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"'{path}' cannot be read: {error}.", "Give a new folder: --folder FOLDER") from error


def registry_toml(plan: Plan) -> str:
    """Return the registry.toml of a run."""
    benchmarks = "\n".join(
        f'{name} = {{ name = "{NAMES[name]}", kind = "{KINDS[name]}", '
        f'images = "lab?benchmark={name}&images={_rounded(plan.images, len(ANSWERS[name]))}" }}'
        for name in plan.benchmarks
    )
    references = [r for r in REFERENCES if r in plan.representations] or [plan.representations[0]]
    return f"""# A run of the lab: visionlaw lab run --{plan.name}
[space]
representations = {json.dumps(plan.representations, indent=2)}

[language]
model = {json.dumps(plan.model or LANGUAGE)}

[alignment]
definition = "maxcos"
references = {json.dumps(references)}
images = {plan.images}
captions = "lab/captions?images={plan.images}"

[correspondence]
dataset = "lab?pairs={plan.pairs}"

[benchmarks]
{benchmarks}

[policy]
budget = {plan.budget}
seed = {plan.seed}

[cache]
limit_gb = {CACHE_GB}
"""


def _rounded(images: int, answers: int) -> int:
    """Return so many images, or a few more, that all answers are equally frequent."""
    return -(-images // answers) * answers


def _write_records(folder: Path, plan: Plan, progress: Progress) -> None:
    """Write pictures and records; the records are written last, so that where they are, all is."""
    if (folder / CONVERSATIONS).is_file():
        return
    told: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []
    for number in range(plan.scenes):
        scene = training_scene(plan.seed, number)
        name = f"{scene.name}.png"
        atomic.write_bytes(folder / IMAGES / name, _png(scene))
        told.append(_record(scene, name, [("", caption(scene))]))
        asked.append(_record(scene, name, [(q.text, q.answer) for q in training_questions(scene)]))
        progress("drawing scenes", number + 1, plan.scenes)
    atomic.write_bytes(folder / CAPTIONS, _lines(told))
    atomic.write_bytes(folder / CONVERSATIONS, _lines(asked))


def _record(scene: Scene, image: str, exchanges: list[tuple[str, str]]) -> dict[str, Any]:
    turns: list[dict[str, str]] = []
    for number, (question, answer) in enumerate(exchanges):
        text = question if number else f"{TAG}\n{question}".strip()
        turns += [{"from": "human", "value": text}, {"from": "gpt", "value": answer}]
    return {"id": scene.name, "image": image, "conversations": turns}


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def _png(scene: Scene) -> bytes:
    file = io.BytesIO()
    render(scene).save(file, "PNG", compress_level=1)
    return file.getvalue()
