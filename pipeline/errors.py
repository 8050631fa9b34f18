"""Errors, named by what should happen next.

TokenmillError
├── SettingError   a wrong setting: one line, exit code 2, nothing was done
├── PieceError     one piece of work failed in a way that nobody foresaw: it is tried again
└── FatalError     the run cannot go on: one line, exit code 1, a rerun goes on from here
"""

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class TokenmillError(Exception):
    """The root of the errors that a user sees as one line."""


class SettingError(TokenmillError):
    """A wrong recipe, setting or command line, found before any work."""


class PieceError(TokenmillError):
    """One piece of work failed in a way that nobody foresaw; the message names the piece and the error."""


class FatalError(TokenmillError):
    """The run cannot go on."""


class FaultsFoundError(FatalError):
    """`verify` found faults; `proof` has all of them, and what was counted, as a JSON object."""

    def __init__(self, message: str, proof: dict[str, Any]) -> None:
        super().__init__(message)
        self.proof = proof


def or_fatal(fit: Callable[[], Result], key: str) -> Result:
    """The fit's result; a text that cannot be trained on ends the run in one line that names the setting to change."""
    try:
        return fit()
    except ValueError as error:
        raise FatalError(f"{error}; see {key}") from error
