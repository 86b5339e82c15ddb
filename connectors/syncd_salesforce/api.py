"""Requests to one org: one token for all threads and streams of the process, one refresh at a time, one retry.

simple-salesforce's own refresh repeats without end (its issue 804) and loses headers, so it only ever gets a session
id; logging in again is done here.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError
from simple_salesforce.login import SalesforceLogin

from syncd.sdk import errors
from syncd_salesforce import answers, transport
from syncd_salesforce.budget import Budget
from syncd_salesforce.options import SalesforceOptions

_HOLD_REFUSAL_SECONDS = 10.0  # threads that waited for a refused login do not try it again at once


class _Shared:
    """What all connectors of one org and login share: token and budget."""

    def __init__(self, reserve: float) -> None:
        self.lock = threading.Lock()
        self.token = ""
        self.budget = Budget(reserve)
        self.refused: errors.AuthFailed | None = None
        self.refused_at = 0.0


_registry: dict[str, _Shared] = {}
_registry_lock = threading.Lock()


def _shared(options: SalesforceOptions) -> _Shared:
    secrets = [
        one.get_secret_value() if one else ""
        for one in (options.client_secret, options.password, options.security_token)
    ]
    parts = [
        options.url,
        options.client_id,
        options.username,
        str(options.private_key_file),
        str(options.reserve),
        *secrets,
    ]
    name = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
    with _registry_lock:
        return _registry.setdefault(name, _Shared(options.reserve))


class Api:
    """One connector's way to its org."""

    def __init__(self, options: SalesforceOptions) -> None:
        self.options = options
        self._shared = _shared(options)
        self.budget = self._shared.budget
        self.session = transport.session(options, self.budget)

    def close(self) -> None:
        """Close all idle connections."""
        self.session.close()

    def clock(self) -> datetime:
        """The server's time in whole seconds, by a request that counts nowhere and needs no login."""
        try:
            answer = self.session.get(f"{self.options.url}/services/data/")
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        try:
            return parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            raise errors.RetryLater("Salesforce does not tell its time; check the option url") from None

    def read(self, path: str, params: Mapping[str, str] | None = None, *, method: str = "GET", body: Any = None) -> Any:
        """A request that changes no record, its answer decoded. Raises AuthFailed, RetryLater, QuotaExhausted,
        UserError."""
        try:
            return self._call(method, path, params, body, write=False)
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None

    def write(self, method: str, path: str, body: Any) -> Any:
        """A request that changes records. Raises Rejected, Ambiguous beside those of `read`."""
        return self._call(method, path, None, body, write=True)

    def text(self, path: str, params: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """A read whose answer is no JSON: text and headers."""
        url = f"{self.options.url}/services/data/v{self.options.api_version}/{path}"
        token = self._token()
        answer = self._get(url, params, token)
        if answer.status_code == 401:
            answer = self._get(url, params, self._token(refused=token))
        if answer.status_code == 200:
            answer.encoding = "utf-8"
            return answer.text, answer.headers
        content = answer.json() if "json" in answer.headers.get("Content-Type", "") else None
        raise self._error(answer.status_code, answers.code_of(content), write=False)

    def _get(self, url: str, params: Mapping[str, str], token: str) -> requests.Response:
        try:
            return self.session.get(url, params=dict(params), headers={"Authorization": f"Bearer {token}"})
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None

    def _call(self, method: str, path: str, params: Mapping[str, str] | None, body: Any, *, write: bool) -> Any:
        token = self._token()
        status, told = self._once(token, method, path, params, body)
        if status == 401:
            status, told = self._once(self._token(refused=token), method, path, params, body)
        if status == 200:
            return told
        raise self._error(status, answers.code_of(told), write=write)

    def _once(self, token: str, method: str, path: str, params: Mapping[str, str] | None, body: Any) -> tuple[int, Any]:
        """Send one request; return 200 and the answer, or the status and body of a refusal."""
        org = Salesforce(
            session_id=token,
            instance_url=self.options.url,
            session=self.session,
            version=self.options.api_version,
            object_pairs_hook=None,
        )
        extra = {} if body is None else {"json": body}
        given = dict(params) if params else None
        try:
            return 200, org.restful(path, params=given, method=method, headers={"X-PrettyPrint": "0"}, **extra)
        except SalesforceError as error:
            return int(error.status), error.content
        except ValueError:  # not JSON: a proxy's page
            return 502, None

    def _error(self, status: int, code: str, *, write: bool) -> errors.SyncdError:
        if code == answers.LIMIT:
            return self.budget.exhausted()
        return answers.of_request(status, code, write=write)

    def _token(self, refused: str = "") -> str:
        """The token; a new one if there is none or the one that was just refused is still the newest."""
        shared = self._shared
        with shared.lock:
            if shared.token and shared.token != refused:
                return shared.token
            if shared.refused and time.monotonic() - shared.refused_at < _HOLD_REFUSAL_SECONDS:
                raise shared.refused
            shared.token, shared.refused = "", None
            try:
                shared.token = self._login()
            except errors.AuthFailed as error:
                shared.refused, shared.refused_at = error, time.monotonic()
                raise
            return shared.token

    def _login(self) -> str:
        options = self.options
        given: dict[str, Any] = {"client_credentials": {"domain": "my-domain"}}.get(options.login, {})
        given = {**given, "session": self.session, "sf_version": options.api_version}
        if options.login in ("jwt", "soap"):
            given["domain"] = "test" if options.sandbox else "login"
        if options.login == "jwt":
            given |= {"consumer_key": options.client_id, "username": options.username}
            given["privatekey_file"] = str(options.private_key_file)
        elif options.login != "soap":
            given |= {"consumer_key": options.client_id, "consumer_secret": _plain(options.client_secret)}
        if options.login in ("password", "soap"):
            word, extra = _plain(options.password), _plain(options.security_token)
            given["username"] = options.username
            given |= (
                {"password": word, "security_token": extra} if options.login == "soap" else {"password": word + extra}
            )
        try:
            return str(SalesforceLogin(**given)[0])
        except SalesforceAuthenticationFailed as error:
            code = str(error.code or "")[:40]
            if code.isdecimal() and not 400 <= int(code) < 500:  # a bad day of the server's, or of a proxy's
                raise errors.RetryLater(f"the login is answered with HTTP {code}") from None
            fix = "check the login in the configuration and the connected app in Setup"
            raise errors.AuthFailed(f"Salesforce refuses the login: {code}", fix=fix) from None
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        except OSError as error:
            fix = "private_key_file must be readable by syncd"
            raise errors.AuthFailed(f"the private key cannot be read: {type(error).__name__}", fix=fix) from None
        except (ValueError, TypeError, AttributeError):
            raise errors.AuthFailed(
                "the login's answer is not understood", fix="check url and the private key"
            ) from None


def _plain(secret: Any) -> str:
    return secret.get_secret_value() if secret is not None else ""
