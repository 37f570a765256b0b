from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from visionlaw.errors import DataError
from visionlaw_mllm.batches import Side, assemble
from visionlaw_mllm.prompts import IGNORE, IMAGE, Example

WORDS, WIDTH = 20, 6


def frozen_embedding() -> torch.nn.Embedding:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return torch.nn.Embedding(WORDS, WIDTH).requires_grad_(False)


@st.composite
def examples_with_images(draw: st.DrawFn) -> tuple[list[Example], list[int | None]]:
    examples, counts = list[Example](), list[int | None]()
    for _ in range(draw(st.integers(1, 5))):
        ids = draw(st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=7))
        labels = [i if draw(st.booleans()) else IGNORE for i in ids]
        count = draw(st.none() | st.integers(0, 5))
        if count is not None:
            place = draw(st.integers(0, len(ids)))
            ids.insert(place, IMAGE)
            labels.insert(place, IGNORE)
        examples.append(Example(ids, labels))
        counts.append(count)
    return examples, counts


@given(examples_with_images(), st.sampled_from(["left", "right"]))
def test_each_row_is_its_text_with_the_visual_tokens_at_the_image_padded(
    case: tuple[list[Example], list[int | None]], side: Side
) -> None:
    examples, counts = case
    embedding = frozen_embedding()
    visual = [None if count is None else torch.randn(count, WIDTH) for count in counts]

    batch = assemble(examples, visual, embedding, side)

    longest = max(len(e.ids) + (0 if count is None else count - 1) for e, count in zip(examples, counts, strict=True))
    for row, (example, tokens) in enumerate(zip(examples, visual, strict=True)):
        vectors, labels = list[torch.Tensor](), list[int]()
        for i, label in zip(example.ids, example.labels, strict=True):
            if i == IMAGE:
                assert tokens is not None
                vectors += list(tokens)
                labels += [IGNORE] * len(tokens)
            else:
                vectors.append(embedding.weight[i])
                labels.append(label)
        padding = longest - len(vectors)
        zeros = [torch.zeros(WIDTH)] * padding
        before, behind = (zeros, []) if side == "left" else ([], zeros)
        assert torch.equal(batch.inputs_embeds[row], torch.stack([*before, *vectors, *behind]))
        real = slice(len(before), len(before) + len(vectors))
        expected = torch.zeros(longest, dtype=torch.int64)
        expected[real] = 1
        assert torch.equal(batch.attention_mask[row], expected)
        assert batch.position_ids[row, real].tolist() == list(range(len(vectors)))
        assert batch.labels[row, real].tolist() == labels
        assert batch.labels[row].eq(IGNORE).sum() == padding + labels.count(IGNORE)


def test_gradients_reach_each_visual_token_and_nothing_else() -> None:
    embedding = frozen_embedding()
    visual = [torch.randn(3, WIDTH, requires_grad=True), None, torch.randn(1, WIDTH, requires_grad=True)]
    examples = [
        Example([1, IMAGE, 2], [IGNORE, IGNORE, 2]),
        Example([3, 4, 5], [IGNORE, 4, 5]),
        Example([IMAGE, 7], [IGNORE, 7]),
    ]
    batch = assemble(examples, visual, embedding)
    weights = torch.arange(1.0, batch.inputs_embeds.numel() + 1).view_as(batch.inputs_embeds)
    (batch.inputs_embeds * weights).sum().backward()

    assert embedding.weight.grad is None
    assert visual[0] is not None
    assert visual[2] is not None
    assert visual[0].grad is not None
    assert visual[2].grad is not None
    assert torch.equal(visual[0].grad, weights[0, 1:4])
    assert torch.equal(visual[2].grad, weights[2, :1])


def test_an_embedding_that_trains_gets_its_gradient_too() -> None:
    embedding = frozen_embedding().requires_grad_(True)
    assemble([Example([1, 1, IMAGE], [IGNORE] * 3)], [torch.randn(2, WIDTH)], embedding).inputs_embeds.sum().backward()

    assert embedding.weight.grad is not None
    assert embedding.weight.grad[1].tolist() == [2.0] * WIDTH
    assert embedding.weight.grad.count_nonzero() == WIDTH


def test_visual_tokens_take_the_precision_of_the_embedding() -> None:
    embedding = frozen_embedding().to(torch.bfloat16)
    visual = torch.randn(2, WIDTH, requires_grad=True)
    batch = assemble([Example([1, IMAGE], [IGNORE] * 2)], [visual], embedding)

    assert batch.inputs_embeds.dtype == torch.bfloat16
    batch.inputs_embeds.float().sum().backward()
    assert visual.grad is not None
    assert visual.grad.dtype == torch.float32


@pytest.mark.parametrize(
    ("ids", "visual", "message"),
    [
        ([1, IMAGE], None, "1 places for an image, and no image"),
        ([1, 2], torch.zeros(2, WIDTH), "0 places for an image, and one image"),
        ([IMAGE, IMAGE], torch.zeros(2, WIDTH), "2 places for an image"),
        ([IMAGE], torch.zeros(2, WIDTH + 1), "7 dimensions do not fit embeddings of 6"),
    ],
)
def test_what_does_not_match_is_refused(ids: list[int], visual: torch.Tensor | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        assemble([Example(ids, [IGNORE] * len(ids))], [visual], frozen_embedding())


def test_as_many_visual_tokens_as_examples() -> None:
    with pytest.raises(DataError, match="visual tokens for 0 examples, and 1"):
        assemble([Example([1], [1])], [], frozen_embedding())


def test_a_model_sees_the_same_whichever_side_is_padded() -> None:
    """Attention mask and position ids are right if padding changes no logit."""
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=WORDS,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=1,
            eos_token_id=2,
        )
        model = LlamaForCausalLM(config).eval()
        visual = [torch.randn(3, 16), torch.randn(1, 16)]
    examples = [Example([1, IMAGE, 2, 3], [IGNORE, IGNORE, 2, 3]), Example([1, IMAGE, 5], [IGNORE, IGNORE, 5])]

    def logits(side: Side, which: list[int]) -> torch.Tensor:
        batch = assemble([examples[n] for n in which], [visual[n] for n in which], model.get_input_embeddings(), side)
        with torch.no_grad():
            out = model(
                inputs_embeds=batch.inputs_embeds,
                attention_mask=batch.attention_mask,
                position_ids=batch.position_ids,
            ).logits
        return out[-1][batch.attention_mask[-1].bool()]

    alone = logits("right", [1])
    torch.testing.assert_close(logits("right", [0, 1]), alone)
    torch.testing.assert_close(logits("left", [0, 1]), alone)
