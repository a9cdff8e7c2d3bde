"""How log lines look: text for people, one JSON object a line for machines."""

import logging
from typing import Literal

from pythonjsonlogger.orjson import OrjsonFormatter

from fade_server.request_id import current_id

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
FIELDS = ("levelname", "name", "message", "request_id")
RENAMED = {"levelname": "level", "name": "logger", "exc_info": "exception"}

OURS = ("fade_server", "fade_dashboard", "fadewatch", "uvicorn")
"""Loggers that follow the level. Libraries below a warning would write down the addresses that
they call, and the address of a chat's webhook is its password."""


def configure_logging(form: Literal["text", "json"], level: str | None) -> None:
    """Send everything that this process logs to standard error, in one form.

    Args:
        form: ``text`` or ``json``.
        level: ``debug``, ``info``, ``warning`` or ``error``; None for ``info`` in JSON, which has
            a line for every request, and ``warning`` in text.
    """
    number = logging.getLevelNamesMapping()[
        (level or ("info" if form == "json" else "warning")).upper()
    ]
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(make_formatter(form))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(number)


def make_formatter(form: Literal["text", "json"]) -> logging.Formatter:
    """Return what turns a record into a line.

    Args:
        form: ``text`` or ``json``.
    """
    if form == "text":
        return logging.Formatter(TEXT)
    return OrjsonFormatter(list(FIELDS), rename_fields=RENAMED, timestamp="time")


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = current_id() or "-"
    return True
