"""Small things that all builders of Envoy's messages need."""

from datetime import timedelta
from typing import Any, Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

TYPE_URL_PREFIX: Final = "type.googleapis.com/"
LONGEST_SECONDS: Final = 365 * 86_400
"""Envoy counts nanoseconds in 64 bits and refuses what doesn't fit; a year is for ever as well."""


def type_url(message: Any) -> str:
    """The type URL of a message class."""
    return TYPE_URL_PREFIX + str(message.DESCRIPTOR.full_name)


def packed(message: Message) -> AnyMessage:
    """The message as an `Any`; equal messages give equal bytes."""
    return AnyMessage(
        type_url=TYPE_URL_PREFIX + message.DESCRIPTOR.full_name, value=message.SerializeToString(deterministic=True)
    )


def duration(time: float | timedelta) -> Duration:
    """A duration of so many seconds, to the millisecond and at most `LONGEST_SECONDS`."""
    message = Duration()
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    message.FromMilliseconds(round(min(seconds, LONGEST_SECONDS) * 1000))
    return message
