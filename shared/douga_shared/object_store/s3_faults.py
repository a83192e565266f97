"""What an S3 server's refusals mean, and what a person does about them (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from douga_shared.errors import (
    ConfigurationError,
    DougaError,
    FrameRejected,
    InputMissing,
    Reason,
    StoreUnreachable,
)


class Act(Enum):
    """What the store was asked to do."""

    READ = auto()
    WRITE = auto()
    LIST = auto()


class Meaning(Enum):
    """What a fault says about the next attempt."""

    PASSING = auto()
    """The same request may go through later."""
    MISSING = auto()
    """There is no such object."""
    EXISTS = auto()
    """There is such an object already."""
    NO_BUCKET = auto()
    """Nothing of the kind can ever work here."""
    SETTINGS = auto()
    """Whoever asks, or where, is set up wrongly; no object can be reached."""
    REFUSED = auto()
    """This object only."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal of the server, or a failure of the connection to it."""

    code: str
    """S3's error code, or the name of boto3's exception."""
    status: int
    """Of HTTP; 0 where no answer came."""
    text: str
    """The server's own words."""

    @property
    def meaning(self) -> Meaning:
        """What to do next."""
        if self.code in _MEANINGS:
            return _MEANINGS[self.code]
        if self.code in _REMEDIES:
            return Meaning.SETTINGS
        if self.status == 429 or (self.status >= 500 and self.status != 501):
            return Meaning.PASSING
        # boto3 names what it cannot begin with by some thirty exceptions, all about how it is set up.
        return Meaning.REFUSED if self.status else Meaning.SETTINGS

    def __str__(self) -> str:
        code = f"HTTP {self.code}" if self.code.isdecimal() else self.code
        return f"{code}: {self.text}" if self.text else code


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store is, for messages."""

    store: str
    bucket: str
    endpoint: str


def error_of(fault: Fault, act: Act, object_key: str, place: Place, attempts: int) -> DougaError:
    """Return the error that tells a person what was wrong, with which object, and what to do."""
    meaning = fault.meaning
    if act is Act.LIST and meaning is Meaning.MISSING:
        meaning = Meaning.NO_BUCKET
    if act is Act.READ and fault.code == "KeyTooLongError":  # so nobody can have stored it
        meaning = Meaning.MISSING
    if meaning is Meaning.PASSING:
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        return StoreUnreachable(
            f"'{place.store}' does not answer: {object_key!r} failed after {times} ({fault}); "
            f"check the network and the server at {place.endpoint} (DOUGA_S3_ENDPOINT), then try again"
        )
    if meaning is Meaning.NO_BUCKET:
        kind = ConfigurationError if act is Act.WRITE else InputMissing
        return kind(
            f"there is no bucket '{place.bucket}' at {place.endpoint}; check its spelling and "
            "DOUGA_S3_ENDPOINT, or make the bucket"
        )
    if meaning is Meaning.SETTINGS:
        remedy = _REMEDIES.get(fault.code, _CHECK_SETTINGS)
        return ConfigurationError(f"'{place.store}' at {place.endpoint} cannot be used ({fault}); {remedy}")
    if meaning is Meaning.MISSING:
        return FrameRejected(Reason.VANISHED, f"{object_key!r} is not there any more in '{place.store}'")
    return _refusal(fault, act, object_key, place)


def _refusal(fault: Fault, act: Act, object_key: str, place: Place) -> DougaError:
    remedy = _REFUSAL_REMEDIES.get(fault.code, "")
    if fault.status == 403 and not remedy:
        remedy = f"; {_ALLOW[act]} on it for these credentials"
    if act is Act.LIST:
        return InputMissing(f"'{place.store}' may not be listed below {object_key!r} ({fault}){remedy}")
    if act is Act.READ:
        why = f"{object_key!r} cannot be read from '{place.store}' ({fault}){remedy}"
        return FrameRejected(Reason.UNREADABLE, why)
    why = f"{object_key!r} cannot be written in '{place.store}' ({fault}){remedy}"
    return FrameRejected(Reason.WRITE_FAILED, why)


_ALLOW = {
    # Without s3:ListBucket Amazon forbids also what is merely not there.
    Act.READ: "allow s3:GetObject on it, and s3:ListBucket on the bucket,",
    Act.WRITE: "allow s3:PutObject (s3:DeleteObject to remove)",
    Act.LIST: "allow s3:ListBucket",
}

_REFUSAL_REMEDIES = {
    "InvalidObjectState": "; it lies in an archive: restore it, then run again",
    "KeyTooLongError": "; its name is too long for this server: rename the scan",
    "EntityTooLarge": "; it is larger than this server takes",
    "QuotaExceeded": "; the bucket is full: make room and run again",
    "InsufficientStorage": "; the server is full: make room and run again",
    "XMinioStorageFull": "; the server is full: make room and run again",
    "NotImplemented": "; this server lacks what Douga needs: choose another",
}

_CHECK_SETTINGS = (
    "check DOUGA_S3_ENDPOINT, DOUGA_S3_REGION, DOUGA_S3_PROFILE and the AWS configuration of this machine"
)
_GIVE_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or DOUGA_S3_PROFILE, or give the machine a role"
)
_CORRECT_CREDENTIALS = (
    "its credentials are wrong: correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or DOUGA_S3_PROFILE"
)
_RENEW_CREDENTIALS = "its credentials have run out: renew them (such as 'aws sso login'), then run again"
_CORRECT_REGION = "set DOUGA_S3_REGION to the region of the bucket"

_REMEDIES = {
    "NoCredentialsError": _GIVE_CREDENTIALS,
    "PartialCredentialsError": _GIVE_CREDENTIALS,
    "ProfileNotFound": "correct DOUGA_S3_PROFILE or AWS_PROFILE: the AWS configuration has no such profile",
    "InvalidAccessKeyId": _CORRECT_CREDENTIALS,
    "SignatureDoesNotMatch": _CORRECT_CREDENTIALS,
    "InvalidToken": _CORRECT_CREDENTIALS,
    "InvalidClientTokenId": _CORRECT_CREDENTIALS,
    "ExpiredToken": _RENEW_CREDENTIALS,
    "ExpiredTokenException": _RENEW_CREDENTIALS,
    "TokenRefreshRequired": _RENEW_CREDENTIALS,
    "SSOTokenLoadError": _RENEW_CREDENTIALS,
    "UnauthorizedSSOTokenError": _RENEW_CREDENTIALS,
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "AuthorizationHeaderMalformed": _CORRECT_REGION,
    "PermanentRedirect": _CORRECT_REGION,
    "IllegalLocationConstraintException": _CORRECT_REGION,
    "CertificateRefused": "its certificate is not trusted: name the studio's own in AWS_CA_BUNDLE",
}

_MEANINGS = {
    "NoSuchBucket": Meaning.NO_BUCKET,
    "NoSuchKey": Meaning.MISSING,
    "NotFound": Meaning.MISSING,
    "404": Meaning.MISSING,
    "PreconditionFailed": Meaning.EXISTS,
    "412": Meaning.EXISTS,
    **dict.fromkeys(
        (
            # Two writers at once; AWS asks to repeat.
            "ConditionalRequestConflict",
            "OperationAborted",
            "409",
            # Bytes were lost on the way.
            "BadDigest",
            "XAmzContentSHA256Mismatch",
            "IncompleteBody",
            "FlexibleChecksumError",
            "IncompleteReadError",
            "ResponseStreamingError",
            # A proxy's page, or half an answer.
            "ResponseParserError",
            "RequestTimeout",
            "RequestTimeoutException",
            "SlowDown",
            "SlowDownRead",
            "SlowDownWrite",
            "Throttling",
            "ThrottlingException",
            "RequestThrottled",
            "RequestLimitExceeded",
            "TooManyRequests",
            "ConnectionError",
            "ConnectionClosedError",
            "ConnectTimeoutError",
            "EndpointConnectionError",
            "HTTPClientError",
            "ProxyConnectionError",
            "ReadTimeoutError",
            "SSLError",
            # The service that hands out a machine's credentials did not answer.
            "CredentialRetrievalError",
            "MetadataRetrievalError",
        ),
        Meaning.PASSING,
    ),
    **dict.fromkeys(("InsufficientStorage", "XMinioStorageFull", "QuotaExceeded"), Meaning.REFUSED),
}
