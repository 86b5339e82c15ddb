"""What syncd says of itself: structlog on standard error, one write a line, standard logging routed through it."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog

from syncd.daemon import redact

Format = Literal["json", "console"]
Level = Literal["debug", "info", "warning", "error"]

# these say at `info` what syncd says itself
_TOO_CHATTY = {"apscheduler": logging.ERROR, "alembic": logging.WARNING, "urllib3": logging.ERROR}


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)  # json.dumps would make one for each line


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _ENCODER.encode(event)


class _Steady:
    """Standard error, except that a log that cannot be written (its disk is full) does not stop the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Every line is written at once."""


class _Forward(logging.Handler):
    """Hands a record of standard logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        more: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **more)


def configure(*, shape: Format, level: Level) -> None:
    """Set up logging for this process; to be called once, before the first line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if shape == "json":
        transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        rest: list[structlog.typing.Processor] = [
            structlog.processors.ExceptionRenderer(transform),
            redact.processor,
            _as_json,
        ]
    else:
        rest = [
            structlog.processors.format_exc_info,
            redact.processor,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    structlog.configure(
        processors=[*shared, *rest],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Steady(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(number)
    for name, least in _TOO_CHATTY.items():
        logging.getLogger(name).setLevel(max(least, number))
    logging.captureWarnings(capture=True)
