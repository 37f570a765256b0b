"""Consulting a sampler: it may be anyone's code, so what it answers is checked before it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visionlaw.arrays import FloatArray, IntArray
from visionlaw.errors import PluginError
from visionlaw.guard import third_party
from visionlaw.policy.belief import Belief, independent_chance
from visionlaw.policy.state import Past, StudyState
from visionlaw.protocols import Sampler

T = TypeVar("T")
Scalar = TypeVar("Scalar", bound=np.generic)
ROUNDING = 1e-5
"""By how much a sum of shares in single precision may miss 1."""
REMEDY = "Report it to its author, or use another sampler."


@dataclass(frozen=True)
class CheckedSampler:
    """A sampler that answers by the protocol, or fails as a plugin.

    The sampler sees the state, but cannot write into it, and what it prints stays out of stdout. Live studies and
    replays ask through this class only. Beside what its methods name, they raise MissingDependencyError where the
    sampler lacks a library, and pass on what it raised for the user, a VisionlawError.

    Attributes:
        sampler: Any object that follows :class:`visionlaw.protocols.Sampler`.
        name: Its id with its options, for messages.
        distribution: Who provides it, for messages; empty where nobody knows.
    """

    sampler: Sampler
    name: str
    distribution: str = ""

    @classmethod
    def of(cls, sampler: Sampler, name: str = "") -> CheckedSampler:
        """Check a sampler under a name: the id of its spec, or its class, where none is given.

        One that is checked already stays as it is.
        """
        if isinstance(sampler, cls):
            return sampler
        spec = getattr(sampler, "spec", None)
        return cls(sampler, name or getattr(spec, "id", None) or type(sampler).__name__)

    @property
    def believes(self) -> bool:
        """Whether it has beliefs, not predictions alone."""
        return callable(getattr(self.sampler, "belief", None))

    def ask(self, state: StudyState, rng: np.random.Generator) -> IntArray:
        """Return the open candidate that it chooses for each trial: ``[T]``, -1 where none is open.

        Raises:
            PluginError: The sampler raised, or chose something that is not open.
        """
        choice = self._guarded(lambda: np.asarray(self.sampler.ask(_read_only(state), rng)))
        if choice.shape != (state.trials,) or not np.issubdtype(choice.dtype, np.integer):
            raise self._failed(
                f"chose with an array {choice.shape} of {choice.dtype}, not ({state.trials},) of integers"
            )
        openings = state.open
        legal = (choice >= -1) & (choice < state.candidates)
        picked = np.take_along_axis(openings, np.where(legal, choice, 0)[:, None], axis=-1)[:, 0]
        wrong = ~np.where(choice == -1, ~openings.any(axis=-1), legal & picked)
        if wrong.any():
            trial = int(np.flatnonzero(wrong)[0])
            where = f" in trial {trial}" if state.trials > 1 else ""
            raise self._failed(f"chose {choice[trial]}{where}, which is not an open candidate")
        return choice.astype(np.int64)

    def predict(self, state: StudyState) -> FloatArray:
        """Return its predictions ``[T, b, k]``; NaN where it has none.

        Raises:
            PluginError: The sampler raised, answered an array of another shape, or predicted infinity.
        """
        predicted = self._guarded(lambda: np.asarray(self.sampler.predict(_read_only(state)), dtype=np.float64))
        if predicted.shape != state.results.shape:
            raise self._failed(f"predicted an array {predicted.shape} instead of {state.results.shape}")
        if np.isinf(predicted).any():
            raise self._failed("predicted infinity, which no ranking can use")
        return predicted

    def belief(self, state: StudyState) -> Belief:
        """Return what it believes; of a sampler without beliefs, its predictions alone.

        Raises:
            PluginError: The sampler raised, or answered with what is no belief: another shape, infinity, a negative
                error or a chance outside 0–1.
        """
        own = getattr(self.sampler, "belief", None)
        if not callable(own):
            return Belief.of_mean(self.predict(state))
        belief = self._guarded(lambda: own(_read_only(state)))
        if not isinstance(belief, Belief):
            raise self._failed(f"believes a {type(belief).__name__} instead of a Belief")
        for name in ("mean", "standard_error", "best"):
            values = getattr(belief, name)
            if np.shape(values) != state.results.shape:
                raise self._failed(f"believes {name} of shape {np.shape(values)} instead of {state.results.shape}")
            if np.isinf(values).any():
                raise self._failed(f"believes an infinite {name}, which no ranking can use")
        if (belief.standard_error < 0).any():
            raise self._failed("believes a negative standard error")
        if ((belief.best < 0) | (belief.best > 1)).any():
            raise self._failed("believes in a chance outside 0–1")
        return belief

    def chance_of_better(self, state: StudyState, delta: float) -> FloatArray:
        """Return ``[T, b]``: the chance that something untrained beats the best result told by more than a margin.

        A sampler's own ``chance_of_better(state, delta)`` counts. Of one with beliefs only, the chance if results were
        normal and independent: where candidates that resemble each other also perform alike it is an upper bound
        (Slepian's inequality). NaN where nothing has been told, or nothing is believed.

        Args:
            state: The trials.
            delta: The margin, as a share of the best result told.

        Raises:
            PluginError: The sampler raised, answered an array of another shape, or with what is no chance.
        """
        own = getattr(self.sampler, "chance_of_better", None)
        if not callable(own):
            if not self.believes:
                return np.full(state.results.shape[:2], np.nan)
            return independent_chance(self.belief(state), state, delta)
        chance = self._guarded(lambda: np.asarray(own(_read_only(state), delta), dtype=np.float64))
        if chance.shape != state.results.shape[:2]:
            raise self._failed(f"gives chances {chance.shape} instead of {state.results.shape[:2]}")
        if ((chance < -ROUNDING) | (chance > 1 + ROUNDING)).any():
            raise self._failed("believes in a chance outside 0–1")
        return np.clip(chance, 0.0, 1.0)

    def explain(self, state: StudyState, choice: int) -> str:
        """Return its own reason for the choice of the one trial; the fact that it chose when it gives none.

        Raises:
            PluginError: The sampler raised.
        """
        reason = self._guarded(lambda: self._own_reason(_read_only(state), choice))
        return reason or f"The sampler '{self.name}' chose it."

    def _own_reason(self, state: StudyState, choice: int) -> str:
        own = getattr(self.sampler, "explain", None)
        return str(own(state, choice) or "").strip() if callable(own) else ""

    def _guarded(self, call: Callable[[], T]) -> T:
        with third_party(f"The sampler '{self.name}'", self.distribution):
            return call()

    def _failed(self, how: str) -> PluginError:
        return PluginError(f"The sampler '{self.name}' {how}.", REMEDY)


def _read_only(state: StudyState) -> StudyState:
    """Return the state in arrays that cannot be written to."""
    past = state.past
    if past is not None:
        past = Past(_view(past.points), _view(past.results), _view(past.candidates), _view(past.identity))
    return replace(
        state,
        points=_view(state.points),
        status=_view(state.status),
        results=_view(state.results),
        past=past,
        costs=None if state.costs is None else _view(state.costs),
        weights=None if state.weights is None else _view(state.weights),
    )


def _view(values: NDArray[Scalar]) -> NDArray[Scalar]:
    view = values.view()
    view.setflags(write=False)
    return view
