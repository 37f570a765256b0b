"""What the verbs that train have in common: the language model, the records, the recipe, progress."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionlaw.cli.output import console
from visionlaw.errors import ConfigError
from visionlaw.project import Project

if TYPE_CHECKING:
    from visionlaw.alignment.language import LanguageRef

LanguageOption = Annotated[
    str | None,
    typer.Option("--lm", metavar="MODEL", help="Language model: a folder or hub repository; else registry.toml's."),
]
DataOption = Annotated[
    Path,
    typer.Option(help="Records in LLaVA's form: .json, .jsonl, .parquet or .tar, or a folder of the latter two."),
]
ImagesOption = Annotated[
    Path | None, typer.Option(help="Folder that image paths in records start in; default: the records'.")
]
RateOption = Annotated[float | None, typer.Option("--lr", help="Peak learning rate; default: the recipe's.")]
EpochsOption = Annotated[float | None, typer.Option(help="Passes over the records; default: the recipe's.")]
StepsOption = Annotated[int | None, typer.Option(help="Optimizer steps instead of epochs.")]
GlobalBatchOption = Annotated[
    int | None, typer.Option(help="Records per optimizer step, over all devices; default: the recipe's.")
]
BatchOption = Annotated[
    int | None,
    typer.Option(min=1, help="Records at a time on a device; changes memory and speed, not the result."),
]
CheckpointingOption = Annotated[
    bool, typer.Option("--gradient-checkpointing", help="Use less memory, and a third more time.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of what is random: initial weights, and the records' order.")]
EveryOption = Annotated[int, typer.Option(min=1, help="Optimizer steps between checkpoints.")]


def chosen_language(here: Project, name: str | None) -> LanguageRef:
    """Return the language model that is named, or the project's.

    Raises:
        ConfigError: Neither names one.
        WeightsError: It is not there.
    """
    from visionlaw.alignment.language import find_language

    if name is not None:
        return find_language(name)
    if here.space.language is None:
        raise ConfigError("No language model is named.", "Give --lm MODEL, or model under [language] of registry.toml.")
    return find_language(*here.space.language)


@contextmanager
def training_progress() -> Generator[Callable[[str, int, int], None]]:
    """A bar on stderr, gone when done; where stderr is no terminal, nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
