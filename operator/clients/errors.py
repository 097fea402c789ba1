"""What can go wrong outside, told apart by what helps."""


class ClusterError(Exception):
    """The API server did not do what was asked; trying again later may help."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class RefusedError(ClusterError):
    """The API server understood and refuses (invalid object, quota, no permission): the same again won't help."""
