"""Who vidpipe is at Google Cloud: a token that was given, a service account's file, or the machine's own credentials.

google-auth 2.62.2 says how each is read and when it is renewed (google/auth/_default.py, oauth2/service_account.py).
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import google.auth
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials as Given

from vidpipe.errors import SetupError, Unavailable

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class Login(Credentials):
    """One identity, for the SDK and for bare requests; safe in many threads. The token is never told."""

    def __init__(self, inner: Credentials) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inner, self._lock, self._way = inner, threading.Lock(), Request()
        self._way.session.trust_env = False  # no proxy and no netrc of the environment
        self.token, self.expiry = inner.token, inner.expiry
        self._quota_project_id = inner.quota_project_id

    def refresh(self, request: Any = None) -> None:
        """Get another token, by a way of its own; raises GoogleAuthError."""
        with self._lock:
            if not self.valid:
                self._inner.refresh(self._way)  # type: ignore[no-untyped-call]
                self.token, self.expiry = self._inner.token, self._inner.expiry

    def headers(self) -> dict[str, str]:
        """What a request carries; raises Unavailable where no token can be had."""
        try:
            if not self.valid:
                self.refresh()
        except GoogleAuthError as error:
            raise Unavailable(f"Google gives no token: {type(error).__name__} {str(error)[:200]}") from error
        quota = {"x-goog-user-project": str(self.quota_project_id)} if self.quota_project_id else {}
        return {"Authorization": f"Bearer {self.token}", **quota}

    async def headers_async(self) -> dict[str, str]:
        """The same in an asyncio loop, which does not wait for Google."""
        return self.headers() if self.valid else await asyncio.to_thread(self.headers)


def login(name: str, *, token: str | None, service_account_file: str, abroad: bool) -> Login:
    """Who the service `name` is used as: the token where one is given, else the file's account, else the machine's own.

    `abroad`: its address is not Google's; there only a given token goes. Raises SetupError.
    """
    if token:
        return Login(Given(token))  # type: ignore[no-untyped-call]
    if abroad:
        raise SetupError(
            f"the service {name} has an address that is not Google's, and no token for it.",
            remedy="Give one (its `optional_keys` name the variable): credentials go to Google alone.",
        )
    try:
        if service_account_file:
            return Login(_of_file(Path(service_account_file)))
        found, _project = google.auth.default(scopes=SCOPES)
        return Login(found)
    except (GoogleAuthError, OSError, ValueError) as error:
        kind = type(error).__name__  # what it says may repeat what the file holds
        raise SetupError(
            f"the service {name} has no credentials of Google Cloud that can be used ({kind}).",
            remedy="Run `gcloud auth application-default login`, name a service account's file as its option"
            " `service_account`, or give a token.",
        ) from error


def _of_file(path: Path) -> Credentials:
    return service_account.Credentials.from_service_account_file(  # type: ignore[no-any-return, no-untyped-call]
        str(path), scopes=SCOPES
    )
