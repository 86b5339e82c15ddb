"""Requests to one portal, through hubspot-api-client's transport, and what its answers mean.

hubspot-api-client 12 builds v3 and v4 paths only, so its REST client is used with paths made here. It is told not to
retry (only the engine knows what may be repeated) and gets a time-out for each request; its logger, which prints
answers, is silenced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from hubspot.crm.objects import Configuration
from hubspot.crm.objects.exceptions import ApiException
from hubspot.crm.objects.rest import RESTClientObject
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, SSLError

from syncd.sdk import errors, fence, protocol
from syncd_hubspot import limiter
from syncd_hubspot.options import Options

Json = dict[str, Any]
_NOT_SENT = (NewConnectionError, ConnectTimeoutError, NameResolutionError, SSLError)
_REMAINING = "X-HubSpot-RateLimit-Daily-Remaining"
_DAILY = "X-HubSpot-RateLimit-Daily"
logging.getLogger("hubspot.crm.objects.rest").disabled = True


class Refused(Exception):
    """HTTP 400 or 409: what was asked is wrong. `body` says how."""

    def __init__(self, body: Json) -> None:
        super().__init__("refused")
        self.body = body


class NotThere(Exception):
    """HTTP 404."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the portal says of itself."""

    id: str
    zone: ZoneInfo
    now: datetime


# Time zones of portals, by address and token: each stream that syncd reads has a connector of its own, and only one
# that reads people asks.
_zones: dict[str, ZoneInfo] = {}


class Api:
    """One portal."""

    def __init__(self, options: Options) -> None:
        self._options = options
        configuration = Configuration(host=options.url, ssl_ca_cert=options.ca_file)
        configuration.retries = False
        self._rest = RESTClientObject(configuration)
        token = options.token.get_secret_value()
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        key = hashlib.sha256(f"{options.url} {token}".encode()).hexdigest()
        self._all = limiter.shared(key, options.requests_per_10_seconds, 10.0)
        self._searches = limiter.shared(key + " search", options.searches_per_second, 1.0)
        self._key = key
        self._remaining: tuple[int, datetime] | None = None
        self._daily = 0
        self._timeout = (options.connect_seconds, options.read_seconds)

    # paths, by version

    def objects(self, kind: str, rest: str = "") -> str:
        """Path of an object type."""
        version = self._options.api_version
        return (f"/crm/v3/objects/{kind}" if version == "v3" else f"/crm/objects/{version}/{kind}") + rest

    def properties(self, kind: str, rest: str = "") -> str:
        """Path of a type's properties."""
        version = self._options.api_version
        return (f"/crm/v3/properties/{kind}" if version == "v3" else f"/crm/properties/{version}/{kind}") + rest

    def owners(self) -> str:
        """Path of the owners."""
        version = self._options.api_version
        return "/crm/v3/owners" if version == "v3" else f"/crm/owners/{version}"

    def associate(self, kind: str, other: str) -> str:
        """Path of default associations in batches."""
        version = self._options.api_version
        base = "/crm/v4/associations" if version == "v3" else f"/crm/associations/{version}"
        return f"{base}/{kind}/{other}/batch/associate/default"

    # requests

    def get(self, path: str, **query: str) -> Any:
        """JSON of a read. Raises AuthFailed, RetryLater, QuotaExhausted, Refused, NotThere."""
        return self._read("GET", path, None, list(query.items()))

    def ask(self, path: str, body: Json, *, search: bool = False, urgent: bool = False) -> Any:
        """JSON of a read by POST. Raises as `get`."""
        return self._read("POST", path, body, [], search=search, urgent=urgent)

    def _read(self, method: str, path: str, body: Json | None, query: list[tuple[str, str]], **how: bool) -> Any:
        try:
            return self._send(method, path, body, query, **how)[0]
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None  # a read changes nothing

    def write(self, path: str, body: Json, *, repeatable: bool = False, urgent: bool = False) -> Any:
        """JSON of a write. `repeatable`: the server makes sure that doing it twice is doing it once.

        Raises as `get`, and Ambiguous."""
        return self._send("POST", path, body, [], repeatable=repeatable, urgent=urgent)[0]

    def account(self) -> Account:
        """The portal's id, its time zone and its time. Raises AuthFailed, RetryLater."""
        try:
            body, headers = self._send("GET", "/account-info/v3/details", None, [], urgent=True)
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        now = parsedate_to_datetime(headers["Date"]).astimezone(UTC)
        zone = _zones[self._key] = _zone(body.get("timeZone"))
        return Account(str(body["portalId"]), zone, now)

    def _send(
        self,
        method: str,
        path: str,
        body: Json | None,
        query: Sequence[tuple[str, str]],
        *,
        search: bool = False,
        repeatable: bool = False,
        urgent: bool = False,
    ) -> tuple[Any, Mapping[str, str]]:
        self._keep_reserve(urgent=urgent)
        self._all.wait()
        if search:
            self._searches.wait()
        fence.check(sum(self._timeout))
        try:
            answer = self._rest.request(
                method,
                self._options.url.rstrip("/") + path,
                query_params=list(query) or None,
                headers=dict(self._headers),
                body=body,
                _request_timeout=self._timeout,
            )
        except ApiException as error:
            raise self._failure(error, repeatable=repeatable) from None
        except HTTPError as error:
            what = f"HubSpot: {type(error).__name__}"
            raise (errors.RetryLater(what) if isinstance(error, _NOT_SENT) else errors.Ambiguous(what)) from None
        headers: Mapping[str, str] = answer.getheaders()
        if headers.get(_REMAINING, "").isdecimal():
            self._remaining = int(headers[_REMAINING]), self._renewed()
        if headers.get(_DAILY, "").isdecimal():
            self._daily = int(headers[_DAILY])
        try:
            return (None if answer.status == 204 else json.loads(answer.data or "")), headers
        except ValueError:
            raise errors.Ambiguous("HubSpot gives an answer that is not JSON") from None

    def budget(self) -> protocol.Budget | None:
        """See `protocol.TellsBudget`."""
        if self._remaining is None or not self._daily:
            return None
        left, until = self._remaining
        return protocol.Budget(self._daily - left, self._daily, until)

    def _renewed(self) -> datetime:
        """When the day's requests are renewed; where nobody knows the portal's zone yet, when to ask again."""
        now, zone = datetime.now(UTC), _zones.get(self._key)
        return _midnight(now, zone) if zone is not None else now + timedelta(hours=1)

    def _keep_reserve(self, *, urgent: bool) -> None:
        if self._remaining is None or urgent:
            return
        left, until = self._remaining
        if left <= self._options.daily_reserve and datetime.now(UTC) < until:
            raise errors.QuotaExhausted("HubSpot's requests of today are used up but for the reserve", until=until)

    def _failure(self, error: ApiException, *, repeatable: bool) -> Exception:
        status, body = int(error.status or 0), _body(error)
        match status:
            case 0:  # TLS: the client library's way to say it
                return errors.RetryLater("HubSpot: TLS failed")
            case 400 | 409:
                return Refused(body)
            case 401:
                return errors.AuthFailed("HubSpot refuses the token", fix="make a new service key, set `token`")
            case 403:
                scopes = ", ".join(_scopes(body)) or "unknown"
                return errors.AuthFailed(f"HubSpot: the token lacks scopes: {scopes}", fix="grant them to the key")
            case 404:
                return NotThere()
            case 423:
                return errors.RetryLater("HubSpot: locked")
            case 429:
                return self._too_many(body, error.headers or {})
            case 503 if repeatable:
                return errors.RetryLater("HubSpot: HTTP 503")
            case _:
                return errors.Ambiguous(f"HubSpot: HTTP {status}")

    def _too_many(self, body: Json, headers: Mapping[str, str]) -> errors.SyncdError:
        policy = str(body.get("policyName", ""))
        if policy == "DAILY":
            return errors.QuotaExhausted("HubSpot's requests of today are used up", until=self._renewed())
        given = headers.get("Retry-After", "")
        after = float(given) if re.fullmatch(r"\d+(\.\d+)?", given) else 1.0 if policy == "SECONDLY" else 10.0
        return errors.RetryLater(f"HubSpot: too many requests ({policy or 'no policy named'})", after_seconds=after)

    def close(self) -> None:
        """Close connections."""
        self._rest.pool_manager.clear()


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """The next midnight of a zone."""
    tomorrow = (now.astimezone(zone) + timedelta(days=1)).date()
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)


def _body(error: ApiException) -> Json:
    try:
        found = json.loads(error.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _scopes(body: Json) -> list[str]:
    found: list[str] = []
    for one in body.get("errors") or ():
        found += (one.get("context") or {}).get("requiredGranularScopes", [])
    return [scope for scope in found if re.fullmatch(r"[a-z0-9._-]+", scope)]
