"""What the SDK, urllib3 and the server's codes mean here: StorageError for what waits, NotStored for a definite no.

Every message says what could not be done, at which store, why, and what a person can do about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ProtocolError, SSLError, TimeoutError

from vidpipe.errors import NotStored, StorageError

_KEYS = "see VIDPIPE_S3_ACCESS_KEY and VIDPIPE_S3_SECRET_KEY"
_ALLOW = "its user needs what config/s3-policy.json names"
_REGION = "set VIDPIPE_S3_REGION to the bucket's own"
# The server's code: what it means, and what to do. Codes as S3 and the servers that speak its protocol have them.
_MEANINGS = {
    "AccessDenied": ("does not allow it", _ALLOW),
    "AllAccessDisabled": ("does not allow it", _ALLOW),
    "AccountProblem": ("does not allow it", "its account is in trouble: ask who runs it"),
    "InvalidAccessKeyId": ("does not know the access key", _KEYS),
    "SignatureDoesNotMatch": ("does not take the secret key", _KEYS),
    "ExpiredToken": ("says that the keys have run out", _KEYS),
    "InvalidToken": ("does not take the keys", _KEYS),
    "RequestTimeTooSkewed": ("finds this machine's clock wrong", "set the clock"),
    "AuthorizationHeaderMalformed": ("keeps the bucket in another region", _REGION),
    "PermanentRedirect": ("keeps the bucket in another region", _REGION),
    "NoSuchBucket": ("has no such bucket", "`vidpipe storage prepare` makes it; its name is in VIDPIPE_S3_BUCKET"),
    "XMinioStorageFull": ("is full", "free some space there"),
    "InsufficientStorage": ("is full", "free some space there"),
    "StorageFull": ("is full", "free some space there"),
    "QuotaExceeded": ("has given all the room that it may", "raise the quota, or free some space there"),
    "XMinioAdminBucketQuotaExceeded": (
        "has given all the room that it may",
        "raise the quota, or free some space there",
    ),
    "InvalidObjectState": ("has moved it to an archive", "bring it back there"),
}
_NEVER = frozenset({"NoSuchKey", "EntityTooLarge", "KeyTooLongError"})


@contextmanager
def translated(what: str, endpoint: str) -> Iterator[None]:
    """Turn whatever the SDK raises in the block into our errors; `what` could not be done at `endpoint`."""
    try:
        yield
    except S3Error as error:
        raise _of_code(error, what, endpoint) from error
    except (MinioException, HTTPError, ParseError) as error:
        raise StorageError(f"{what}: {_why(error, endpoint)}") from error


def _of_code(error: S3Error, what: str, endpoint: str) -> StorageError:
    if error.code == "NoSuchKey":
        return NotStored(f"{what}: the media store holds no {error.object_name}")
    said = " ".join(str(error.message or "").split())[:200]
    if error.code in _NEVER:
        return NotStored(f"{what}: the object store at {endpoint} refuses it ({error.code}: {said})")
    means, remedy = _MEANINGS.get(str(error.code), ("cannot do it now", "it is tried again"))
    return StorageError(f"{what}: the object store at {endpoint} {means} ({error.code}: {said}); {remedy}")


def _why(error: Exception, endpoint: str) -> str:
    store = f"the object store at {endpoint}"
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    match reason:
        case TimeoutError() if not isinstance(reason, NewConnectionError):
            return f"{store} does not answer in time; see whether it runs"
        case SSLError():
            return f"the certificate of {store} is not trusted ({_short(reason)}); SSL_CERT_FILE names one that is"
        case NewConnectionError() | ProtocolError():
            return f"{store} cannot be reached ({_short(reason)}); see whether it runs, and VIDPIPE_S3_ENDPOINT"
        case ServerError():
            return f"{store} is in trouble (HTTP {reason.status_code}); it is tried again"
        case InvalidResponseError() if int(getattr(reason, "_code", 0)) >= 500:
            return f"{store} is in trouble ({_short(reason)}); it is tried again"
        case _:
            remedy = "see VIDPIPE_S3_ENDPOINT and VIDPIPE_S3_SECURE"
            return f"what answers at {endpoint} is no object store ({_short(reason)}); {remedy}"


def _short(error: Exception) -> str:
    """The part of urllib3's and the SDK's long sentences that a person can use."""
    text = " ".join(str(error).split())
    return text.rpartition("[Errno")[2].rpartition("] ")[2].rstrip("')\"") if "[Errno" in text else text[:200]
