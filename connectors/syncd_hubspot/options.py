"""The HubSpot part of a client's configuration."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Calls(BaseModel):
    """How calls are kept apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_property: str = Field(
        default="vicidial_call_id",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Unique property of calls that holds the call's key; `syncd setup` makes it",
    )


class Tasks(BaseModel):
    """How tasks are kept apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_property: str = Field(
        default="vicidial_callback_id",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Unique property of tasks that holds the callback's key; `syncd setup` makes it",
    )


class Options(BaseModel):
    """How to reach one HubSpot portal, and what of it is kept in step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = Field(description="Service key or private app token")
    object: str = Field(
        default="contacts",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="What the people are: contacts, leads, or the type id or name of a custom object",
    )
    calls: Calls | None = Field(default=None, description="Write calls; leave it out to write none")
    tasks: Tasks | None = Field(default=None, description="Write a task for each callback; leave it out to write none")
    portal: str | None = Field(
        default=None, pattern=r"^\d+$", description="The portal's id; `config check` says if the token is of another"
    )
    api_version: str = Field(
        default="2026-03", pattern=r"^(v3|\d{4}-\d{2})$", description="Version of the API in its paths: v3, or a date"
    )
    url: str = Field(default="https://api.hubapi.com", description="Address of the API", pattern="^https?://[^@]+$")
    requests_per_10_seconds: int = Field(
        default=100, ge=10, le=100_000, description="Own limit: 190 for Professional and Enterprise, 100 for others"
    )
    searches_per_second: int = Field(default=5, ge=2, le=1000, description="Own limit of searches")
    daily_reserve: int = Field(
        default=1000, ge=0, description="Requests of a day that are kept for removals and do-not-call marks"
    )
    overlap_seconds: float = Field(
        default=600.0, ge=0, description="How far back each read looks, since search sees changes late"
    )
    archived_seconds: float = Field(
        default=900.0, ge=0, description="How often archived records are listed, at most; one request per 100 of them"
    )
    connect_seconds: float = Field(default=5.0, gt=0, description="How long connecting may take")
    read_seconds: float = Field(default=30.0, gt=0, description="How long an answer may take")
    find_lag_seconds: float = Field(default=120.0, ge=0, description="How much later a request may still be applied")
    ca_file: str | None = Field(default=None, description="File with the certificates to trust instead of the system's")

    @property
    def key_properties(self) -> Mapping[str, str]:
        """Each activity that is written → its unique property."""
        written = {"calls": self.calls, "tasks": self.tasks}
        return {kind: one.key_property for kind, one in written.items() if one is not None}

    def identity(self) -> str:
        """Which portal and which people: another one needs another store."""
        return f"{self.url} {self.portal or ''} {self.object}"
