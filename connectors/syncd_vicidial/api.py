"""Requests to one VICIdial: POST only, the login guarded, every transport error by what it means."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote_plus

from syncd.sdk import errors, http
from syncd_vicidial import answers
from syncd_vicidial.logins import Logins
from syncd_vicidial.options import Options

_T = TypeVar("_T")
_R = TypeVar("_R")

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_ALONE = 2  # requests that go alone before the login is known to be good; more would let a slow server hold up all
_REFUSED = re.compile(r"ERROR: (?:NO FUNCTION SPECIFIED|[^\n:]* DOES NOT HAVE PERMISSION)")
_REFUSED_BY_SERVER = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)


class Api:
    """The non-agent API, the Agent API and the call export of one server, with one user.

    VICIdial locks a user out after ten wrong logins, so every request that carries the login goes through `logins`, the
    first ones go one at a time until one has shown that the login is good, and a refused one stops the batch that it
    belongs to. `client`: whose connector this is, for what an operator is told."""

    def __init__(self, options: Options, *, client: str = "") -> None:
        self.user = options.user
        self._options = options
        self._client = http.HttpClient(
            options.url,
            connections=options.connections,
            connect_seconds=options.connect_seconds,
            read_seconds=options.read_seconds,
            ca_file=options.ca_file,
            headers={"user-agent": "syncd"},
        )
        self.host, self.origin = self._client.host, self._client.origin
        self.refused: Callable[[str], None] = lambda function: None  # told of each function that is refused
        password = options.password.get_secret_value()
        self.logins = Logins(self.origin, options.user, password, client=client)
        self._login = _form((("source", options.source), *_passed(options, password)))
        basic = base64.b64encode(f"{options.user}:{password}".encode()).decode()
        self._basic = {**_FORM, "authorization": f"Basic {basic}"}

    def close(self) -> None:
        """Close all idle connections."""
        self._client.close()

    def write(self, function: str, parameters: Mapping[str, str]) -> list[answers.Line]:
        """Call a function that changes something and return the lines of its answer.

        Raises AuthFailed, RetryLater and LeaseLost where nothing was applied, Ambiguous where it may have been."""
        answer, text = self._post(function, parameters)
        lines = answers.parse(text)
        if answer.status != HTTPStatus.OK:
            if any(line.kind == "SUCCESS" for line in lines) or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise answers.unclear(answer)
            raise self._turned_away(answer)
        if not lines or answers.is_html(text) or not _is_whole(answer):
            raise answers.unclear(answer)
        return lines

    def read(self, function: str, parameters: Mapping[str, str], *, printed_first: bool = False) -> str:
        """Call a function that changes nothing and return the text of its answer, ERROR lines included.

        printed_first: the function prints its answer before it logs it, so that what a server whose PHP raises on SQL
        errors says with HTTP 500 is the answer as well: the log's SQL breaks at an apostrophe.

        Raises AuthFailed, RetryLater (Stopped where PHP stopped with nothing said), LeaseLost."""
        try:
            answer, text = self._post(function, parameters)
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            if not printed_first or not text or "Fatal error" in text:
                raise answers.Stopped(str(self._turned_away(answer)))
        elif answer.status != HTTPStatus.OK:
            raise self._turned_away(answer)
        if answers.is_html(text) and not answers.parse(text):
            raise errors.RetryLater(
                f"{self.host} answers {function} with a web page; check the options url and api_path"
            )
        return text

    def agent(self, function: str, parameters: Mapping[str, str]) -> str:
        """Call a function of the Agent API and return the text of its answer, ERROR lines and an empty one included.

        Raises AuthFailed, RetryLater and LeaseLost where nothing was done, Ambiguous where it may have been."""
        answer, text = self._post(function, parameters, self._options.agent_api_path)
        if answer.status != HTTPStatus.OK:
            said = any(line.kind == "SUCCESS" for line in answers.parse(text))
            if said or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise answers.unclear(answer)
            raise self._turned_away(answer, "url and agent_api_path")
        if answers.is_html(text) or not _is_whole(answer):
            raise answers.unclear(answer)
        return text

    def probe(self, function: str, parameters: Mapping[str, str], *, agent: bool = False) -> str:
        """Call a function in a way that cannot change anything, to see what becomes of it; `agent`: of the Agent API.
        Returns the text of the answer, ERROR lines included. Raises AuthFailed, RetryLater, LeaseLost."""
        try:
            answer, text = self._post(function, parameters, self._options.agent_api_path if agent else None)
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        if answer.status != HTTPStatus.OK:
            raise self._turned_away(answer, "url and agent_api_path") if agent else self._turned_away(answer)
        return text

    def version(self) -> str:
        """The answer of `version`, which needs no login (and sends none). Raises RetryLater, LeaseLost."""
        body = _form((("source", self._options.source), ("function", "version"))).encode()
        try:
            answer = self._client.request("POST", self._options.api_path, body=body, headers=_FORM)
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        if answer.status != HTTPStatus.OK:
            raise self._turned_away(answer)
        return answer.text()

    def export(self, parameters: Sequence[tuple[str, str]]) -> bytes:
        """The call export's answer, by HTTP Basic. Raises AuthFailed, RetryLater, LeaseLost."""
        body = _form(parameters).encode()
        try:
            with self.logins.turn(self._client.timeout_seconds) as turn:
                answer = self._client.request("POST", self._options.export_path, body=body, headers=self._basic)
                # An export's own rows never start like this; only its beginning is looked at, since it may be large.
                beginning = answer.body[:200].decode("utf-8", "replace")
                refused = answers.refused_login(beginning, self.user)
                if refused is not None:
                    raise turn.judged(refused)
                if _let_in(answer, beginning) or "not allowed to view this report" in beginning:
                    turn.good()
                elif _is_from_elsewhere(answer):
                    turn.uncounted()
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        if answer.status not in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED):
            raise self._turned_away(answer)
        return answer.body

    def admin_page(self) -> str:
        """The beginning of a page of the admin interface that shows nothing but a licence, by HTTP Basic; "" where it
        does not answer. Raises LoginRefused, RetryLater, LeaseLost."""
        path = self._options.export_path.rpartition("/")[0] + "/admin.php"
        try:
            with self.logins.turn(self._client.timeout_seconds) as turn:
                answer = self._client.request("POST", path, body=b"ADD=999995", headers=self._basic)
                text = answer.text()[:4000]
                refused = answers.refused_login(text[:200], self.user)
                if refused is not None:
                    raise turn.judged(refused)
                turn.uncounted()
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        moved = HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST
        return "<html>" if moved else text if answer.status == HTTPStatus.OK else ""

    def each(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R | errors.SyncdError]:
        """`work` over the items, several in flight, results or errors in order.

        After AuthFailed or LeaseLost nothing more is begun: the rest gets RetryLater."""
        halted = threading.Event()

        def one(item: _T) -> _R | errors.SyncdError:
            if halted.is_set():
                return errors.RetryLater("not sent: an earlier request of the batch was refused")
            try:
                return work(item)
            except (errors.AuthFailed, errors.LeaseLost) as error:
                halted.set()
                return error
            except errors.SyncdError as error:
                return error

        results: list[_R | errors.SyncdError] = []
        while len(results) < min(_ALONE, len(items)) and not self.logins.is_good:
            results.append(one(items[len(results)]))
        rest = items[len(results) :]
        return results + http.in_flight(one, rest, workers=self._options.connections)

    def all(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """`work` over the items, several in flight, results in order; the first error in order is raised."""
        done: list[_R] = []
        for result in self.each(work, items):
            if isinstance(result, errors.SyncdError):
                raise result
            done.append(result)
        return done

    def _post(self, function: str, parameters: Mapping[str, str], path: str | None = None) -> tuple[http.Answer, str]:
        name = self._options.name_of(function)
        if name is None:
            raise errors.AuthFailed(f"the option `functions` says not to use {function}", fix="take it out of there")
        body = f"{self._login}&function={name}&{_form(parameters.items())}".encode()
        with self.logins.turn(self._client.timeout_seconds) as turn:
            answer = self._client.request("POST", path or self._options.api_path, body=body, headers=_FORM)
            text = answer.text()
            refused = answers.refused_login(text, self.user)
            if refused is not None:
                raise turn.judged(refused)
            if _is_from_elsewhere(answer) or (path is not None and answer.status == HTTPStatus.OK):
                turn.uncounted()  # the Agent API takes users of any level: what is good there may be refused here
            elif _let_in(answer, text):
                turn.good()
        if _REFUSED.match(text):
            self.refused(function)
        return answer, text

    def _turned_away(self, answer: http.Answer, paths: str = "url, api_path and export_path") -> errors.SyncdError:
        """The error of an HTTP status with which the web server answered instead of the function."""
        what = f"{self.host} answers with HTTP {answer.status}"
        if answer.status in _REFUSED_BY_SERVER:
            return errors.AuthFailed(what, fix="the web server in front of VICIdial refuses access to this machine")
        if answer.status == HTTPStatus.NOT_FOUND:
            what += f"; check the options {paths}"
        after = answer.headers.get("retry-after", "")
        return errors.RetryLater(what, after_seconds=float(after) if after.isdigit() else None)


def _let_in(answer: http.Answer, text: str) -> bool:
    """Whether an answer that does not refuse the login comes from behind it; with HTTP 500, too, what was said before
    the SQL of the log broke."""
    if answer.status not in (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR) or "Fatal error" in text:
        return False
    return text.strip() != "" and not answers.is_html(text)


def _is_from_elsewhere(answer: http.Answer) -> bool:
    """Whether the web server, or one in front of it, answers instead of VICIdial: nobody has looked at the login."""
    return HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or (
        answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    )


def _passed(options: Options, password: str) -> list[tuple[str, str]]:
    """User and password as the API takes them; the guide's form is the only one that knows `pass_type`."""
    if options.login_form == "md5":
        told = hashlib.md5(f"VICIDIAL{password}".encode()).hexdigest()  # noqa: S324  # the guide's form, no protection
        return [("user", options.user), ("pass_type", "MD5"), ("pass", told)]
    return [("user", options.user), ("pass", password)]


def _form(pairs: Iterable[tuple[str, str]]) -> str:
    """The pairs as a form; most values need no quoting, and finding that out is cheaper than to quote them."""
    return "&".join(f"{name}={value if _PLAIN(value) else quote_plus(value)}" for name, value in pairs)


def _is_whole(answer: http.Answer) -> bool:
    """Whether the body's end is known; of a body that ends with the connection, only a closing line end tells."""
    framed = "content-length" in answer.headers or "chunked" in answer.headers.get("transfer-encoding", "").lower()
    return framed or answer.body.endswith(b"\n")
