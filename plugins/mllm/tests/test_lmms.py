"""The model class with the real lmms-eval, where that is installed."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visionlaw.errors import ConfigError, DataError

RGB = "classical/rgb@256"
REASON = "lmms-eval is not installed: python -m pip install 'visionlaw-mllm[lmms]'"
pytestmark = pytest.mark.filterwarnings("ignore")  # lmms-eval and what it imports warn of one another


@pytest.fixture(scope="module")
def lmms() -> Any:
    """Return the module that lmms-eval loads."""
    if importlib.util.find_spec("lmms_eval") is None:
        pytest.skip(REASON)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("visionlaw_mllm.lmms")
        except ModuleNotFoundError as error:
            pytest.skip(f"lmms-eval is not complete: {error}")


DOCS = [{"image": seed, "question": f"What is in picture {seed}?"} for seed in range(3)]


def visual(doc: dict[str, Any]) -> list[Image.Image]:
    rng = np.random.default_rng(doc["image"])
    return [Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8))]


@pytest.fixture(scope="module")
def model(lmms: Any, saved_model: Path) -> Any:
    found = lmms.VisionlawMLLM.create_from_arg_string(
        f"pretrained={saved_model},space={saved_model.parent / 'registry.toml'}",
        {"batch_size": 2, "max_batch_size": None, "device": "cpu"},
    )
    found.task_dict = {"task": {"test": DOCS}}
    return found


def request(kind: str, *arguments: Any) -> Any:
    from lmms_eval.api.instance import Instance

    return Instance(kind, arguments, 0, {"task": "task", "doc_id": 0, "repeats": 1})


def test_lmms_eval_finds_it_by_its_entry_point(lmms: Any) -> None:
    from lmms_eval.models import MODEL_REGISTRY_V2

    (point,) = [point for point in entry_points(group="lmms_eval.models") if point.name == "visionlaw"]
    assert point.load()().model_id == "visionlaw"
    assert MODEL_REGISTRY_V2.get_model_class("visionlaw") is lmms.VisionlawMLLM


def test_it_generates_what_the_model_generates_in_the_order_asked(model: Any) -> None:
    settings = [{"max_new_tokens": 6, "until": ["\n\n"]}, {"max_new_tokens": 3}, {"max_new_tokens": 6, "until": "\n\n"}]
    asked = [
        request("generate_until", doc["question"], how, visual, place, "task", "test")
        for place, (doc, how) in enumerate(zip(DOCS, settings, strict=True))
    ]
    said = model.generate_until(asked)
    for doc, how, answer in zip(DOCS, settings, said, strict=True):
        tokens = how["max_new_tokens"]
        assert [answer] == model.model.generate(visual(doc), [doc["question"]], max_new_tokens=tokens)
    assert len(set(said)) > 1


def test_the_lowest_value_is_the_most_probable_choice(model: Any) -> None:
    """lmms-eval's tasks of several choices take the argmin."""
    choices = ["a cat", "a dog", "two birds"]
    asked = [
        request("loglikelihood", doc["question"], f" {choice}", visual, place, "task", "test")
        for place, doc in enumerate(DOCS)
        for choice in choices
    ]
    found = model.loglikelihood(asked)
    for place, doc in enumerate(DOCS):
        values = [value for value, _ in found[3 * place : 3 * place + 3]]
        (scores,) = model.model.option_scores(visual(doc), [doc["question"]], [choices])
        means = [
            score / (len(choice) + 2) for score, choice in zip(scores, choices, strict=True)
        ]  # of bytes, space and end
        assert values == pytest.approx([-mean for mean in means], abs=1e-5)
        assert min(values) > 0


def test_targets_may_be_functions_and_questions_may_be_missing(model: Any) -> None:
    target = request("loglikelihood", "What?", lambda doc: f"picture {doc['image']}", visual, 1, "task", "test")
    alone = request("loglikelihood", "", "picture 1")
    (with_image, _), (without, _) = model.loglikelihood([target, alone])
    assert with_image != without


def test_what_it_cannot_answer(model: Any, lmms: Any, saved_model: Path) -> None:
    two = request("generate_until", "What?", {}, lambda doc: visual(doc) * 2, 0, "task", "test")
    with pytest.raises(DataError, match="Question 0 of 'task' has 2 images"):
        model.generate_until([two])
    beams = request("generate_until", "What?", {"num_beams": 4}, visual, 0, "task", "test")
    with pytest.raises(DataError, match="several beams"):
        model.generate_until([beams])
    with pytest.raises(DataError, match="several rounds"):
        model.generate_until_multi_round([])
    with pytest.raises(ConfigError, match="no precision 'int8'"):
        lmms.VisionlawMLLM(str(saved_model), dtype="int8")
    with pytest.raises(ConfigError, match="'auto' is no number"):
        lmms.VisionlawMLLM(str(saved_model), batch_size="auto")


def test_no_part_of_the_plugin_needs_lmms_eval(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "lmms_eval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lmms_eval", None)
    for name in ("plugin", "mllm", "answering", "cli.projector"):
        monkeypatch.delitem(sys.modules, f"visionlaw_mllm.{name}", raising=False)
        importlib.import_module(f"visionlaw_mllm.{name}")
