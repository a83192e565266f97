"""The networks inside the package, by hash: whoever orders drawings names one without loading it."""

from __future__ import annotations

from douga_shared.errors import ConfigurationError

SHIPPED_SHA256 = {"fast": "819a83c28c3af12f80d1308b2be1d2ac76fb8aef557c182bd93581769ccf90be"}
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
