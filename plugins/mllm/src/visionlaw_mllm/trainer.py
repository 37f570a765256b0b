"""The trainer ``llava``: stage 1 where it is missing, stage 2, and an evaluation by lmms-eval in its own process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visionlaw.errors import ConfigError, DataError, MissingDependencyError
from visionlaw.policy.results import match_results, read_results
from visionlaw.policy.results.mapping import PUBLISHED
from visionlaw.project import Project
from visionlaw_mllm.lmms_entry import NAME

if TYPE_CHECKING:
    from visionlaw.specs import TrainerSpec

TOOL = "lmms-eval"
MODEL, EVALUATION, LOG = "model", "evaluation", "lmms-eval.log"


class LLaVATrainer:
    """Finetunes LLaVA on a representation and evaluates it: a :class:`visionlaw.protocols.Trainer`.

    The language model is that of registry.toml.

    Args:
        spec: Its declaration.
        data: Records of stage 2.
        images: The folder that image paths in records are relative to; empty: where the records are.
        pairs: Records of stage 1, for representations without a projector; empty: these are refused.
        recipe: Of stage 2.
        tasks: A folder with further tasks of lmms-eval; empty: its own alone.
        batch_size: Prompts that pass the language model together.
    """

    def __init__(
        self,
        spec: TrainerSpec | None = None,
        data: str = "",
        images: str = "",
        pairs: str = "",
        recipe: str = "llava-1.5-stage2",
        tasks: str = "",
        batch_size: int = 8,
    ) -> None:
        self.spec = spec
        self.data = data
        self.images = Path(images) if images else None
        self.pairs = pairs
        self.recipe = recipe
        self.tasks = tasks
        self.batch_size = batch_size
        self.project = Project.find()

    def finetune(self, representation: str, workdir: Path) -> Path:
        """Train stage 1 where there is no projector yet, then stage 2; goes on where it was interrupted.

        Args:
            representation: An id, alias or combination.
            workdir: The model comes into its folder ``model``.

        Returns:
            The folder of the model (:meth:`visionlaw_mllm.mllm.MLLM.load`).

        Raises:
            ConfigError: No records or no language model are named.
            DataError, WeightsError, PluginError: As :func:`visionlaw_mllm.finetune.finetune`.
        """
        here = self.project
        if not self.data:
            raise ConfigError("The trainer 'llava' is given no records.", "Name them: llava?data=FILE")
        if here.space.language is None:
            raise ConfigError("No language model is named.", "Name it: model under [language] of registry.toml.")
        from visionlaw.alignment.language import find_language
        from visionlaw.alignment.projector import projector_folder, read_card
        from visionlaw.scoring.representations import name_of
        from visionlaw_mllm.align import align
        from visionlaw_mllm.finetune import finetune

        language = find_language(*here.space.language)
        (chosen,) = here.representations([representation])
        projector = projector_folder(here.projectors, name_of(chosen), language.fingerprint)
        if self.pairs and read_card(projector) is None:
            align(here, [chosen], language, self.pairs, self.images)
        return finetune(here, chosen, language, self.data, self.images, self.recipe, folder=workdir / MODEL)

    def evaluate(self, model: Path, benchmarks: Sequence[str]) -> Mapping[str, float]:
        """Return a model's performance on benchmarks, as lmms-eval measures it; what it has measured before is read.

        Args:
            model: The folder that :meth:`finetune` returned.
            benchmarks: Keys of the publications' benchmarks, or names of lmms-eval's tasks.

        Returns:
            Performance by benchmark, in the publications' units
            (:func:`visionlaw.policy.results.match_results`), or the task's own.

        Raises:
            MissingDependencyError: lmms-eval is not installed.
            DataError: There is no model, or lmms-eval fails or leaves a benchmark out.
        """
        wanted = {name: PUBLISHED[TOOL][name].task if name in PUBLISHED[TOOL] else name for name in benchmarks}
        folder = _evaluations(model)
        missing = [task for task in dict.fromkeys(wanted.values()) if task not in _measured(folder)]
        if missing:
            self._run(model, missing, folder)
        matched = match_results(read_results(TOOL, folder), benchmarks)
        lost = [name for name in benchmarks if name not in matched.values]
        if lost:
            raise DataError(f"lmms-eval has measured nothing for {', '.join(lost)}.", f"See '{folder / LOG}'.")
        return matched.values

    def _run(self, model: Path, tasks: Sequence[str], folder: Path) -> None:
        if importlib.util.find_spec("lmms_eval") is None:
            raise MissingDependencyError(
                "Models are evaluated with lmms-eval, which is not installed.",
                "python -m pip install 'visionlaw-mllm[lmms]'",
            )
        arguments = {"pretrained": model.resolve(), "space": self.project.space_path.resolve()}
        for path in arguments.values():
            if set(",={}") & set(str(path)):
                raise DataError(f"lmms-eval cannot be given the path '{path}'.", "Use one without any of , = { }.")
        words = ["--model", NAME, "--model_args", ",".join(f"{key}={value}" for key, value in arguments.items())]
        words += ["--tasks", ",".join(tasks), "--batch_size", str(self.batch_size), "--output_path", str(folder)]
        words += ["--include_path", self.tasks] if self.tasks else []
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("wb") as log:
            done = subprocess.run(  # noqa: S603  no shell, and the program is this Python
                [sys.executable, "-m", "lmms_eval", *words], stdout=log, stderr=subprocess.STDOUT, check=False
            )
        absent = [task for task in tasks if task not in _measured(folder)]
        if done.returncode or absent:
            lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = lines[-1] if lines else "it said nothing"
            raise DataError(
                f"lmms-eval has not measured {', '.join(absent or tasks)}: {last}.",
                f"See '{folder / LOG}'.",
            )


def _evaluations(model: Path) -> Path:
    """Return where results of the model that is in a folder now are kept: those of one it replaces are not its own."""
    from visionlaw_mllm.saved import CARD

    try:
        state = str(json.loads((model / CARD).read_bytes())["state"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"There is no model in '{model}'.", "Train one: visionlaw finetune") from error
    return model / EVALUATION / state


def _measured(folder: Path) -> set[str]:
    try:
        return set(read_results(TOOL, folder).tasks)
    except DataError:  # nothing yet
        return set()
