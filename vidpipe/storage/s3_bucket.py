"""A bucket made ready: there, with rules that clear away what was only meant for a while."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig, Rule

from vidpipe.storage.s3_client import S3Client

TEMPORARY = "tmp/"  # what is stored below it is removed after a day
_DAYS = 1
_OURS = ("vidpipe-temporary", "vidpipe-unfinished-uploads")
_UNKNOWN = ("NotImplemented", "MethodNotAllowed", "XNotImplemented")
log = logging.getLogger(__name__)


def ensure_bucket(client: S3Client) -> None:
    """Make the bucket and our two rules if they are not there; rules that somebody else set stay. Raises as the SDK."""
    if not client.bucket_exists(client.bucket):
        try:
            client.make_bucket(client.bucket)
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):  # made by another meanwhile
                raise
    try:
        found = client.get_bucket_lifecycle(client.bucket)
        rules = list(found.rules) if found else []
        if missing := _missing(rules):
            kept = [rule for rule in rules if rule.rule_id not in _OURS]
            client.set_bucket_lifecycle(client.bucket, LifecycleConfig([*kept, *missing]))
    except S3Error as error:
        if error.code not in _UNKNOWN:
            raise
        log.warning(
            "the object store has no lifecycle rules (%s): clear %s and unfinished uploads by hand",
            error.code,
            TEMPORARY,
        )


def _missing(rules: Sequence[Rule]) -> Sequence[Rule]:
    """Our rules, if one of them is not among `rules` as it should be."""
    temporary = Rule(
        ENABLED, rule_filter=Filter(prefix=TEMPORARY), rule_id=_OURS[0], expiration=Expiration(days=_DAYS)
    )  # fmt: skip
    unfinished = Rule(
        ENABLED, rule_filter=Filter(prefix=""), rule_id=_OURS[1],
        abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=_DAYS),
    )  # fmt: skip
    there = {rule.rule_id: _essence(rule) for rule in rules if rule.status == ENABLED}
    ours = (temporary, unfinished)
    return () if all(there.get(rule.rule_id) == _essence(rule) for rule in ours) else ours


def _essence(rule: Rule) -> tuple[str, int | None, int | None]:
    """What a rule does, however the server writes it: prefix, days of objects, days of uploads."""
    uploads = rule.abort_incomplete_multipart_upload
    return (
        (rule.rule_filter.prefix if rule.rule_filter else None) or "",
        rule.expiration.days if rule.expiration else None,
        uploads.days_after_initiation if uploads else None,
    )
