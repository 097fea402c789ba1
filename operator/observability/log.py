"""Structured logs: one JSON object a line, with what the line is about in fields of its own."""

import logging
import sys
from typing import Final

from pythonjsonlogger.json import JsonFormatter

log: Final = logging.getLogger("glm_operator")


def configure(level: int = logging.INFO) -> None:
    """Send everything to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            json_ensure_ascii=False,
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # kopf tells of every event that it hands on; ours tell what was decided.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
