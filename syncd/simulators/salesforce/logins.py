"""Logins: OAuth tokens by client credentials, JWT bearer and password, and the partner SOAP login.

The known application and user are in `APP` and `USER`. A JWT counts only if its certificate's key was registered
(state `jwt_public_key`, PEM). Source: OAuth 2.0 flows in Salesforce Help.
"""

import base64
import itertools
import json
import re
import time
from collections.abc import Mapping
from html import unescape
from typing import Any

import jwt

from syncd.simulators.common.wire import JSON, HttpAnswer, HttpRequest

APP = {"id": "simulated-consumer-key", "secret": "simulated-consumer-secret"}
USER = {"username": "syncd@example.com", "password": "simulated-Password1", "token": "SecurityToken1"}
TOKEN_SECONDS = 7200.0
_SOAP = "text/xml; charset=utf-8"


class Logins:
    """The tokens that are valid."""

    def __init__(self, state: Mapping[str, Any], url: str) -> None:
        self.url = url
        self.public_key = str(state.get("jwt_public_key", ""))
        self.granted = 0
        self._tokens: dict[str, float] = {}
        self._numbers = itertools.count(1)

    def is_valid(self, request: HttpRequest) -> bool:
        """Whether a request carries a token that is still good."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._tokens.get(token, 0.0) > time.time()

    def end_sessions(self) -> None:
        """All tokens are revoked."""
        self._tokens.clear()

    def token(self, request: HttpRequest) -> HttpAnswer:
        """POST /services/oauth2/token."""
        given = dict(request.pairs())
        grant = given.get("grant_type", "")
        basic = request.basic_login()
        app = (given.get("client_id") or basic[0], given.get("client_secret") or basic[1])
        if request.method != "POST":
            return _refused("invalid_request", "must use HTTP POST")
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return self._jwt(given.get("assertion", ""))
        if grant not in ("client_credentials", "password"):
            return _refused("unsupported_grant_type", "grant type not supported")
        if app != (APP["id"], APP["secret"]):
            return _refused("invalid_client", "invalid client credentials")
        known = (USER["username"], USER["password"] + USER["token"])
        if grant == "password" and (given.get("username"), given.get("password")) != known:
            return _refused("invalid_grant", "authentication failure")
        return self._grant()

    def _jwt(self, assertion: str) -> HttpAnswer:
        try:
            claims = jwt.decode(
                assertion, self.public_key, algorithms=["RS256"], options={"verify_aud": False, "require": ["exp"]}
            )
        except (jwt.PyJWTError, ValueError):
            return _refused("invalid_grant", "invalid assertion")
        if claims.get("iss") != APP["id"] or claims.get("sub") != USER["username"]:
            return _refused("invalid_grant", "user hasn't approved this consumer")
        if claims.get("aud") not in ("https://login.salesforce.com", "https://test.salesforce.com", self.url):
            return _refused("invalid_grant", "audience is invalid")
        return self._grant()

    def _new(self) -> str:
        self.granted += 1
        token = "00D!" + base64.urlsafe_b64encode(f"token{next(self._numbers):08d}".encode()).decode()
        self._tokens[token] = time.time() + TOKEN_SECONDS
        return token

    def _grant(self) -> HttpAnswer:
        told = {
            "access_token": self._new(),
            "instance_url": self.url,
            "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
        }
        return HttpAnswer(200, json.dumps(told).encode(), JSON)

    def soap(self, request: HttpRequest) -> HttpAnswer:
        """POST /services/Soap/u/… with a login envelope."""
        text = request.body.decode("utf-8", "replace")
        found = [re.search(rf"<(?:\w+:)?{name}>(.*?)</", text, re.DOTALL) for name in ("username", "password")]
        given = [unescape(one[1]) if one else "" for one in found]
        if given != [USER["username"], USER["password"] + USER["token"]]:
            fault = (
                '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
                'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault>'
                "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"
                "<sf:exceptionMessage>Invalid username, password, security token</sf:exceptionMessage>"
                "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
            )
            return HttpAnswer(500, fault.encode(), _SOAP)
        host = self.url.partition("://")[2]
        good = (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><loginResponse>'
            f"<result><serverUrl>https://{host}/services/Soap/u/62.0/00D</serverUrl>"
            f"<sessionId>{self._new()}</sessionId></result></loginResponse></soapenv:Body></soapenv:Envelope>"
        )
        return HttpAnswer(200, good.encode(), _SOAP)


def _refused(error: str, what: str) -> HttpAnswer:
    return HttpAnswer(400, json.dumps({"error": error, "error_description": what}).encode(), JSON)
