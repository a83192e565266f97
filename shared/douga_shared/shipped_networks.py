"""The networks inside the package, by hash: whoever orders drawings names one without loading it."""

from __future__ import annotations

from douga_shared.errors import ConfigurationError

SHIPPED_SHA256 = {"fast": "9f96e46a3f946dded730a56d198072c5910a2089518196117c306a7d792f5502"}
"""SHA-256 of each weights file: a damaged installation is noticed at start, and so is another release."""


def shipped_sha256(network: str) -> str:
    """Return the hash of a shipped network.

    Raises:
        ConfigurationError: there is none of that name; the farm knows no other networks.
    """
    if network not in SHIPPED_SHA256:
        known = ", ".join(sorted(SHIPPED_SHA256))
        raise ConfigurationError(
            f"--network '{network}': the farm's workers have the shipped networks only ({known}); "
            "a file from 'douga train' works with 'douga clean'"
        )
    return SHIPPED_SHA256[network]
