"""One object store's protocol: the minio SDK with time limits, few retries, write-once uploads and checksums.

The SDK's own upload passes neither `If-None-Match` nor checksums on, so the five requests of an upload are made
here, through the SDK's signed request. Errors are the SDK's; `s3_errors` makes ours of them.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import certifi
import urllib3
from minio import Minio
from minio.error import S3Error
from minio.helpers import check_bucket_name
from minio.xml import Element, SubElement, getbytes
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_SECONDS = 5.0
TRIES = 3  # of one request; an upload may be sent again, since its key is written once
_CHECKSUM = "x-amz-checksum-sha256"
_MOST_CONNECTIONS = 64  # kept open; more are opened when they are needed


@dataclass(frozen=True)
class Address:
    """Where a bucket is, and who asks."""

    endpoint: str  # host or host:port
    bucket: str
    access_key: str
    secret_key: str
    region: str
    secure: bool

    def __repr__(self) -> str:
        return f"Address({self.endpoint}, {self.bucket})"  # finds its way into logs


@dataclass(frozen=True)
class Part:
    """One part of an upload, as it was sent."""

    number: int  # from 1
    etag: str
    sha256: str  # in base64, as the protocol has it
    confirmed: bool  # the server has said that it got just this


@dataclass(frozen=True)
class Upload:
    """An upload in parts that was begun."""

    key: str
    id: str
    begun: datetime


class S3Client(Minio):
    """The requests on one bucket. Threads may share it, processes may not."""

    def __init__(self, address: Address, *, seconds: float, tries: int = TRIES) -> None:
        """`seconds` without a byte from the server, or for it to take what is sent, end a request.

        Raises ValueError where the address cannot be one.
        """
        super().__init__(
            address.endpoint, address.access_key, address.secret_key, secure=address.secure, region=address.region,
            http_client=_pool(seconds, tries, secure=address.secure),
        )  # fmt: skip
        check_bucket_name(address.bucket, strict=True)  # the SDK asks at every request, and is then less strict
        self.bucket = address.bucket
        self.conditional = True  # whether the server knows `If-None-Match`; older ones say that they don't

    def put_once(self, key: str, body: bytes, headers: Mapping[str, str]) -> tuple[bool, bool]:
        """Store `body` under a key that is free: (it is new there, the server has confirmed its checksum)."""
        checksum = sha256_base64(body)
        sent = {**headers, _CHECKSUM: checksum}
        response = self._if_free("PUT", key, body, sent, {})
        return response is not None, bool(response and response.headers.get(_CHECKSUM) == checksum)

    def put(self, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Store `body` under `key`, whatever is there."""
        self._put_object(self.bucket, key, body, {**headers, _CHECKSUM: sha256_base64(body)})

    def begin(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin an upload in parts; its id."""
        return self._create_multipart_upload(self.bucket, key, {**headers, "x-amz-checksum-algorithm": "SHA256"})

    def send_part(self, key: str, upload: str, number: int, body: bytes) -> Part:
        """One part of 5 MiB or more, the last one of any size."""
        checksum = sha256_base64(body)
        done = self._put_object(
            self.bucket, key, body, {_CHECKSUM: checksum},
            query_params={"partNumber": str(number), "uploadId": upload},
        )  # fmt: skip
        return Part(number, done.etag or "", checksum, done.http_headers.get(_CHECKSUM) == checksum)

    def finish(self, key: str, upload: str, parts: Sequence[Part]) -> bool:
        """Make the parts one object under a key that is free; False where it was not."""
        body = Element("CompleteMultipartUpload")
        for part in parts:
            tag = SubElement(body, "Part")
            SubElement(tag, "PartNumber", str(part.number))
            SubElement(tag, "ETag", f'"{part.etag}"')
            SubElement(tag, "ChecksumSHA256", part.sha256)
        headers = {"Content-Type": "application/xml"}
        response = self._if_free("POST", key, getbytes(body), headers, {"uploadId": upload})
        if response is not None and b"<Error" in response.data:  # the protocol allows a fault with the status 200
            raise S3Error.fromxml(response)
        return response is not None

    def give_up(self, key: str, upload: str) -> None:
        """Forget an upload that was begun, with its parts; one that is gone is fine."""
        try:
            self._abort_multipart_upload(self.bucket, key, upload)
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise

    def uploads(self) -> Iterator[Upload]:
        """Every upload that was begun and not finished."""
        after: str | None = None
        while True:
            page = self._list_multipart_uploads(self.bucket, key_marker=after)
            for found in page.uploads:
                if found.upload_id and found.initiated_time:
                    yield Upload(found.object_name, found.upload_id, found.initiated_time)
            if not page.is_truncated or not page.next_key_marker:
                return
            after = page.next_key_marker

    def _if_free(
        self, method: str, key: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse | None:
        """The answer, or None where the key is taken. A server without conditions takes it in any case."""
        if self.conditional:
            try:
                return self._send(method, key, body, {**headers, "If-None-Match": "*"}, query)
            except S3Error as error:
                if error.code in ("PreconditionFailed", "ConditionalRequestConflict"):
                    return None
                if error.code != "NotImplemented":
                    raise
            self.conditional = False
        return self._send(method, key, body, headers, query)

    def _send(
        self, method: str, key: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        return self._execute(
            method, self.bucket, key, body=body, headers=dict(headers), query_params=dict(query), no_body_trace=True
        )  # fmt: skip


def sha256_base64(body: bytes) -> str:
    """The checksum as the protocol writes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _pool(seconds: float, tries: int, *, secure: bool) -> urllib3.PoolManager:
    retries = urllib3.Retry(
        total=tries - 1, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False,
        respect_retry_after_header=False,  # a step that waits does so on its row, not here
    )  # fmt: skip
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds), maxsize=_MOST_CONNECTIONS, retries=retries
    )
    if secure:
        pool.connection_pool_kw["ssl_context"] = _trust()
    pool.pool_classes_by_scheme = {"http": _pool_class(seconds), "https": _tls_pool_class(seconds)}
    return pool


def _trust() -> ssl.SSLContext:
    """The system's certificates (SSL_CERT_FILE names others), and the usual ones where it has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


# urllib3 leaves the time limit of connecting on a new socket while it sends, and `sendall` counts the whole part
# against it: on a slow line every large upload would fail.
def _pool_class(seconds: float) -> type[urllib3.HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(seconds)

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool


def _tls_pool_class(seconds: float) -> type[urllib3.HTTPSConnectionPool]:
    class Connection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(seconds)

    class Pool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool
