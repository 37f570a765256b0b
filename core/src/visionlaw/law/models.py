"""What a model of the law is, whatever its kind: fitted to a table, it predicts every benchmark at any A and C."""

from __future__ import annotations

from typing import Protocol

from visionlaw.arrays import FloatArray
from visionlaw.law.predictive import Predictive
from visionlaw.law.tables import LawTable


class FittedModel(Protocol):
    """A model that has been fitted."""

    def predict(self, A: FloatArray, C: FloatArray) -> Predictive:
        """Predict results at A and C ``[b, m]``, in the units of the table that the model was fitted to."""
        ...


class Model(Protocol):
    """A way to fit the law. Hyper-parameters are chosen in ``fit``, from the settings that it is given and no other."""

    @property
    def name(self) -> str:
        """What the model is called in comparisons."""
        ...

    def fit(self, table: LawTable) -> FittedModel:
        """Fit all benchmarks of a finished table.

        Raises:
            DataError: The settings do not determine the model.
        """
        ...
