"""What a process that fits forecasts may use. Its time is bounded by the fit itself and by whoever waits for it."""

import resource

MEMORY_BYTES = 2 * 2**30
"""Address space: a fit needs a few hundred MB of it, numpy's threads reserve as much again."""


def bound_process(memory_bytes: int = MEMORY_BYTES) -> None:
    """As the initializer of a process pool: more memory is refused to this process and to Stan, which it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
