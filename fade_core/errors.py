"""Exceptions of fade_core.

FadeError
├── ShapeError          (ValueError)   an array has the wrong rank or size
├── SettingError        (ValueError)   a tuning parameter is out of its range
├── RewardError         (ValueError)   a reward is outside the range that a method is defined on
├── LogProbError        (ValueError)   a log-probability is nan, infinite or above 0
└── UnknownMethodError  (LookupError)  no advantage function has that name
"""


class FadeError(Exception):
    """Base of every exception that this project raises on purpose."""


class ShapeError(FadeError, ValueError):
    """An array has the wrong rank or size."""


class SettingError(FadeError, ValueError):
    """A tuning parameter is out of its range."""


class RewardError(FadeError, ValueError):
    """A reward is outside the range that a method is defined on."""


class LogProbError(FadeError, ValueError):
    """A log-probability is nan, infinite or above 0."""


class UnknownMethodError(FadeError, LookupError):
    """No advantage function has that name."""
