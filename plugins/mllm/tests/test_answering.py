from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visionlaw.alignment.language import find_language
from visionlaw.alignment.projector import ProjectorCard, build_projector, projector_folder, save_projector
from visionlaw.errors import DataError
from visionlaw.project import Project
from visionlaw_mllm.answering import score_options, summed
from visionlaw_mllm.conversations import Turn
from visionlaw_mllm.mllm import MLLM
from visionlaw_mllm.prompts import IGNORE, IMAGE, encode

RGB = "classical/rgb@256"
PROMPTS = ["What is it?", "How many dogs are there in this picture, if there are any at all?", "Why?", "Is it red?"]
OPTIONS = [["yes", "no"], ["1", "10", "100"], ["because"], ["it is red", "it is blue", "nobody knows that at all"]]


@pytest.fixture(scope="module")
def model(tiny_language: Path, tmp_path_factory: pytest.TempPathFactory) -> MLLM:
    """Return a model of random weights, large enough that answers differ."""
    path = tmp_path_factory.mktemp("project") / "registry.toml"
    path.write_text("")
    project = Project.find(path)
    language = find_language(str(tiny_language))
    (representation,) = project.representations([RGB])
    card = ProjectorCard(RGB, "mlp2x_gelu", 109, 32, {RGB: dict(representation[0].provenance)}, language.provenance)
    projector = build_projector("mlp2x_gelu", 109, 32, seed=1)
    save_projector(projector_folder(project.projectors, RGB, language.fingerprint), projector, card)
    model = MLLM.aligned(project, representation, language).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.language.parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        for parameter in model.projector.parameters():
            parameter.mul_(3)
    return model


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)) for _ in PROMPTS]


@pytest.fixture(autouse=True)
def _template(model: MLLM) -> None:
    model.template = "v1"


@pytest.mark.parametrize("template", ["v1", "chat", "plain"])
def test_an_answer_does_not_depend_on_what_shares_its_batch(
    model: MLLM, pictures: list[Image.Image], template: str
) -> None:
    model.template = template
    together = model.generate(pictures, PROMPTS, max_new_tokens=12, batch_size=4)
    alone = [
        answer
        for picture, prompt in zip(pictures, PROMPTS, strict=True)
        for answer in model.generate([picture], [prompt], max_new_tokens=12)
    ]
    assert together == alone
    assert together == model.generate(pictures, PROMPTS, max_new_tokens=12, batch_size=3)
    assert len(set(together)) > 1


def test_it_writes_what_follows_most_probably_token_by_token(model: MLLM, pictures: list[Image.Image]) -> None:
    """Greedy decoding without a cache, as a loop over the whole sequence."""
    from visionlaw_mllm.prompts import encode_prompt

    ids = encode_prompt([Turn("human", "<image>\nWhat is it?")], "v1", model.tokenizer)
    place = ids.index(IMAGE)
    embed = model.language.get_input_embeddings()
    (visual,) = model.project(model.encode([pictures[0]]))
    text = [embed(torch.tensor(part)) for part in (ids[:place], ids[place + 1 :])]
    sequence = torch.cat([text[0], visual, text[1]])[None]
    written = []
    with torch.no_grad():
        for _ in range(10):
            best = int(model.language(inputs_embeds=sequence).logits[0, -1].argmax())
            if best == model.tokenizer.eos_token_id:
                break
            written.append(best)
            sequence = torch.cat([sequence, embed(torch.tensor([[best]]))], dim=1)
    expected = model.tokenizer.decode(written, skip_special_tokens=True).strip()
    assert expected
    assert model.generate([pictures[0]], ["What is it?"], max_new_tokens=10) == [expected]


def test_the_image_matters_and_may_be_missing(model: MLLM, pictures: list[Image.Image]) -> None:
    scores = model.option_scores([*pictures[:2], None], ["Is it?"] * 3, [["yes"]] * 3)
    assert len({score for (score,) in scores}) == 3
    mixed = model.generate([pictures[0], None], ["What?", "What?"], max_new_tokens=5)
    assert mixed == [model.generate([image], ["What?"], max_new_tokens=5)[0] for image in (pictures[0], None)]


def naive(model: MLLM, picture: Image.Image, prompt: str, answer: str) -> float:
    """The definition: one sequence, one pass, one sum."""
    turns = [Turn("human", f"<image>\n{prompt}"), Turn("gpt", answer)]
    example = encode(turns, model.template, model.tokenizer)
    place = example.ids.index(IMAGE)
    embed = model.language.get_input_embeddings()
    with torch.no_grad():
        (visual,) = model.project(model.encode([picture]))
        before, behind = (
            embed(torch.tensor(part, dtype=torch.long)) for part in (example.ids[:place], example.ids[place + 1 :])
        )
        logits = model.language(inputs_embeds=torch.cat([before, visual, behind])[None]).logits[0]
    total = 0.0
    for number, label in enumerate(example.labels):
        if label != IGNORE:
            seen = number + len(visual) - 2  # the place before it, where the tag has become the image's tokens
            total += float(torch.log_softmax(logits[seen].double(), -1)[label])
    return total


@pytest.mark.parametrize("template", ["v1", "chat", "plain"])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_option_scores_are_the_sums_of_their_definition(
    model: MLLM, pictures: list[Image.Image], template: str, batch_size: int
) -> None:
    model.template = template
    found = model.option_scores(pictures, PROMPTS, OPTIONS, batch_size=batch_size)
    for picture, prompt, options, scores in zip(pictures, PROMPTS, OPTIONS, found, strict=True):
        expected = [naive(model, picture, prompt, option) for option in options]
        assert scores == pytest.approx(expected, abs=1e-4)


def test_the_probabilities_of_all_answers_make_one(model: MLLM, pictures: list[Image.Image]) -> None:
    """Of answers of one byte, with the space before and their end: they and whatever else may be said sum up to 1."""
    letters = [chr(code) for code in range(33, 127)]
    (scores,) = model.option_scores([pictures[0]], ["?"], [letters])
    assert 0 < sum(np.exp(scores)) < 1
    (tokens,) = score_options(model, [pictures[0]], ["?"], [letters], 8, None)
    assert {option.tokens for option in tokens} == {3}


def test_the_sum_over_an_answer_by_hand() -> None:
    """Three answers of two tokens of a vocabulary of three; of the last answer only the second token is learnt."""
    logits = torch.log(torch.tensor([[[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]] * 3)) + 4
    ids = torch.tensor([[0, 2], [1, 2], [1, 2]])
    labels = torch.tensor([[0, 2], [1, 2], [IGNORE, 2]])
    found = summed(logits, ids, labels)
    assert [score.log_probability for score in found] == pytest.approx(np.log([0.35, 0.21, 0.7]), abs=1e-6)
    assert [score.tokens for score in found] == [2, 2, 1]
    assert [score.greedy for score in found] == [True, False, True]


def test_sampling_goes_by_its_seed_and_leaves_torch_as_it_was(model: MLLM, pictures: list[Image.Image]) -> None:
    def sample(seed: int) -> list[str]:
        return model.generate(pictures, PROMPTS, max_new_tokens=8, temperature=3.0, seed=seed)

    torch.manual_seed(5)
    following = torch.rand(1)
    torch.manual_seed(5)
    assert sample(1) == sample(1) != sample(2)
    assert torch.equal(torch.rand(1), following)


def test_a_stop_text_ends_an_answer(model: MLLM, pictures: list[Image.Image]) -> None:
    (whole,) = model.generate([pictures[0]], ["What?"], max_new_tokens=20)
    stop = whole[4:6]
    assert model.generate([pictures[0]], ["What?"], max_new_tokens=20, stop=[stop]) == [
        whole.partition(stop)[0].strip()
    ]


def test_what_cannot_be_answered(model: MLLM, pictures: list[Image.Image], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 images and 2 prompts"):
        model.generate(pictures[:1], ["a", "b"])
    with pytest.raises(DataError, match="without options"):
        model.option_scores(pictures[:1], ["a"], [[]])
    with pytest.raises(DataError, match="leaves no room for an answer in the context of 1,024"):
        model.generate(pictures[:1], ["why " * 300])
    with pytest.raises(DataError, match=r"none\.png' does not exist"):
        model.generate([tmp_path / "none.png"], ["a"])
    with pytest.raises(DataError, match="0 tokens"):
        model.generate(pictures[:1], ["a"], max_new_tokens=0)
