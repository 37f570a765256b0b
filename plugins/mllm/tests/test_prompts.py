"""Labels token by token, against tables written by hand from the definition of masking."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from visionlaw.errors import ConfigError, DataError
from visionlaw_mllm.conversations import Turn
from visionlaw_mllm.prompts import IGNORE, IMAGE, Example, cut, encode, encode_prompt
from visionlaw_mllm.templates import SYSTEM, Template

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def finished(core: Tokenizer, begin: str | None = None, special: tuple[str, ...] = ("</s>",)) -> Any:
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if begin:
        place = core.token_to_id(begin)
        core.post_processor = processors.TemplateProcessing(f"{begin} $A", None, [(begin, place)])
    more = [token for token in special if token.startswith("<|")]
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=begin, eos_token="</s>", additional_special_tokens=more
    )


def words() -> Any:
    """A token is a word, a punctuation mark or a line break; white space has no token."""
    known = ["<s>", "</s>", "<unk>", "\n", ".", "?", ":", "S", "USER", "ASSISTANT", "q", "r", "yes", "no"]
    known += ["system", "user", "assistant", "<|im_start|>", "<|im_end|>"]
    core = Tokenizer(models.WordLevel({word: n for n, word in enumerate(known)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\n|[.?:]"), "isolated"),
            pre_tokenizers.Split(Regex(r" +"), "removed"),
        ]
    )
    return finished(core, "<s>", ("<s>", "</s>", "<|im_start|>", "<|im_end|>"))


def sentencepiece() -> Any:
    """Llama's kind: a space is part of the word behind it, each text begins with one, unknown characters are bytes."""
    joined = ["▁USER:", "▁ASSISTANT:", "▁yes", "▁no", "▁S"]
    pieces = {part[:n] for part in joined for n in range(2, len(part) + 1)}
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    known += sorted({c for part in joined for c in part}) + sorted(pieces, key=len)
    merges = [(part[:n], part[n]) for part in joined for n in range(1, len(part))]
    core = Tokenizer(
        models.BPE(
            {piece: n for n, piece in enumerate(known)},
            list(dict.fromkeys(merges)),
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return finished(core, "<s>", ("<s>", "</s>"))


def byte_level(trim_offsets: bool = True) -> Any:
    """GPT-2's kind, trained so that spaces, line breaks and words merge."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        ["USER: what is it? ASSISTANT: yes\n\nuser assistant 🐱 猫 \n\n  no 🐱"] * 9,
        trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )
    return finished(core, None, ("</s>", "<|im_start|>", "<|im_end|>"))


WORDS, PIECES, BYTES, BYTES_WHOLE = words(), sentencepiece(), byte_level(), byte_level(trim_offsets=False)
for tokenizer in (WORDS, BYTES, BYTES_WHOLE):
    tokenizer.chat_template = CHATML


def talk(*texts: str, system: str | None = None) -> list[Turn]:
    turns = [Turn("gpt" if n % 2 else "human", text) for n, text in enumerate(texts)]
    return turns if system is None else [Turn("system", system), *turns]


def table(example: Example, tokenizer: Any) -> tuple[str, str]:
    """Return all tokens, and the same with a dot for each that is not learnt."""
    names = ["IMAGE" if i == IMAGE else tokenizer.convert_ids_to_tokens(i) for i in example.ids]
    assert all(label in (IGNORE, i) for i, label in zip(example.ids, example.labels, strict=True))
    learnt = [name if label != IGNORE else "·" for name, label in zip(names, example.labels, strict=True)]
    return " ".join(names), " ".join(learnt)


@pytest.mark.parametrize(
    ("tokenizer", "turns", "tokens", "learnt"),
    [
        (WORDS, talk("<image>", "yes no."), "<s> IMAGE yes no . \n", "· · yes no . \n"),
        (WORDS, talk("q?\n<image>", "yes"), "<s> IMAGE yes \n", "· · yes \n"),
        (PIECES, talk("<image>", "yes no"), "<s> IMAGE ▁yes ▁no <0x0A>", "· · ▁yes ▁no <0x0A>"),
        # The space that SentencePiece puts first has no character of its own: it goes with what follows.
        (PIECES, talk("<image>", "é"), "<s> IMAGE ▁ <0xC3> <0xA9> <0x0A>", "· · ▁ <0xC3> <0xA9> <0x0A>"),
        (BYTES, talk("<image>", "yes"), "IMAGE yes Ċ", "· yes Ċ"),
        # The line break of the template merges with that of the caption.
        (BYTES, talk("<image>", "yes\n"), "IMAGE yes ĊĊ", "· yes ĊĊ"),
    ],
)
def test_plain(tokenizer: Any, turns: list[Turn], tokens: str, learnt: str) -> None:
    example = encode(turns, "plain", tokenizer)

    names, shown = table(example, tokenizer)
    assert names == tokens
    assert shown == learnt
    assert example.labels[-1] == example.ids[-1]


@pytest.mark.parametrize(
    ("tokenizer", "turns", "tokens", "learnt"),
    [
        (
            WORDS,
            talk("<image>\nq?", "yes", system="S"),
            "<s> S USER : IMAGE \n q ? ASSISTANT : yes </s>",
            "· · · · · · · · · · yes </s>",
        ),
        (
            WORDS,
            talk("<image>\nq?", "yes no", "r", "no", system="S"),
            "<s> S USER : IMAGE \n q ? ASSISTANT : yes no </s> USER : r ASSISTANT : no </s>",
            "· · · · · · · · · · yes no </s> · · · · · no </s>",
        ),
        (WORDS, talk("q", "no", system="S"), "<s> S USER : q ASSISTANT : no </s>", "· · · · · · · no </s>"),
        # An image in the middle of a question, or of a later one, comes before the text of that question.
        (
            WORDS,
            talk("q <image> r", "yes", system="S"),
            "<s> S USER : IMAGE \n q r ASSISTANT : yes </s>",
            "· · · · · · · · · · yes </s>",
        ),
        (
            WORDS,
            talk("q", "yes", "r <image>", "no", system="S"),
            "<s> S USER : q ASSISTANT : yes </s> USER : IMAGE \n r ASSISTANT : no </s>",
            "· · · · · · · yes </s> · · · · · · · no </s>",
        ),
        # An answer of nothing, among others: there is its end to learn.
        (
            WORDS,
            talk("q", "", "r", "no", system="S"),
            "<s> S USER : q ASSISTANT : </s> USER : r ASSISTANT : no </s>",
            "· · · · · · · </s> · · · · · no </s>",
        ),
        # The space before an answer is learnt, as a part of the answer's first token or as a token of its own.
        (
            PIECES,
            talk("<image>", "yes", system="S"),
            "<s> ▁S ▁USER: ▁ IMAGE ▁ ▁ASSISTANT: ▁yes </s>",
            "· · · · · · · ▁yes </s>",
        ),
        (
            PIECES,
            talk("é", "é", system="S"),
            "<s> ▁S ▁USER: ▁ <0xC3> <0xA9> ▁ASSISTANT: ▁ <0xC3> <0xA9> </s>",
            "· · · · · · · ▁ <0xC3> <0xA9> </s>",
        ),
    ],
)
def test_v1(tokenizer: Any, turns: list[Turn], tokens: str, learnt: str) -> None:
    assert table(encode(turns, "v1", tokenizer), tokenizer) == (tokens, learnt)


def test_v1_has_the_words_of_vicuna() -> None:
    """The text of LLaVA's own prompt for two rounds, written out."""
    ids = encode(talk("What is it?\n<image>", "A cat.", "Sure?", "Yes."), "v1", BYTES).ids
    before, behind = BYTES.decode(ids[: ids.index(IMAGE)]), BYTES.decode(ids[ids.index(IMAGE) + 1 :])

    assert SYSTEM.startswith("A chat between a curious user and an artificial intelligence assistant. The assistant ")
    assert before == f"{SYSTEM} USER: "
    assert behind == "\nWhat is it? ASSISTANT: A cat.</s>USER: Sure? ASSISTANT: Yes.</s>"


@pytest.mark.parametrize(
    ("turns", "tokens", "learnt"),
    [
        (
            talk("<image>\nq", "yes"),
            "<|im_start|> user \n IMAGE \n q <|im_end|> \n <|im_start|> assistant \n yes <|im_end|> \n",
            "· · · · · · · · · · · yes <|im_end|> ·",
        ),
        (
            talk("q", "yes", "r", "no", system="S"),
            "<|im_start|> system \n S <|im_end|> \n <|im_start|> user \n q <|im_end|> \n <|im_start|> assistant \n yes"
            " <|im_end|> \n <|im_start|> user \n r <|im_end|> \n <|im_start|> assistant \n no <|im_end|> \n",
            "· · · · · · · · · · · · · · · yes <|im_end|> · · · · · · · · · · no <|im_end|> ·",
        ),
        # A question that repeats the answer, and the marks of the template, misleads nobody.
        (
            talk("assistant\nyes", "yes"),
            "<|im_start|> user \n assistant \n yes <|im_end|> \n <|im_start|> assistant \n yes <|im_end|> \n",
            "· · · · · · · · · · · yes <|im_end|> ·",
        ),
    ],
)
def test_chat(turns: list[Turn], tokens: str, learnt: str) -> None:
    assert table(encode(turns, "chat", WORDS), WORDS) == (tokens, learnt)


@given(
    st.lists(st.text("ab é🐱猫\n?", min_size=1, max_size=8), min_size=2, max_size=6).filter(lambda t: len(t) % 2 == 0),
    st.sampled_from(["v1", "chat"]),
    st.sampled_from([BYTES, BYTES_WHOLE]),
)
@settings(deadline=None)
def test_what_is_learnt_spells_the_answers_with_their_ends(
    texts: list[str], template: Template, tokenizer: Any
) -> None:
    """Byte-level tokens spell any text exactly: each run of learnt tokens is an answer and its end, and no more."""
    if not any(text.strip() for text in texts[1::2]):
        texts[1] += "a"
    example = encode(talk(*texts), template, tokenizer)

    runs, run = list[str](), list[int]()
    for label in [*example.labels, IGNORE]:
        if label != IGNORE:
            run.append(label)
        elif run:
            runs.append(tokenizer.decode(run))
            run = []
    end = {"v1": "</s>", "chat": "<|im_end|>"}[template]
    # A line break of the chat's that merges with the beginning of an answer is learnt with it.
    before = {"v1": [" "], "chat": ["", "\n"]}[template]
    assert len(runs) == len(texts) // 2
    for found, answer in zip(runs, texts[1::2], strict=True):
        assert found in [f"{space}{answer}{end}" for space in before]


@pytest.mark.parametrize(
    ("template", "tokenizer"),
    [(t, k) for k in (WORDS, BYTES, PIECES) for t in ("plain", "v1", "chat") if t != "chat" or k is not PIECES],
)
@pytest.mark.parametrize("answer", ["yes", "é", "  yes"])
def test_a_prompt_is_what_stands_before_what_is_learnt(template: Template, tokenizer: Any, answer: str) -> None:
    question = talk("<image>\nq?")
    prompt = encode_prompt(question, template, tokenizer)
    example = encode([*question, Turn("gpt", answer)], template, tokenizer)

    first = next(n for n, label in enumerate(example.labels) if label != IGNORE)
    assert prompt == example.ids[:first]


def test_a_prompt_of_v1_ends_without_a_space_as_answers_begin_with_one() -> None:
    ids = encode_prompt(talk("yes", system="S"), "v1", PIECES)
    assert PIECES.convert_ids_to_tokens(ids) == ["<s>", "▁S", "▁USER:", "▁yes", "▁ASSISTANT:"]


class TestTheLimit:
    example = Example([1, IMAGE, 5, 6, 7, 8], [IGNORE, IGNORE, 5, IGNORE, 7, 8])

    def test_counts_visual_tokens(self) -> None:
        assert cut(self.example, 10, visual=5) == self.example
        assert cut(self.example, 9, visual=5) == Example([1, IMAGE, 5, 6, 7], [IGNORE, IGNORE, 5, IGNORE, 7])

    def test_cuts_text_alone_by_its_length(self) -> None:
        assert cut(Example([1, 2, 3], [IGNORE, 2, 3]), 2, visual=500) == Example([1, 2], [IGNORE, 2])

    def test_refuses_what_has_nothing_left_to_learn(self) -> None:
        with pytest.raises(DataError, match="Nothing of its answers is left within a context of 6 tokens"):
            cut(self.example, 6, visual=5)

    def test_refuses_an_image_that_does_not_fit(self) -> None:
        with pytest.raises(DataError, match="576 visual tokens does not fit into a context of 512"):
            cut(self.example, 512, visual=576)

    def test_of_encode_is_the_same(self) -> None:
        turns = talk("<image>", "yes no yes no")
        assert encode(turns, "plain", WORDS, limit=6, visual=3) == cut(encode(turns, "plain", WORDS), 6, 3)


@pytest.mark.parametrize(
    ("turns", "template", "message"),
    [
        (talk("q", "yes"), "plain", "not one question with <image>"),
        (talk("<image>", "yes", "q", "no"), "plain", "not one question with <image>"),
        (talk("<image>", "yes", system="S"), "plain", "not one question with <image>"),
        (talk("<image> <image>", "yes"), "v1", "<image> stands in it 2 times"),
        (talk("q", " \n"), "v1", "Its answer is empty"),
        (talk("q", "yes", "r"), "v1", "no answer at the end"),
        ([], "v1", "no answer"),
        ([Turn("gpt", "yes"), Turn("human", "q")], "v1", "gpt speaks where it is the turn of human"),
    ],
)
def test_what_does_not_fit_the_template_is_refused(turns: list[Turn], template: Template, message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode(turns, template, WORDS)


class TestTokenizersThatLackSomething:
    def test_a_template(self) -> None:
        with pytest.raises(ConfigError, match="no chat template of its own"):
            encode(talk("q", "yes"), "chat", PIECES)

    def test_a_known_template(self) -> None:
        with pytest.raises(ConfigError, match="no template 'v2'"):
            encode(talk("q", "yes"), "v2", WORDS)  # pyright: ignore[reportArgumentType]

    def test_an_end(self) -> None:
        endless = PreTrainedTokenizerFast(tokenizer_object=WORDS.backend_tokenizer)
        with pytest.raises(ConfigError, match="no token for the end of a sequence"):
            encode(talk("q", "yes"), "v1", endless)


def with_template(template: str) -> Any:
    tokenizer = words()
    tokenizer.chat_template = template
    return tokenizer


class TestOtherChatTemplates:
    turns = talk("q", "yes", "r", "no")

    def test_generation_marks_are_believed(self) -> None:
        marked = with_template(
            "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>\n"
            "{% endgeneration %}{% else %}{{ m.content }}\n{% endif %}{% endfor %}"
        )
        assert table(encode(self.turns, "chat", marked), marked) == (
            "user : q \n assistant : yes </s> \n user : r \n assistant : no </s> \n",
            "· · · · · · yes </s> \n · · · · · · no </s> \n",
        )

    def test_white_space_before_a_mark_is_not_learnt(self) -> None:
        """Neither does the tokenizer count spaces among a token's characters, nor has this one any of the answer's."""
        marked = byte_level()
        marked.chat_template = "{% for m in messages %}  {% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
        assert table(encode(talk("q", "yes"), "chat", marked), marked) == ("Ġ Ġ q Ġ Ġyes", "· · q · Ġyes")

    def test_answers_that_change_once_a_question_follows(self) -> None:
        """As Qwen3's, which shows thoughts in the last answer only."""
        thinking = with_template(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n"
            "{% if loop.last and m.role == 'assistant' %}.\n{% endif %}"
            "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )
        tokens, learnt = table(encode(self.turns, "chat", thinking), thinking)
        assert [token for token in learnt.split(" ") if token != "·"] == (
            ["yes", "<|im_end|>", ".", "\n", "no", "<|im_end|>"]
        )
        assert tokens.split(" ").index("yes") == learnt.split(" ").index("yes")

    def test_one_that_refuses_a_system_turn(self) -> None:
        strict = with_template(
            "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
            + CHATML
        )
        with pytest.raises(DataError, match=r"chat template refuses it: .*System role not supported"):
            encode(talk("q", "yes", system="S"), "chat", strict)

    def test_one_that_hides_answers(self) -> None:
        silent = with_template("{% for m in messages %}{{ m.role }} {% endfor %}")
        with pytest.raises(DataError, match="does not show where an answer begins and ends"):
            encode(self.turns, "chat", silent)
