"""The adapter under simple-salesforce: base URL, time-outs, the fence, limit accounting, transport errors by meaning.

simple-salesforce has no default time-out and builds addresses of *.salesforce.com by itself; all of them go to the
configured My Domain address, which serves logins, REST and bulk alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from syncd.sdk import errors, fence
from syncd_salesforce.budget import Budget
from syncd_salesforce.options import SalesforceOptions

_LOGIN = ("/services/oauth2/", "/services/Soap/")
_FREE = (*_LOGIN, "/services/data/?")


class Transport(HTTPAdapter):
    """Sends each request of a session."""

    def __init__(self, options: SalesforceOptions, budget: Budget) -> None:
        super().__init__(pool_connections=2, pool_maxsize=4, max_retries=0)
        self._base, self._budget = options.url, budget
        self._timeout = (options.connect_seconds, options.read_seconds)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read the whole answer. Raises RetryLater where nothing can have been applied, Ambiguous
        where it may have been, QuotaExhausted, LeaseLost."""
        del stream, timeout
        parts = urlsplit(request.url or "")
        path = f"{parts.path}?{parts.query}"
        if not path.startswith(_FREE):
            self._budget.check()
        fence.check(sum(self._timeout))
        request.url = f"{self._base}{path.removesuffix('?')}"
        request.headers["Host"] = urlsplit(self._base).netloc
        request.headers["User-Agent"] = "syncd"
        try:
            answer = super().send(
                request, stream=False, timeout=self._timeout, verify=verify, cert=cert, proxies=dict(proxies or {})
            )
            _ = answer.content  # a broken body is found here, not by whoever looks at it
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise errors.RetryLater(f"Salesforce: {type(error).__name__}") from None
        except requests.RequestException as error:
            if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
                raise errors.RetryLater("Salesforce: no connection") from None
            raise errors.Ambiguous(f"Salesforce: {type(error).__name__}") from None
        self._budget.note(answer.headers.get("Sforce-Limit-Info", ""))
        if answer.is_redirect:
            raise errors.RetryLater("Salesforce redirects to another address; use the My Domain address as url")
        return answer


def session(options: SalesforceOptions, budget: Budget) -> requests.Session:
    """A session whose every request goes through the transport; the environment's proxies and CA files do not count."""
    made = requests.Session()
    made.trust_env = False
    made.verify = options.ca_file or True
    if options.proxy:
        made.proxies = {"http": options.proxy, "https": options.proxy}
    transport = Transport(options, budget)
    made.mount("https://", transport)
    made.mount("http://", transport)
    return made
