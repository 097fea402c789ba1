"""What can go wrong while files are fetched, as sentences for the resource's condition."""

import errno


class FetchError(Exception):
    """It can't be fetched; the message says what to do. Trying again at once would not help."""


class TransientError(FetchError):
    """It may work a moment later."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        """Seconds that the server asks to be left alone."""
        super().__init__(message)


def disk_failure(error: OSError) -> FetchError:
    """A failure to write, in the user's terms."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return FetchError(
            "the node has no space left for the model files; free some, set"
            " spec.repository.download.resources.requests.ephemeral-storage so that a node with enough is chosen, or"
            " use persistentVolumeClaim or image"
        )
    return FetchError(f"the files can't be written: {error.strerror or error}")
