"""What the customer says about the org: address, login, the object that is dialled, where calls and callbacks go,
limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Login = Literal["client_credentials", "jwt", "password", "soap"]


class CallsOptions(BaseModel):
    """How a call becomes a Task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_field: Name | None = Field(
        default=None,
        description="External id field of Task (made on Activity: text 40, External ID, Unique), e.g. Syncd_Call__c. "
        "Without it the key is put into CallObject and looked up before a call is sent again",
    )
    subject: str = Field(default="Call", max_length=255, description="Subject of a Task where none is mapped")
    status: str = Field(default="Completed", description="Status of a Task where none is mapped")


class TasksOptions(BaseModel):
    """How a callback becomes a Task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_field: Name | None = Field(
        default=None,
        description="External id field of Task for the callback's key; may be that of calls. Without it the key is put "
        "into CallObject and looked up before a callback is sent again",
    )
    subject: str = Field(default="Callback", max_length=255, description="Subject of a Task where none is mapped")


class SalesforceOptions(BaseModel):
    """A Salesforce org as a CRM."""

    # A refused value could be a secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(description="My Domain address of the org, for example https://acme.my.salesforce.com")
    client_id: str | None = Field(
        default=None, description="Consumer key of the connected app (client credentials, JWT)"
    )
    client_secret: SecretStr | None = Field(default=None, description="Consumer secret of the connected app")
    username: str | None = Field(default=None, description="User to act as (JWT and the old logins)")
    private_key_file: Path | None = Field(
        default=None, description="PEM file with the private key whose certificate the connected app knows (JWT)"
    )
    password: SecretStr | None = Field(default=None, description="Password of an old login; it stops working in 2027")
    security_token: SecretStr | None = Field(default=None, description="Security token of an old login")
    sandbox: bool = Field(default=False, description="Whether the org is a sandbox (JWT tokens are then for `test`)")
    api_version: str = Field(default="62.0", pattern=r"^\d\d\.0$", description="Version of the REST API")
    object: Name = Field(default="Lead", description="Object whose records are dialled; it needs SystemModstamp")
    where: str | None = Field(
        default=None,
        description="SOQL condition that records must meet, e.g. Country = 'US'. A record that leaves it leaves "
        "dialling once it is changed itself; a change of a related record or the passing of time is not noticed",
    )
    contact_fields: dict[Name, Name] = Field(
        default_factory=dict,
        description="For converted leads: lead field → contact field, where the two have different names",
    )
    calls: CallsOptions = Field(default_factory=CallsOptions, description="How calls become Tasks")
    tasks: TasksOptions = Field(default_factory=TasksOptions, description="How callbacks become Tasks")
    time_zone: str = Field(
        default="UTC",
        description="Time zone of days, for example America/New_York: an instant that is mapped to a date "
        "(ActivityDate) becomes its day there",
    )
    overlap_seconds: float = Field(
        default=600.0, ge=0, description="How far each run reads back, for changes that were committed late"
    )
    bulk_above: int = Field(
        default=20_000, ge=2000, description="Reads of more records than this go through Bulk API 2.0"
    )
    bulk_seconds: float = Field(default=600.0, ge=1, description="How long a bulk query may take")
    reserve: float = Field(
        default=0.05, ge=0, lt=1, description="Share of the org's daily API requests that only urgent changes may use"
    )
    connect_seconds: float = Field(default=5.0, gt=0, description="How long connecting may take")
    read_seconds: float = Field(default=60.0, gt=0, description="How long an answer may take")
    ca_file: str | None = Field(default=None, description="File with the certificates to trust instead of the system's")
    proxy: str | None = Field(default=None, description="Address of an HTTP proxy; the environment is not looked at")

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or parts.username or parts.scheme not in (("http", "https") if loopback else ("https",)):
            raise ValueError("write it like https://acme.my.salesforce.com, without a user")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"unknown time zone {value!r}; use a name like America/New_York") from None
        return value

    @field_validator("where")
    @classmethod
    def _condition(cls, value: str | None) -> str | None:
        plain = re.sub(r"'(?:[^'\\]|\\.)*'", "", value or "", flags=re.DOTALL)
        if "'" in plain or plain.count("(") != plain.count(")"):
            raise ValueError("quotes or parentheses do not match")
        if re.search(r"\b(order\s+by|limit|select\s+id\s*,|group\s+by)\b", plain, re.IGNORECASE):
            raise ValueError("only a condition, as it stands between WHERE and ORDER BY")
        return value

    @model_validator(mode="after")
    def _has_a_login(self) -> SalesforceOptions:
        _ = self.login
        return self

    def key_field(self, stream: str) -> str:
        """The field of Task that holds the keys of "calls" or "tasks"."""
        return self.external_id(stream) or "CallObject"

    def external_id(self, stream: str) -> str | None:
        """The same, if it is an external id field."""
        return (self.calls if stream == "calls" else self.tasks).key_field

    @property
    def login(self) -> Login:
        """How to log in, by what is configured."""
        if self.client_id and self.username and self.private_key_file:
            return "jwt"
        if self.username and self.password:
            return "password" if self.client_id and self.client_secret else "soap"
        if self.client_id and self.client_secret:
            return "client_credentials"
        raise ValueError(
            "no whole login: give client_id and client_secret (client credentials), or client_id, username and "
            "private_key_file (JWT)"
        )
