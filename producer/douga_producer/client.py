"""A studio's machine in touch with the farm: settings, queue, job store and object stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from douga_shared.settings import Settings, read_settings
from douga_shared.tracing import tracing

if TYPE_CHECKING:
    from douga_shared.broker import Sender
    from douga_shared.job_store.protocol import JobStore
    from douga_shared.object_store.protocol import ObjectStore


@dataclass(frozen=True)
class Farm:
    """Everything that a producer's command talks to; thread-safe."""

    settings: Settings
    sender: Sender
    jobs: JobStore
    store_opener: Callable[[str, bool], ObjectStore]

    def open_store(self, url: str, *, create: bool = False) -> ObjectStore:
        """Open a store by its URL, such as ``s3://studio/cut012/`` or ``file:///mnt/cut012/``.

        Args:
            url: where it is.
            create: make the folder if there is none; buckets are never made.

        Raises:
            ConfigurationError: no URL of a store, or the folder cannot be made.
            InputMissing: the folder is not there (without ``create``).
        """
        return self.store_opener(url, create)


@contextmanager
def open_farm(settings: Settings | None = None) -> Iterator[Farm]:
    """Open the farm that the settings name, and close everything at the end.

    Connects to nothing yet: whatever does not answer says so when it is asked first.

    Args:
        settings: where the farm is; None reads the environment.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    # Here and not above: `douga submit --help` must not wait for the clients of queue and stores.
    from douga_shared.broker import Sender, make_app  # noqa: PLC0415
    from douga_shared.job_store.redis import open_job_store  # noqa: PLC0415

    settings = settings or read_settings()
    with (
        tracing("douga-producer", is_wanted=settings.tracing),
        closing(open_job_store(settings)) as jobs,
        make_app(settings) as app,
        _connections_closed(),
    ):
        yield Farm(settings, Sender(app, settings), jobs, _store_opener(settings))


@contextmanager
def _connections_closed() -> Iterator[None]:
    """Close the connections to buckets at the end; stores that are used later open new ones."""
    from douga_shared.object_store.s3 import close_connections  # noqa: PLC0415

    try:
        yield
    finally:
        close_connections()


def _store_opener(settings: Settings) -> Callable[[str, bool], ObjectStore]:
    from douga_shared.object_store.locate import open_store  # noqa: PLC0415
    from douga_shared.object_store.s3 import S3Options  # noqa: PLC0415

    options = S3Options.of(settings)
    return lambda url, create: open_store(url, options, create=create)
