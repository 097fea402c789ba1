"""Small things that all builders of Envoy's messages need."""

from datetime import timedelta
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

TYPE_URL_PREFIX = "type.googleapis.com/"


def type_url(message: Any) -> str:
    """The type URL of a message class."""
    return TYPE_URL_PREFIX + str(message.DESCRIPTOR.full_name)


def packed(message: Message) -> AnyMessage:
    """The message as an `Any`; equal messages give equal bytes."""
    return AnyMessage(
        type_url=TYPE_URL_PREFIX + message.DESCRIPTOR.full_name, value=message.SerializeToString(deterministic=True)
    )


def duration(seconds: float | timedelta) -> Duration:
    """A duration, to the millisecond."""
    message = Duration()
    milliseconds = seconds / timedelta(milliseconds=1) if isinstance(seconds, timedelta) else seconds * 1000
    message.FromMilliseconds(round(milliseconds))
    return message
