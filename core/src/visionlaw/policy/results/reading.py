"""Find the result files of a tool, and read them as those of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from visionlaw.errors import DataError, StudyError, did_you_mean
from visionlaw.policy.results import lmms_eval, vlmevalkit
from visionlaw.policy.results.tasks import TaskResult, ToolResults, newest


@dataclass(frozen=True)
class _Format:
    """How a tool's files are called, and what reads one."""

    patterns: tuple[str, ...]
    read: Callable[[Path], Iterable[TaskResult]]


_FORMATS = {
    "lmms-eval": _Format(lmms_eval.PATTERNS, lmms_eval.read),
    "vlmevalkit": _Format(vlmevalkit.PATTERNS, vlmevalkit.read),
}
TOOLS = tuple(_FORMATS)
"""The tools whose files can be read."""


def read_results(tool: str, path: str | Path) -> ToolResults:
    """Read what an evaluation tool has measured of one model.

    Args:
        tool: ``lmms-eval`` (0.1 and later) or ``vlmevalkit``.
        path: A file of results, or a folder that is searched for them, subfolders included. Where a task stands in
            several files, the newest counts.

    Raises:
        StudyError: No tool of that name is known.
        DataError: There is nothing, something that cannot be read, or results of several models.
    """
    if tool not in _FORMATS:
        raise StudyError(
            f"'{tool}' is not an evaluation tool whose files can be read.",
            did_you_mean(tool, TOOLS) or f"Known are {' and '.join(TOOLS)}; tell other results as BENCHMARK=VALUE.",
        )
    path = Path(path)
    found = [result for file in _files(tool, path) for result in _FORMATS[tool].read(file)]
    models = sorted({result.model for result in found if result.model})
    if len(models) > 1:
        names = ", ".join(f"'{model}'" for model in models)
        raise DataError(f"'{path}' holds results of {len(models)} models: {names}.", "Give the file or folder of one.")
    return ToolResults(tool, path, newest(found))


def _files(tool: str, path: Path) -> list[Path]:
    patterns = _FORMATS[tool].patterns
    if path.is_file():
        return [path]
    if not path.exists():
        raise DataError(f"'{path}' does not exist.", f"Give a file or folder of {tool}'s results.")
    found = [file for pattern in patterns for file in sorted(path.rglob(pattern)) if file.is_file()]
    if not found:
        raise DataError(f"'{path}' holds no results of {tool}.", f"They are called {' or '.join(patterns)}.")
    # VLMEvalKit links a run's files into the folder of the model: one file, found twice.
    return list({file.resolve(): file for file in sorted(found, key=Path.is_symlink, reverse=True)}.values())
