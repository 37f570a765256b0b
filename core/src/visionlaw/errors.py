"""What visionlaw raises: one clear sentence, and the remedy.

Every error a user can cause derives from :class:`VisionlawError`. The command line prints its sentence and remedy
and exits with ``exit_code``; from Python, ``str(error)`` carries both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VisionlawError(Exception):
    """A mistake that the user can mend.

    Args:
        message: What is wrong, in one sentence that names the offending thing.
        remedy: What to do about it, ideally a command to type; may be empty where the message says it.
    """

    exit_code = 2
    """Of the command line."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class UnknownIdError(VisionlawError):
    """An id, alias or name that nothing installed provides."""


class NotInstalledError(UnknownIdError):
    """An id of a known family whose plugin is not installed."""


class InvalidIdError(VisionlawError):
    """A string that does not follow the id grammar of :mod:`visionlaw.ids`."""


class ConflictError(VisionlawError):
    """An id that two plugins claim; neither gets it."""


class PluginError(VisionlawError):
    """A plugin that cannot be used: it failed to import, a hook raised, its target is missing."""


class MissingDependencyError(VisionlawError):
    """A library that a plugin or an extra of core needs and that is not installed."""


class InstallError(VisionlawError):
    """Distributions that cannot be installed into the Python that runs, or pip that has failed."""


class WeightsError(VisionlawError):
    """A checkpoint that is not there, may not be fetched, is gated, or holds no safetensors."""


class ConfigError(VisionlawError):
    """A registry.toml that cannot be read or does not follow the schema."""


class DataError(VisionlawError):
    """An image, table or data set that cannot be used as it is."""


class StoreError(VisionlawError):
    """The results store cannot be opened, read or written."""


class StudyError(VisionlawError):
    """A question to the policy that makes no sense in the study's present state."""


class VisionlawDeprecationWarning(FutureWarning):
    """Something that works and will not for ever; the message says what to use instead.

    Python shows it to users, whom it concerns. A hook of the contract is deprecated with it as pluggy's
    ``warn_on_impl``; the loader then tells it of the plugins that implement the hook.
    """


UNAVAILABLE = (UnknownIdError, ConflictError, PluginError, MissingDependencyError, WeightsError)
"""Why the spec of an encoder cannot be had: nobody provides it, or who should cannot."""


def did_you_mean(word: str, known: Iterable[str], limit: int = 3) -> str:
    """Return ``Did you mean 'a' or 'b'?`` for the closest known words, or an empty string.

    Args:
        word: What was typed.
        known: The valid words; compared without regard to case.
        limit: How many suggestions at the most.
    """
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=limit, cutoff=0.6)
    if not close:
        return ""
    return "Did you mean " + " or ".join(f"'{by_folded[c]}'" for c in close) + "?"
