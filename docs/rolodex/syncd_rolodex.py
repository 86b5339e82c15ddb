"""A connector for Rolodex, a CRM with a small REST API: people out, what calls change and the calls themselves back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncd.sdk import errors, http, protocol, records

FIELDS: dict[str, dict[str, records.FieldInfo]] = {
    "leads": {
        "name": records.FieldInfo("text 40"),
        "phone": records.FieldInfo("text 20"),
        "do_not_call": records.FieldInfo("yes or no"),
        "last_result": records.FieldInfo("text 40"),
    },
    "calls": {
        "person": records.FieldInfo("id of a person"),
        "began_at": records.FieldInfo("instant"),
        "result": records.FieldInfo("text 40"),
    },
}


class RolodexOptions(BaseModel):
    """What the configuration says under `crm:`, beside `type: rolodex`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(description="Address of the server, for example https://rolodex.example.com")
    token: SecretStr = Field(description="Token of the API")
    page_size: int = Field(default=200, ge=1, le=500, description="People read at a time")
    read_seconds: float = Field(default=30.0, gt=0, description="How long an answer may take")


class RolodexConnector:
    """One Rolodex; see `syncd.sdk.protocol.Connector` for what each method must do."""

    Options: ClassVar[type[BaseModel]] = RolodexOptions
    role: ClassVar[protocol.Role] = "crm"
    EXAMPLE: ClassVar[protocol.Example] = protocol.Example(
        "url: https://rolodex.example.com\ntoken: ${credential:rolodex_token}\n",
        {
            "leads": "opt_out: {do_not_call: true}\nfields:\n  phone_number: phone\n  first_name: name\n",
            "calls": "fields:\n  person: crm_id\n  began_at: call_date\n  result: status\n",
            "dispositions": "fields:\n  last_result: status\n",
        },
    )
    streams: Mapping[str, records.StreamSpec] = {
        "leads": records.StreamSpec(writable=True, overlaps=((0.0, 60.0),), deletes="flag"),
        "calls": records.StreamSpec(readable=False, writable=True, upserts=True, key_field="key"),
    }

    def __init__(self, options: RolodexOptions, *, client: str) -> None:
        self._page_size = options.page_size
        headers = {"Authorization": f"Bearer {options.token.get_secret_value()}", "Content-Type": "application/json"}
        self._http = http.HttpClient(options.url, read_seconds=options.read_seconds, headers=headers)

    def clock(self) -> datetime:
        return records.instant(self._read("GET", "/time")["now"])

    def check(self) -> list[errors.Problem]:
        try:
            self.clock()
        except errors.AuthFailed as error:
            return [errors.Problem(str(error), "token", "make a new one in Rolodex")]
        except errors.SyncdError as error:
            return [errors.Problem(str(error), "url", "check that the server runs there")]
        return []

    def fields(self, stream: str) -> Mapping[str, records.FieldInfo]:
        return FIELDS[stream]

    def pull(
        self, stream: str, since: records.Cursor | None, until: datetime, fields: Sequence[str]
    ) -> Iterator[records.Page]:
        last = since or records.Cursor(datetime(1970, 1, 1, tzinfo=UTC))
        while True:
            asked = {"since": records.text(last.at), "after": last.id, "until": records.text(until)}
            query = urlencode({**asked, "limit": self._page_size})
            people = [self._record("leads", one) for one in self._read("GET", f"/people?{query}")["records"]]
            if people:
                last = records.Cursor(people[-1].modified or last.at, people[-1].id)
                yield records.Page(people, last)
            if len(people) < self._page_size:
                return

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[records.Record]:
        found = self._read("POST", f"{_PATHS[stream]}/read", {"ids": list(dict.fromkeys(ids))})
        return [self._record(stream, one) for one in found["records"]]

    def find(self, stream: str, key: records.SyncKey, near: records.Fields) -> list[records.Record]:
        return self.get(stream, [key.value]) if stream == "calls" else []  # people are never created

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        return [self._write(stream, change) for change in changes]

    def _write(self, stream: str, change: records.Change) -> records.Outcome:
        # PUT makes a call under its key or overwrites it: sent twice, it is one. PATCH finds the record or nothing.
        method, record_id = ("PUT", change.key.value) if change.kind == "create" else ("PATCH", change.id or "")
        body = {name: _json(stream, name, value) for name, value in change.fields.items()}
        try:
            self._ask(method, f"{_PATHS[stream]}/{quote(record_id, safe='')}", body)
        except errors.SyncdError as error:
            return records.Outcome(error=error)
        return records.Outcome(record_id)

    def close(self) -> None:
        self._http.close()

    def _record(self, stream: str, one: Mapping[str, Any]) -> records.Record:
        fields = {name: records.text(one.get(name)) for name in FIELDS[stream]}
        fields |= {"key": one["id"]} if stream == "calls" else {}
        return records.Record(one["id"], fields, records.instant(one["modified"]), one["deleted"])

    def _read(self, method: str, path: str, body: Any = None) -> Any:
        try:
            return self._ask(method, path, body)
        except errors.Ambiguous as error:  # a read applies nothing
            raise errors.RetryLater(str(error)) from None

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; the class of each error says what may have been applied, and what happens next."""
        answer = self._http.request(method, path, body=None if body is None else json.dumps(body).encode())
        match answer.status:
            case 200:
                try:
                    return json.loads(answer.body, parse_float=Decimal)
                except ValueError:
                    raise errors.Ambiguous("Rolodex gives an answer that is cut or empty") from None
            case 401 | 403:
                raise errors.AuthFailed("Rolodex refuses the token")
            case 404:
                raise errors.Missing("Rolodex has no such record")
            case 422:
                raise errors.Rejected([errors.Problem("Rolodex refuses the values", fix="see its rules")])
            case 429:
                after = answer.headers.get("retry-after", "")
                raise errors.RetryLater("too many requests", after_seconds=float(after) if after.isdigit() else None)
        raise errors.Ambiguous(f"Rolodex answers with {answer.status}")


_PATHS = {"leads": "/people", "calls": "/calls"}


def _json(stream: str, name: str, value: str | None) -> Any:
    """syncd's text as Rolodex has it: yes and no as JSON's own, all else as text."""
    info = FIELDS[stream].get(name)
    return value == "true" if info and info.type == "yes or no" and value in ("true", "false") else value
