"""Which of a tool's numbers is a benchmark's performance.

The publications evaluated with lmms-eval 0.1.2, and their tables say on what: 64.2612% of MMBench is 748 of the 1,164
questions of its English development split, 66.0929% of SEED-Bench 9,407 of its 14,233 images, 69.2613% of ScienceQA
1,397 of the 2,017 questions that have an image; MME is the sum of perception alone, up to 2,000. What is told here is
in the same unit, so that it can be read beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from visionlaw.errors import DataError, StudyError, did_you_mean
from visionlaw.policy.results.tasks import TaskResult, ToolResults


@dataclass(frozen=True)
class Wanted:
    """Where a benchmark's performance stands in a tool's results.

    Attributes:
        task: The task's or data set's name.
        metrics: The metric's name, and other names of it in other versions; none: the task's only one.
        factor: What turns the tool's number into the benchmark's unit.
    """

    task: str
    metrics: tuple[str, ...] = ()
    factor: float = 1.0


PUBLISHED: dict[str, dict[str, Wanted]] = {
    "lmms-eval": {
        "mmbench": Wanted("mmbench_en_dev", ("gpt_eval_score",)),
        "mme": Wanted("mme", ("mme_perception_score", "mme_percetion_score")),  # 0.1 spells it so
        "okvqa": Wanted("ok_vqa_val2014", ("exact_match",), 100),
        "seedbench": Wanted("seedbench", ("seed_image",), 100),
        "mmmu": Wanted("mmmu_val", ("mmmu_acc",), 100),
        "textvqa": Wanted("textvqa_val", ("exact_match",), 100),
        "vizwiz": Wanted("vizwiz_vqa_val", ("exact_match",), 100),
        "scienceqa": Wanted("scienceqa_img", ("exact_match",), 100),
    },
    # VLMEvalKit has A-OKVQA, which is another benchmark, but not OK-VQA. Its ScienceQA has the questions with images.
    "vlmevalkit": {
        "mmbench": Wanted("MMBench_DEV_EN", ("dev/Overall", "Overall"), 100),
        "mme": Wanted("MME", ("perception",)),
        "seedbench": Wanted("SEEDBench_IMG", ("Overall",), 100),
        "mmmu": Wanted("MMMU_DEV_VAL", ("validation/Overall",), 100),
        "textvqa": Wanted("TextVQA_VAL", ("Overall",)),
        "vizwiz": Wanted("VizWiz", ("Overall",)),
        "scienceqa": Wanted("ScienceQA_TEST", ("test/Overall", "Overall"), 100),
    },
}
"""The benchmarks of the publications in each tool's results."""

_PERCENT = {key for table in PUBLISHED.values() for key in table} - {"mme"}


@dataclass(frozen=True)
class Match:
    """A benchmark's performance, and where it comes from.

    Attributes:
        value: In the benchmark's unit.
        task: The tool's task.
        metric: The tool's metric.
        factor: What the tool's number was multiplied by.
        file: The file.
        version: The tool's version, as far as it is known, and which part was measured; empty for the whole by an
            unknown version.
    """

    value: float
    task: str
    metric: str
    factor: float
    file: Path
    version: str


@dataclass(frozen=True)
class MatchedResults:
    """The benchmarks that a tool has measured.

    Attributes:
        matches: By benchmark, in the order of the benchmarks.
        notes: Sentences on what was left out, and on older files.
    """

    matches: Mapping[str, Match]
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """Performance by benchmark."""
        return {benchmark: match.value for benchmark, match in self.matches.items()}

    @property
    def versions(self) -> dict[str, str]:
        """The tool's version by benchmark."""
        return {benchmark: match.version for benchmark, match in self.matches.items()}


def read_mapping(words: Iterable[str]) -> dict[str, Wanted | None]:
    """Read words ``BENCHMARK=TASK``, ``BENCHMARK=TASK:METRIC``, ``…*FACTOR``, or ``BENCHMARK=`` to leave one out.

    Raises:
        StudyError: A word has another form, or a benchmark is named twice.
    """
    mapping: dict[str, Wanted | None] = {}
    for word in words:
        benchmark, equals, rest = word.partition("=")
        rest, times, factor = rest.partition("*")
        task, colon, metric = rest.partition(":")
        try:
            number = float(factor) if times else 1.0
        except ValueError:
            number = math.nan
        incomplete = not task and (colon or times)
        if (
            not benchmark
            or not equals
            or incomplete
            or (colon and not metric)
            or not math.isfinite(number)
            or not number
        ):
            raise StudyError(
                f"'{word}' does not name a task.",
                "Write BENCHMARK=TASK, BENCHMARK=TASK:METRIC or BENCHMARK=TASK:METRIC*100, such as "
                "'textvqa=textvqa_val:exact_match*100'; 'textvqa=' leaves it out.",
            )
        if benchmark in mapping:
            raise StudyError(f"'{benchmark}' is mapped twice.", "Map it once.")
        mapping[benchmark] = Wanted(task, (metric,) if metric else (), number) if task else None
    return mapping


def match_results(
    results: ToolResults,
    benchmarks: Sequence[str],
    mapping: Mapping[str, Wanted | None] | None = None,
    *,
    partial: bool = False,
) -> MatchedResults:
    """Find benchmarks in what a tool has measured.

    A benchmark is what ``mapping`` says; else, for the publications' eight keys, what they evaluated; else the task of
    the same name, when it has one metric only, in the tool's own unit.

    Args:
        results: What :func:`visionlaw.policy.results.read_results` returns.
        benchmarks: The keys to look for.
        mapping: Where some of them stand; None leaves a benchmark out.
        partial: Whether to take what was measured on a part of a task only.

    Raises:
        StudyError: ``mapping`` names something else than a benchmark.
        DataError: No benchmark is there; or one is, and its value is missing, not finite, ambiguous, or of a part only.
    """
    mapping = mapping or {}
    for benchmark in mapping:
        if benchmark not in benchmarks:
            raise StudyError(
                f"'{benchmark}' is mapped, but is not a benchmark of the study.",
                did_you_mean(benchmark, benchmarks) or f"It has {', '.join(benchmarks)}.",
            )
    matches: dict[str, Match] = {}
    used: set[str] = set()
    notes: list[str] = []
    unclear: list[_UnclearError] = []
    for benchmark in benchmarks:
        if benchmark in mapping and mapping[benchmark] is None:
            continue
        try:
            found = _found(benchmark, results, mapping)
        except _UnclearError as error:
            if benchmark in mapping:
                raise
            unclear.append(error)
            continue
        if found is not None:
            matches[benchmark], task = found
            used.add(task.task)
            _check(benchmark, matches[benchmark], task, benchmark in mapping, partial)
            if task.older:
                notes.append(f"'{task.task}' is in {len(task.older) + 1} files: the newest counts, '{task.file}'.")
    left = [name for name, task in results.tasks.items() if name not in used and not task.group]
    if not matches:
        if unclear:
            raise unclear[0]
        raise DataError(
            f"'{results.path}' has no benchmark of the study, but {', '.join(left) or 'nothing'}.",
            f"Say which task is which benchmark with '--map BENCHMARK=TASK'; the study has {', '.join(benchmarks)}.",
        )
    notes += [str(error) for error in unclear]
    if left:
        notes.append(f"Not told: {', '.join(left)}. '--map BENCHMARK=TASK' says which benchmark a task is.")
    return MatchedResults(matches, tuple(notes))


class _UnclearError(DataError):
    """Several tasks or metrics may be meant."""


def _found(
    benchmark: str, results: ToolResults, mapping: Mapping[str, Wanted | None]
) -> tuple[Match, TaskResult] | None:
    """Return a benchmark's performance and its task, or None where nothing measures it."""
    wanted = mapping.get(benchmark) or PUBLISHED[results.tool].get(benchmark) or Wanted(benchmark)
    tasks = results.find(wanted.task)
    if len(tasks) > 1:
        names = ", ".join(f"'{task.task}'" for task in tasks)
        raise _UnclearError(
            f"'{benchmark}' can be {len(tasks)} tasks: {names}.", f"Say which with '--map {benchmark}=TASK'."
        )
    if tasks:
        (task,) = tasks
        metric = _metric_of(benchmark, task, wanted)
        value = task.metrics[metric] * wanted.factor
        version = ", ".join(filter(None, (task.version, task.partial)))
        return Match(value, task.task, metric, wanted.factor, task.file, version), task
    if benchmark in mapping:
        raise DataError(
            f"'{results.path}' has no task '{wanted.task}'.",
            did_you_mean(wanted.task, results.tasks) or f"It has {', '.join(results.tasks) or 'none'}.",
        )
    return None


def _metric_of(benchmark: str, task: TaskResult, wanted: Wanted) -> str:
    """Return the one metric that is meant."""
    # Without a name: what most tables of VLMEvalKit are about, or the only metric.
    found = task.find(*wanted.metrics) if wanted.metrics else task.find("Overall") or tuple(task.metrics)
    if not found:
        name = f"'{wanted.metrics[0]}'" if wanted.metrics else "metric"
        raise DataError(
            f"'{task.task}' has no {name} in '{task.file}', but {', '.join(task.metrics) or 'nothing'}.",
            f"Name another with '--map {benchmark}={task.task}:METRIC', or leave it out: '--map {benchmark}='.",
        )
    metric, *others = found
    if others:
        raise _UnclearError(
            f"'{benchmark}' can be {len(found)} metrics of '{task.task}': {', '.join(found)}.",
            f"Say which with '--map {benchmark}={task.task}:METRIC'.",
        )
    return metric


def _check(benchmark: str, match: Match, task: TaskResult, mapped: bool, partial: bool) -> None:
    """Refuse what is no result of the whole benchmark in its unit."""
    if not math.isfinite(match.value):
        raise DataError(
            f"'{match.metric}' of '{task.task}' is {match.value} in '{task.file}'.",
            f"Evaluate it again, or leave it out: '--map {benchmark}='.",
        )
    if mapped and benchmark in _PERCENT and match.factor == 1 and 0 < match.value <= 1:
        raise DataError(
            f"'{task.task}' has {match.value:g} for '{benchmark}', which is in %.",
            f"Write '--map {benchmark}={task.task}:{match.metric}*100'.",
        )
    if task.partial and not partial:
        raise DataError(
            f"'{task.file}' was measured on a part of '{task.task}' only ({task.partial}).",
            "Evaluate it in full; '--force' tells it all the same.",
        )
