"""Objects in a bucket of Amazon S3 or of a server that speaks its language.

What is written is signed with the hash of its bytes, which every server checks, and carries a CRC-32,
which those that know it store and give back: what is read is checked against it and against its length.
Every request is sent again after a passing fault, with growing pauses, up to ``S3Options.attempts``
times. That is done here and not by boto3: its own repeating ends where the answer begins, so half an
answer is an error, and it shares one allowance among all threads, so in an outage most of them would
not repeat at all.

boto3 is loaded with the first request: it takes half as long to load as all else together.
"""

from __future__ import annotations

import base64
import os
import random
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from douga_shared import __version__
from douga_shared.errors import ConfigurationError, FrameRejected, Reason
from douga_shared.manifest import LeftOut
from douga_shared.object_keys import fault_of
from douga_shared.object_store.protocol import PAGE_ENTRIES, FolderListing, ObjectInfo
from douga_shared.object_store.s3_faults import Act, Fault, Meaning, Place, error_of
from douga_shared.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ListObjectsV2OutputTypeDef

T = TypeVar("T")

LARGEST_SINGLE_BYTES = 64 * 2**20
"""Larger objects go in parts, so that a broken connection costs a part and not the whole. Drawings and
most scans are far smaller, and one request is the cheapest way to write."""
PART_BYTES = 32 * 2**20
"""S3 takes 10,000 parts: enough for 312 GB."""
LONGEST_PAUSE_SECONDS = 16.0
_MARK = "douga-writer"


class S3Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a bucket is reached; credentials come from the usual AWS places.

    These are the environment, the profile, a web identity (IRSA) and the role of the instance.
    """

    endpoint_url: str = ""
    """Of a server other than Amazon's; empty for Amazon's."""
    region: str = ""
    """Empty leaves it to the AWS configuration."""
    is_path_style: bool = False
    """``https://host/bucket/key``, as most servers but Amazon's want it."""
    profile: str = ""
    """Of the AWS configuration files; empty for what the environment says."""
    connection_count: int = 64
    """Kept open; as many as threads use the stores at once."""
    connect_seconds: float = 3.0
    """How long a connection may take to be made."""
    read_seconds: float = 15.0
    """How long an answer may be silent."""
    attempts: int = 8
    """How often a request is sent before the store counts as unreachable."""
    first_pause_seconds: float = 0.25
    """Before the second attempt, on average three quarters of it; doubled before each one after."""
    has_tcp_keepalive: bool = True
    """Idle connections are kept alive through firewalls that forget them."""

    @classmethod
    def of(cls, settings: Settings) -> S3Options:
        """Take what the settings say."""
        return cls(
            endpoint_url=settings.s3_endpoint,
            region=settings.s3_region,
            is_path_style=settings.s3_path_style,
            profile=settings.s3_profile,
            connection_count=settings.s3_connections,
            connect_seconds=settings.s3_connect_seconds,
            read_seconds=settings.s3_read_seconds,
            attempts=settings.s3_attempts,
        )


_AMAZON = S3Options()


class S3Store:
    """An object store in a bucket; see ``ObjectStore`` for the promises.

    Further errors: ``ConfigurationError`` where credentials, region or endpoint are wrong or, writing,
    the bucket does not exist; ``InputMissing`` where it does not exist, reading or listing.
    Stores of the same options share the connections of their process.
    """

    def __init__(self, bucket: str, prefix: str = "", options: S3Options = _AMAZON) -> None:
        """Name the store; nothing is asked yet.

        Args:
            bucket: its name.
            prefix: what all object keys begin with, with or without ``/`` at its end; empty for all.
            options: how it is reached.

        Raises:
            ConfigurationError: the prefix can be none.
        """
        prefix = prefix.removesuffix("/")
        if prefix and (fault := fault_of(prefix)):
            raise ConfigurationError(f"{prefix!r} cannot be a prefix in bucket '{bucket}': {fault}")
        self._bucket = bucket
        self._prefix = prefix + "/" if prefix else ""
        self._options = options
        self._is_bucket_known = False

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with ``prefix``, a page at a time, in the server's order.

        That is key order as S3 defines it. SeaweedFS lists all below ``a/`` before ``a-b`` and ``a.png``.
        """
        for page in self._pages(prefix):
            # Other programs store what Douga cannot name, such as "a/" for an empty folder.
            yield from (info for info in self._objects(page) if not fault_of(info.object_key))

    def list_folder(self, folder: str = "") -> FolderListing:
        """Return what lies directly in ``folder``."""
        return FolderListing.joined(self.folder_pages(folder))

    def folder_pages(self, folder: str = "", most: int = PAGE_ENTRIES) -> Iterator[FolderListing]:
        """Yield what lies directly in ``folder``, a page of the server's at a time."""
        if folder and not folder.endswith("/"):
            return
        known = ""
        for page in self._pages(folder, delimiter="/", most=most):
            # An object "a/" is how other programs make the folder "a" seen while it is empty.
            objects = [info for info in self._objects(page) if info.object_key != folder]
            start = len(self._prefix + folder)
            folders = [entry["Prefix"][start:] for entry in page.get("CommonPrefixes", [])]
            if folders and folders[0] == known:  # some servers name it again on the next page
                del folders[0]
            known = folders[-1] if folders else known
            yield FolderListing(
                tuple(info for info in objects if not fault_of(info.object_key)),
                tuple(name for name in folders if not fault_of(name[:-1])),
                (
                    *_unusable(info.object_key for info in objects),
                    *_unusable((folder + name for name in folders), end="/"),
                ),
            )

    def stat(self, object_key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None if there is none."""
        name = self._name(object_key, Reason.UNREADABLE)

        def ask(client: S3Client) -> ObjectInfo | None:
            try:
                answer = client.head_object(Bucket=self._bucket, Key=name)
            except client.exceptions.ClientError as error:
                meaning = _fault(error).meaning
                if meaning is Meaning.PASSING or (meaning is Meaning.MISSING and self._is_bucket_known):
                    raise
                # An answer to HEAD has no body: only GET says what was not found, or why it is forbidden.
                client.get_object(Bucket=self._bucket, Key=name, Range="bytes=0-0")["Body"].close()
                raise
            _check_head(answer)
            return ObjectInfo(object_key, answer["ContentLength"], _etag(answer.get("ETag", "")))

        try:
            return self._ask(ask, Act.READ, object_key)
        except FrameRejected as error:
            if error.reason is Reason.VANISHED:
                return None
            raise

    def read(self, object_key: str) -> bytes:
        """Return the whole object; its length and, where the server keeps it, its checksum are checked."""
        name = self._name(object_key, Reason.UNREADABLE)

        def ask(client: S3Client) -> bytes:
            answer = client.get_object(Bucket=self._bucket, Key=name)
            _check_head(answer)
            return answer["Body"].read()

        return self._ask(ask, Act.READ, object_key)

    def write(self, object_key: str, data: bytes) -> None:
        """Store the object whole, in one request unless it is very large.

        A process killed while it writes a very large object leaves parts that no listing shows; give the
        bucket a lifecycle rule that removes incomplete multi-part uploads.
        """
        name = self._name(object_key, Reason.WRITE_FAILED)
        if len(data) > LARGEST_SINGLE_BYTES:
            self._write_parts(object_key, name, data)
            return
        crc = _crc(data)

        def ask(client: S3Client) -> None:
            client.put_object(Bucket=self._bucket, Key=name, Body=data, ChecksumCRC32=crc)

        self._ask(ask, Act.WRITE, object_key)

    def create(self, object_key: str, data: bytes) -> bool:
        """Store the object in one request if there is none; tell whether this call stored it.

        The server must know conditional writes (``If-None-Match``), as Amazon's does; one that ignores
        them tells every caller True.
        """
        name = self._name(object_key, Reason.WRITE_FAILED)
        mark = secrets.token_hex(8)
        crc = _crc(data)
        attempt = 0

        def ask(client: S3Client) -> bool:
            nonlocal attempt
            attempt += 1
            try:
                client.put_object(
                    Bucket=self._bucket,
                    Key=name,
                    Body=data,
                    ChecksumCRC32=crc,
                    IfNoneMatch="*",
                    Metadata={_MARK: mark},
                )
            except client.exceptions.ClientError as error:
                if _fault(error).meaning is not Meaning.EXISTS:
                    raise
                # An earlier attempt whose answer was lost may have been the one that stored it.
                return attempt > 1 and mark == self._writer_of(client, name)
            return True

        return self._ask(ask, Act.WRITE, object_key)

    def delete(self, object_key: str) -> None:
        """Remove the object if it is there."""
        name = self._name(object_key, Reason.WRITE_FAILED)

        def ask(client: S3Client) -> None:
            client.delete_object(Bucket=self._bucket, Key=name)

        try:
            self._ask(ask, Act.WRITE, object_key)
        except FrameRejected as error:
            if error.reason is not Reason.VANISHED:  # S3 itself never misses it, some servers do
                raise

    def _write_parts(self, object_key: str, name: str, data: bytes) -> None:
        """Write a very large object: nobody sees it before the last request."""
        bucket = self._bucket

        def send(number: int) -> CompletedPartTypeDef:
            part = data[(number - 1) * PART_BYTES : number * PART_BYTES]
            answer = self._ask(
                lambda client: client.upload_part(
                    Bucket=bucket, Key=name, UploadId=upload_id, PartNumber=number, Body=part
                ),
                Act.WRITE,
                object_key,
            )
            return {"ETag": answer["ETag"], "PartNumber": number}

        upload_id = self._ask(
            lambda client: client.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"],
            Act.WRITE,
            object_key,
        )
        try:
            parts = [send(number) for number in range(1, -(-len(data) // PART_BYTES) + 1)]
            self._ask(
                lambda client: client.complete_multipart_upload(
                    Bucket=bucket, Key=name, UploadId=upload_id, MultipartUpload={"Parts": parts}
                ),
                Act.WRITE,
                object_key,
            )
        except BaseException:
            self._abandon(name, upload_id)
            raise

    def _abandon(self, name: str, upload_id: str) -> None:
        """Remove the parts of a write that failed, as far as the server answers."""
        try:
            client = _client(self._options)
            client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)
        except _boto_errors():
            return  # the fault that broke the write is the one to tell

    def _writer_of(self, client: S3Client, name: str) -> str | None:
        return client.head_object(Bucket=self._bucket, Key=name)["Metadata"].get(_MARK)

    def _pages(
        self, prefix: str, delimiter: str = "", most: int = PAGE_ENTRIES
    ) -> Iterator[ListObjectsV2OutputTypeDef]:
        if not _can_begin(prefix):
            return
        token = ""

        def ask(client: S3Client) -> ListObjectsV2OutputTypeDef:
            onward = {"ContinuationToken": token} if token else {}
            page = client.list_objects_v2(
                Bucket=self._bucket,
                Prefix=self._prefix + prefix,
                Delimiter=delimiter,
                MaxKeys=min(most, PAGE_ENTRIES),
                **onward,  # type: ignore[arg-type] # mypy cannot tell which option it is
            )
            if "IsTruncated" not in page:  # boto3 takes a body of no bytes for a page of no objects
                raise _HalfAnswerError("the listing broke off")
            return page

        while True:
            page = self._ask(ask, Act.LIST, prefix)
            yield page
            token = page.get("NextContinuationToken", "")
            if not page["IsTruncated"] or not token:
                return

    def _ask(self, ask: Callable[[S3Client], T], act: Act, object_key: str) -> T:
        """Call until the server answers, or as often as the options say.

        Raises:
            DougaError: the fault as a person can read it.
        """
        for attempt in count(1):
            try:
                answer = ask(_client(self._options))
            except _boto_errors() as error:
                fault = _fault(error)
                if fault.meaning is Meaning.MISSING:
                    self._is_bucket_known = True  # or the server would have missed that
                if fault.meaning is not Meaning.PASSING or attempt >= self._options.attempts:
                    raise error_of(fault, act, object_key, self._place(), attempt) from error
                time.sleep(_pause_seconds(attempt, self._options.first_pause_seconds))
            else:
                self._is_bucket_known = True
                return answer
        raise AssertionError("unreachable")

    def _place(self) -> Place:
        return Place(str(self), self._bucket, self._options.endpoint_url or "Amazon S3")

    def _name(self, object_key: str, reason: Reason) -> str:
        if fault := fault_of(object_key):
            raise FrameRejected(reason, f"{object_key!r} cannot name an object: {fault}")
        return self._prefix + object_key

    def _objects(self, page: ListObjectsV2OutputTypeDef) -> Iterator[ObjectInfo]:
        start = len(self._prefix)
        for entry in page.get("Contents", []):
            yield ObjectInfo(entry["Key"][start:], entry["Size"], _etag(entry["ETag"]))


def close_connections() -> None:
    """Close the connections of this process; stores open new ones when they need them."""
    with _lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


_clients: dict[S3Options, S3Client] = {}
_lock = Lock()


def _client(options: S3Options) -> S3Client:
    """The client of this process for these options; thread-safe, as boto3's clients are and sessions are not.

    Raises:
        ConfigurationError: the endpoint is no URL.
        BotoCoreError: there is no such profile, or the like.
    """
    client = _clients.get(options)
    if client is None:
        with _lock:
            client = _clients.get(options)
            if client is None:
                client = _clients[options] = _new_client(options)
    return client


def _new_client(options: S3Options) -> S3Client:
    import boto3  # noqa: PLC0415 - slow to load
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        signature_version="s3v4",
        # Otherwise it is put together anew, twice, for every request: a tenth of what one costs.
        user_agent=f"douga/{__version__} botocore/{botocore.__version__}",
        s3={
            "addressing_style": "path" if options.is_path_style else "auto",
            # Signs the bytes too, also over TLS: the one check of content that every server makes.
            "payload_signing_enabled": True,
        },
        max_pool_connections=options.connection_count,
        connect_timeout=options.connect_seconds,
        read_timeout=options.read_seconds,
        retries={"mode": "standard", "total_max_attempts": 1},  # see the top of this file
        tcp_keepalive=options.has_tcp_keepalive,
        # A checksum of boto3's own making travels, over TLS, in a framing that older servers take for
        # content. `write` gives it as a plain header, which they ignore.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_supported",
    )
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    session = boto3.session.Session(botocore_session=core, profile_name=options.profile or None)
    endpoint, region = options.endpoint_url or None, options.region or None
    try:
        return session.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except ValueError as error:
        raise ConfigurationError(
            f"{options.endpoint_url!r} is no address of an S3 server ({error}); correct DOUGA_S3_ENDPOINT, "
            "such as https://s3.studio.example:9000"
        ) from error


def _timestamp(text: str) -> datetime:
    """Read a date as botocore does: its own way takes nine tenths of the time of a listing."""
    from botocore.utils import parse_timestamp  # noqa: PLC0415

    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return parse_timestamp(text)


def _forget_connections() -> None:
    """After a fork: the parent's sockets must not carry two processes' requests, and its lock may be held."""
    global _clients, _lock  # noqa: PLW0603 - the only state of this file
    _clients = {}
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)


def _boto_errors() -> tuple[type[Exception], ...]:
    """Everything that a request can end with; the connection's own errors come through in mid-body."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to load
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    # ValueError: half a number or half a date in the head of an answer that broke off.
    return (BotoCoreError, ClientError, HTTPError, OSError, ValueError)


def _fault(error: Exception) -> Fault:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return Fault(told.get("Code", str(status)), status, told.get("Message", ""))
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Fault("CertificateRefused", 0, str(error))
    if isinstance(error, BotoCoreError):
        return Fault(type(error).__name__, 0, str(error))
    return Fault("ConnectionError", 0, str(error))


def _pause_seconds(attempt: int, first_pause_seconds: float) -> float:
    """How long to wait after an attempt; at random, or all threads would come back at once."""
    longest: float = min(LONGEST_PAUSE_SECONDS, first_pause_seconds * 2 ** (attempt - 1))
    return longest * random.uniform(0.5, 1.0)


def _can_begin(prefix: str) -> bool:
    """Tell whether any object key begins like this; servers make paths of what does not."""
    return fault_of(prefix + "x") is None


def _unusable(names: Iterable[str], end: str = "") -> Iterator[LeftOut]:
    for name in names:
        if fault := fault_of(name.removesuffix(end)):
            yield LeftOut(name=name, why=f"its name cannot be used: {fault}")


class _HalfAnswerError(OSError):
    """The connection broke in the middle of an answer's head, which Python takes for its end."""


def _check_head(answer: Any) -> None:
    """Raise unless the head of the answer says how long it is: then its body is checked against that.

    Without this an answer cut in its head would be an empty scan.
    """
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    length = headers.get("content-length", "")
    if not length.isdecimal() and "transfer-encoding" not in headers:
        raise _HalfAnswerError("the answer broke off in its head")


def _etag(quoted: str) -> str:
    if not quoted or quoted.count('"') % 2:
        raise _HalfAnswerError("the answer broke off in its head")
    return quoted.strip('"')


def _crc(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
