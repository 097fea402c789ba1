"""What ends a quantisation, for the user."""


class QuantizationError(ValueError):
    """Something given can't be used; the message says what is wrong, where, and what to do."""
