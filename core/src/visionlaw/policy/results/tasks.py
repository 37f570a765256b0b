"""What an evaluation tool has measured of one model, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class TaskResult:
    """What one file says of one task.

    Attributes:
        task: The task's or data set's name, as the tool writes it.
        metrics: Values by metric in the tool's own unit, NaN where the tool wrote that; what it left empty is absent.
            A metric of a filter or of a split stands behind its name: ``strict-match/exact_match``, ``dev/Overall``.
        file: Where it stands.
        when: When it was measured; without time zone, since only files of one tool are compared.
        model: The evaluated model's name; empty where the file does not tell it.
        version: The tool's version as far as the file tells it; empty when it does not.
        partial: Which part of the task was measured, such as ``limit 8``; empty for the whole.
        group: Whether it is a group of tasks, whose results stand beside it.
        older: Further files that have the task, which this one replaces.
    """

    task: str
    metrics: Mapping[str, float]
    file: Path
    when: datetime
    model: str = ""
    version: str = ""
    partial: str = ""
    group: bool = False
    older: tuple[Path, ...] = ()

    def find(self, *metrics: str) -> tuple[str, ...]:
        """Return the metrics of the first of these names that it has: the exact one, or those of filters and splits."""
        for metric in metrics:
            if metric in self.metrics:
                return (metric,)
            if names := tuple(name for name in self.metrics if name.rpartition("/")[2] == metric):
                return names
        return ()


@dataclass(frozen=True)
class ToolResults:
    """What a tool has measured of one model.

    Attributes:
        tool: ``lmms-eval`` or ``vlmevalkit``.
        path: The file or folder that was read.
        tasks: The newest result of each task.
    """

    tool: str
    path: Path
    tasks: Mapping[str, TaskResult]

    def find(self, task: str) -> tuple[TaskResult, ...]:
        """Return the tasks of that name; upper case, ``-`` and a model's name before it make no difference."""
        if task in self.tasks:
            return (self.tasks[task],)
        name = _plain(task)
        return tuple(
            result
            for result in self.tasks.values()
            if _plain(result.task) == name or (not result.model and _plain(result.task).endswith(f"_{name}"))
        )


def newest(found: Iterable[TaskResult]) -> dict[str, TaskResult]:
    """Return the newest result of each task, which names the files that it replaces."""
    tasks: dict[str, TaskResult] = {}
    for result in sorted(found, key=lambda one: (one.when, str(one.file))):
        before = tasks.get(result.task)
        older = () if before is None else (*before.older, before.file)
        tasks[result.task] = replace(result, older=older)
    return tasks


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
