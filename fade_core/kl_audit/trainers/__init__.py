"""One small reader a trainer: from its own keys to a ``Setup``."""
