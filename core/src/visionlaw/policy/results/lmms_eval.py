"""Results of lmms-eval: one JSON file for each run, all of its tasks in it.

Since 0.2 a run writes ``<output>/<model>/<date>_<time>_results.json``; 0.1, which the publications' code vendors as
0.1.2, writes ``<output>/<date>_<suffix>_<model>_model_args_<digest>/results.json``, with ``model_configs`` in the place
of ``config``, and neither the model's name nor the year. In both, ``results`` maps a task to ``metric,filter`` → value.
No version writes its number: 0.7 writes ``branch@commit``, all others the commit of the folder that they were run in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from visionlaw.errors import DataError
from visionlaw.policy.results.tasks import TaskResult

PATTERNS = ("*_results.json", "results.json")

_STAMP = re.compile(r"(\d{8}_\d{6})")
_NO_METRIC = re.compile(
    r"_stderr(_clt|_clustered)?$|_(expected_accuracy|consensus_accuracy|internal_variance|consistency_rate)$"
)
_NO_VALUE = ("alias", "samples", " ", "")


def read(file: Path) -> Iterator[TaskResult]:
    """Yield the results of all tasks of a run.

    Raises:
        DataError: The file cannot be read, or is none of lmms-eval's results.
    """
    run = _load(file)
    config = _mapping(run.get("config") or run.get("model_configs"))
    groups = {*_mapping(run.get("groups")), *_mapping(run.get("group_subtasks"))} - {*_mapping(run.get("configs"))}
    when, version, model = _when(run, file), _version(run), _model(run, config)
    limit = config.get("limit")
    partial = f"limit {limit:g}" if isinstance(limit, int | float) and limit > 0 else ""
    for task, values in _mapping(run["results"]).items():
        metrics = _metrics(_mapping(values))
        if metrics or task not in groups:
            yield TaskResult(task, metrics, file, when, model, version, partial, group=task in groups)


def _load(file: Path) -> dict[str, Any]:
    try:
        run = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error.strerror}.", "Give another file or folder.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{file}' is not JSON: {error}.", "Evaluate again, or give another file or folder.") from error
    if not isinstance(run, dict) or not isinstance(cast("dict[str, Any]", run).get("results"), dict):
        raise DataError(
            f"'{file}' is not a results file of lmms-eval: it has no 'results'.",
            f"Results are in {' or '.join(PATTERNS)}, samples and submissions are beside them.",
        )
    return cast("dict[str, Any]", run)


def _metrics(values: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of a task, ``exact_match,none`` as ``exact_match``."""
    metrics: dict[str, float] = {}
    for key, value in values.items():
        metric, _, filtered = key.partition(",")
        number = _number(value)
        if key in _NO_VALUE or _NO_METRIC.search(metric) or number is None:
            continue
        metrics[metric if filtered in ("", "none") else f"{filtered}/{metric}"] = number
    return metrics


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)  # numpy's float32 is written as a string
    except ValueError:
        return None


def _when(run: dict[str, Any], file: Path) -> datetime:
    """Return when a run was begun: as it says, as its file is called, or when the file was last written."""
    for text in (str(run.get("date", "")), file.name, file.parent.name):
        if stamp := _STAMP.search(text):
            try:
                return datetime.strptime(stamp[1], "%Y%m%d_%H%M%S")
            except ValueError:
                continue
    return datetime.fromtimestamp(file.stat().st_mtime)


def _version(run: dict[str, Any]) -> str:
    if "config" not in run and "model_configs" in run:
        commit = run.get("git_hash")
        return f"0.1 (git {commit})" if commit else "0.1"
    written = str(run.get("lmms_eval_version") or "")
    if written and written != "unknown@unknown":
        return written
    return f"git {run['git_hash']}" if run.get("git_hash") else ""


def _model(run: dict[str, Any], config: dict[str, Any]) -> str:
    if run.get("model_name"):
        return str(run["model_name"])
    arguments = str(config.get("model_args") or "")
    named = re.search(r"(?:^|,)\s*(?:pretrained|model_path)=([^,]+)", arguments)
    return named[1] if named else arguments or str(config.get("model") or "")


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
