"""Running checks: each once per subject, after those that it builds on, with the count of everything."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from visionlaw.errors import ConfigError, MissingDependencyError, VisionlawError, did_you_mean
from visionlaw.guard import describe_error
from visionlaw.registry import Registry
from visionlaw.testing.checks import Check, CheckFailed, CheckSkipped, SubjectKind, all_checks
from visionlaw.testing.subjects import Subject, find_subjects

Status = Literal["passed", "failed", "skipped", "expected"]
STATUSES: tuple[Status, ...] = ("passed", "failed", "skipped", "expected")


@dataclass(frozen=True)
class Result:
    """What became of one check of one subject.

    Attributes:
        check: Its name.
        kind: The subject's kind.
        subject: The plugin's name, or the spec's id.
        status: ``passed``, ``failed``, ``skipped``, or ``expected`` (failed, as was said with a reason).
        message: What is wrong; why it was skipped; why it was expected to fail.
        remedy: What the plugin's author should do.
        seconds: What it took.
    """

    check: str
    kind: SubjectKind
    subject: str
    status: Status
    message: str = ""
    remedy: str = ""
    seconds: float = 0.0

    @property
    def label(self) -> str:
        """Check and subject, as an expected failure names them: ``grid-order[acme/net@224]``."""
        return f"{self.check}[{self.subject}]"


@dataclass(frozen=True)
class Report:
    """What became of all checks."""

    results: tuple[Result, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        """Those that failed and were not expected to."""
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def counts(self) -> dict[Status, int]:
        """How many passed, failed, were skipped and were expected to fail."""
        found = Counter(result.status for result in self.results)
        return {status: found[status] for status in STATUSES}


@dataclass(eq=False)
class Session:
    """The checks of some subjects.

    Attributes:
        subjects: What is checked.
        expected: Check, or ``check[subject]`` → the reason why it fails; one that passes after all has failed.
        chosen: The checks that run; what they build on does too, without being reported.
    """

    subjects: Sequence[Subject]
    expected: Mapping[str, str] = field(default_factory=dict[str, str])
    chosen: Sequence[Check] = field(default_factory=all_checks)
    _done: dict[tuple[int, str], Result] = field(default_factory=dict[tuple[int, str], Result], repr=False)

    def __post_init__(self) -> None:
        known = {check.name for check in all_checks()}
        known |= {f"{check.name}[{subject.name}]" for subject, check in self.planned()}
        for name, reason in self.expected.items():
            if name not in known:
                raise ConfigError(
                    f"'{name}' is expected to fail, but nothing that runs is called so.",
                    did_you_mean(name, known) or "Name a check, or check[subject].",
                )
            if not reason.strip():
                raise ConfigError(f"'{name}' is expected to fail without a reason.", "Say why in one sentence.")

    def planned(self) -> list[tuple[Subject, Check]]:
        """Return what will run, in order."""
        return [(s, check) for s in self.subjects for check in self.chosen if s.kind in check.kinds]

    def results(self) -> Iterator[Result]:
        """Run everything that is planned, and yield each result as it is known."""
        for subject in self.subjects:
            for check in self.chosen:
                if subject.kind in check.kinds:
                    yield self.run(subject, check)
            subject.close()

    def run(self, subject: Subject, check: Check) -> Result:
        """Return the result of one check, which runs once, after those that it builds on."""
        key = (id(subject), check.name)
        if key not in self._done:
            self._done[key] = self._judged(self._run(subject, check))
        return self._done[key]

    def _run(self, subject: Subject, check: Check) -> Result:
        lost = self._lost_ground(subject, check)
        start = time.perf_counter()
        status, message, remedy = ("skipped", lost, "") if lost else _outcome(subject, check)
        seconds = round(time.perf_counter() - start, 4)
        return Result(check.name, subject.kind, subject.name, status, message, remedy, seconds)

    def _lost_ground(self, subject: Subject, check: Check) -> str:
        """Return which of the checks that this one builds on has not passed."""
        by_name = {other.name: other for other in all_checks()}
        for name in check.needs:
            ground = by_name[name]
            if subject.kind in ground.kinds and self.run(subject, ground).status != "passed":
                return f"builds on '{name}', which has not passed"
        return ""

    def _judged(self, result: Result) -> Result:
        reason = self.expected.get(result.label, self.expected.get(result.check, ""))
        if not reason or result.status == "skipped":
            return result
        facts = (result.check, result.kind, result.subject)
        if result.status == "failed":
            return Result(*facts, "expected", f"{reason} ({result.message})", result.remedy, result.seconds)
        return Result(
            *facts,
            "failed",
            f"It passes, though it was expected to fail: {reason}.",
            "Take it out of the expected failures.",
            result.seconds,
        )


def _outcome(subject: Subject, check: Check) -> tuple[Status, str, str]:
    """Return status, message and remedy of one check; whatever it raises is its failure, Ctrl-C aside."""
    try:
        check.function(subject)
    except CheckFailed as failure:
        return "failed", failure.message, failure.remedy
    except CheckSkipped as reason:
        return "skipped", str(reason), ""
    except MissingDependencyError as error:
        # Without its extras a plugin is installed as it should be; what they bring is not there to be checked.
        status = "skipped" if subject.spec is not None and subject.spec.extras else "failed"
        return status, f"{error.message} {error.remedy}" if status == "skipped" else error.message, error.remedy
    except VisionlawError as error:
        return "failed", error.message, error.remedy
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  the code of a plugin raises anything
        return "failed", f"It raised {describe_error(error)}.", "Run it under pytest to see where."
    return "passed", "", ""


def use_one_thread() -> None:
    """Have torch, where it is not imported yet, compute in one thread: networks here are tiny.

    Threads that wait for each other at every small matrix take many times as long on a machine that has other work.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def run_checks(
    *names: str, expected_failures: Mapping[str, str] | None = None, registry: Registry | None = None
) -> Report:
    """Check plugins, distributions or single ids.

    Args:
        *names: Distributions, entry points' names, or ids.
        expected_failures: Check, or ``check[subject]`` → the reason why it fails.
        registry: What is installed; None: it is looked for.

    Raises:
        UnknownIdError: Nothing installed has that name.
        ConfigError: An expected failure has no reason, or nothing is called so.
        PluginError, ConflictError, WeightsError, MissingDependencyError: What has that name cannot be used.
    """
    session = Session(subjects_of(names, registry), expected_failures or {})
    return Report(tuple(session.results()))


def subjects_of(names: Iterable[str], registry: Registry | None = None) -> list[Subject]:
    """Return what names stand for, each thing once."""
    use_one_thread()
    installed = registry or Registry.discover()
    found = [subject for name in names for subject in find_subjects(name, installed)]
    return list({(s.plugin.name, s.plugin.distribution, s.kind, s.name): s for s in found}.values())
