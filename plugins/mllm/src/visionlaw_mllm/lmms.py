"""A saved MLLM as a model of lmms-eval, 0.7 or later, which finds it by the entry-point group ``lmms_eval.models``::

    lmms-eval --model visionlaw --model_args pretrained=runs/clip-dinov2 --tasks mme,mmbench_en_dev --batch_size 8

Arguments of the model: ``pretrained``, the folder that ``visionlaw finetune`` has written; ``space``, a registry.toml,
else the nearest one upwards; ``dtype`` of the language model. ``device`` and ``batch_size`` are lmms-eval's own.
Answers are generated as a task says: ``max_new_tokens``, ``temperature``, ``until``. One image per question.

Only lmms-eval imports this module; it comes with ``visionlaw-mllm[lmms]``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms

from visionlaw.errors import ConfigError, DataError
from visionlaw.features.runtime import DTYPES

MOST_TOKENS = 1024
"""Where a task does not say, as lmms-eval's other models."""


class VisionlawMLLM(lmms):
    """A saved MLLM, answering lmms-eval's requests.

    Args:
        pretrained: The folder that it was saved in.
        batch_size: Prompts that pass the language model together.
        device: As torch names it; None: the best there is, of several processes each its own.
        dtype: Of the language model; None: float32 on a CPU, else as the device can.
        space: A registry.toml; None: the nearest one upwards.
        max_batch_size: Of lmms-eval, which passes it to every model; not used.

    Raises:
        ConfigError: There is no such precision.
        DataError: There is no such model, or an image is asked for that this model cannot have.
    """

    def __init__(
        self,
        pretrained: str,
        batch_size: int | str = 1,
        device: str | None = None,
        dtype: str | None = None,
        space: str | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        from visionlaw.project import Project
        from visionlaw_mllm.mllm import MLLM

        super().__init__()
        if dtype is not None and dtype not in DTYPES:
            raise ConfigError(f"There is no precision '{dtype}'.", f"There is: {', '.join(DTYPES)}.")
        if not str(batch_size).isdecimal():
            raise ConfigError(f"The batch size '{batch_size}' is no number.", "Give one: --batch_size 8")
        project = Project.find(Path(space) if space is not None else None)
        self.batch_size = int(batch_size)
        self.model = MLLM.load(pretrained, project, _device(device), DTYPES[dtype] if dtype is not None else None)

    @property
    def device(self) -> Any:
        """Where the language model is, as lmms-eval asks every model."""
        return self.model.device

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Return the answer to each request, in order; requests that are generated alike share batches."""
        answers = [""] * len(requests)
        alike: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
        for place, request in enumerate(requests):
            alike[_how(_arguments(request)[1])].append(place)
        for (tokens, temperature, stop), places in alike.items():
            asked = [_arguments(requests[place]) for place in places]
            images = [self._image(task, split, doc, visual) for _, _, visual, doc, task, split in asked]
            said = self.model.generate(
                images,
                [context for context, *_ in asked],
                max_new_tokens=tokens,
                temperature=temperature,
                stop=stop,
                batch_size=self.batch_size,
            )
            for place, answer in zip(places, said, strict=True):
                answers[place] = answer
                self.cache_hook.add_partial("generate_until", _arguments(requests[place])[:2], answer)
        return answers

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Return of each continuation what its tokens cost on average, and whether greedy decoding would say it.

        It is the mean of ``−log P``, as with lmms-eval's LLaVA: its tasks of several choices take the lowest value for
        the best, although its interface speaks of a log-probability.
        """
        from visionlaw_mllm.answering import score_options

        asked = [self._asked(*_arguments(request)) for request in requests]
        # The choices of one question come one after the other; they pass the language model together.
        groups: list[list[int]] = []
        for place, (key, *_) in enumerate(asked):
            if groups and asked[groups[-1][0]][0] == key:
                groups[-1].append(place)
            else:
                groups.append([place])
        firsts = [asked[group[0]] for group in groups]
        scores = score_options(
            self.model,
            [image() for _, image, _, _ in firsts],
            [context for _, _, context, _ in firsts],
            [[asked[place][3] for place in group] for group in groups],
            self.batch_size,
            None,
        )
        return [(-score.log_probability / score.tokens, score.greedy) for found in scores for score in found]

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Refuse: one question, one answer.

        Raises:
            DataError: Always.
        """
        raise DataError("This model answers one question at a time.", "Leave out tasks of several rounds.")

    def _asked(
        self, context: str, target: str | Callable[[Any], str], *where: Any
    ) -> tuple[Any, Callable[[], Any], str, str]:
        """Return what identifies the question, its image, its text, and the answer, of a request for a probability."""
        if not where:  # the answer by itself, for tasks that compare with how probable it is without a question
            return (context,), lambda: None, context, str(target).strip()
        visual, doc, task, split = where
        answer = target if isinstance(target, str) else target(self.task_dict[task][split][doc])
        # The template puts the space before an answer itself.
        return (task, split, doc, context), lambda: self._image(task, split, doc, visual), context, answer.strip()

    def _image(self, task: str, split: str, doc: Any, visual: Callable[[Any], Any]) -> Any:
        """Return the image of a question; None where it has none.

        Raises:
            DataError: It has several.
        """
        found = visual(self.task_dict[task][split][doc])
        images: Sequence[Any] = found if isinstance(found, list | tuple) else [found]
        images = [image for image in images if image is not None]
        if len(images) > 1:
            raise DataError(
                f"Question {doc} of '{task}' has {len(images)} images; this model sees one.",
                "Leave out tasks with several images or videos.",
            )
        return images[0] if images else None


def _arguments(request: Instance) -> tuple[Any, ...]:
    return request.args


def _how(settings: Any) -> tuple[int, float, tuple[str, ...]]:
    """Return how a task wants its answers generated.

    Raises:
        DataError: In a way that this model does not know.
    """
    if (settings.get("num_beams") or 1) > 1:
        raise DataError("This model does not search with several beams.", "Leave out num_beams.")
    until = settings.get("until") or ()
    stop = (until,) if isinstance(until, str) else tuple(until)
    sampled = settings.get("do_sample", True)
    temperature = float(settings.get("temperature") or 0.0) if sampled else 0.0
    return int(settings.get("max_new_tokens") or MOST_TOKENS), temperature, tuple(text for text in stop if text)


def _device(device: str | None) -> str | None:
    """Return the device of this process."""
    rank = os.environ.get("LOCAL_RANK")
    if rank is None or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    return f"cuda:{rank}" if device in (None, "cuda") else device
