"""Results of evaluation tools: read their files, and find the study's benchmarks in them.

    found = read_results("lmms-eval", "out/llava-clip-336")
    matched = match_results(found, ["mmbench", "mme"])
    study.tell("clip@336", matched.values, source=found.tool, source_version=matched.versions)

A trainer that evaluates with one of these tools returns ``match_results(...).values`` from
:meth:`visionlaw.protocols.Trainer.evaluate`.
"""

from __future__ import annotations

from visionlaw.policy.results.mapping import Match, MatchedResults, Wanted, match_results, read_mapping
from visionlaw.policy.results.reading import TOOLS, read_results
from visionlaw.policy.results.tasks import TaskResult, ToolResults

__all__ = [
    "TOOLS",
    "Match",
    "MatchedResults",
    "TaskResult",
    "ToolResults",
    "Wanted",
    "match_results",
    "read_mapping",
    "read_results",
]
