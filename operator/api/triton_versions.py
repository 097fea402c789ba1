"""What differs between versions of Triton's server: flags, and known vulnerabilities. Standard library only.

Sources: `tritonserver --help` of 2.51; for what came shortly before and later, the pull request that added the flag
(github.com/triton-inference-server/server). Where a pull request falls between two releases, the later one stands here:
a server that is given a flag it doesn't know ends at once.
"""

from typing import Final

Version = tuple[int, ...]

FIRST_MINOR: Final[dict[str, int]] = {
    "--cache-config": 32,
    "--cuda-virtual-address-size": 43,
    "--enable-peer-access": 48,  # pull request 7261
    "--grpc-infer-thread-count": 57,  # 8061
    "--http-max-input-size": 59,  # 8174
    "--model-load-retry-count": 43,  # core 308
}
"""Flag to the first minor version of 2.x that knows it; what isn't listed is older than any version in use."""

FIRST_FIXED: Final[Version] = (2, 59, 1)
"""Release 25.07. 2.59.0 is release 25.06."""
VULNERABILITIES: Final = "CVE-2025-23319, CVE-2025-23320 and CVE-2025-23334"
"""Chained, they let whoever reaches the HTTP or gRPC port run code in a server with the Python backend."""


def version_of(text: str) -> Version:
    """`2.51` as numbers that can be compared; `2.59` is before `2.59.1`."""
    return tuple(int(part) for part in text.split("."))


def knows_flag(version: str, argument: str) -> bool:
    """Whether a server of this version takes an argument such as `--log-verbose=1`."""
    return version_of(version)[:2] >= (2, FIRST_MINOR.get(argument.split("=", maxsplit=1)[0], 0))


def is_vulnerable(version: str) -> bool:
    """Whether a server of this version is known to let a caller run code."""
    return version_of(version) < FIRST_FIXED


def vulnerability_message(version: str) -> str:
    """What is wrong with a vulnerable version, and what to do."""
    fixed = ".".join(map(str, FIRST_FIXED))
    return (
        f"Triton {version} is older than {fixed} (release 25.07): who reaches its ports may be able to run code in it"
        f" ({VULNERABILITIES}). Use an image of release 25.07 or newer and say so in spec.runtime.version; until then"
        " let only callers that you trust reach the Service, with a NetworkPolicy for example"
    )


def version_of_release(year: int, month: int) -> Version | None:
    """Server version of NVIDIA's release such as 24.10; None for releases before 23.01, which is 2.30.

    One a month, but for 25.07, which got only a new patch number (release pages of triton-inference-server/server).
    """
    months = (year - 23) * 12 + month - 1
    if months < 0:
        return None
    if (year, month) == (25, 7):
        return FIRST_FIXED
    return (2, 30 + months - ((year, month) > (25, 7)))
