"""What `config check` finds: login, object, the external id fields, API usage. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from syncd.sdk import errors
from syncd.sdk.errors import Problem
from syncd.sdk.records import KEY_LENGTH
from syncd_salesforce.api import Api
from syncd_salesforce.objects import Objects, select
from syncd_salesforce.options import SalesforceOptions
from syncd_salesforce.reading import Reader
from syncd_salesforce.tasks import planted
from syncd_salesforce.writing import Writer

_OLD = {
    "soap": "SOAP login() is off in new orgs and ends with the Summer '27 release",
    "password": "the OAuth username-password flow ends about February 2027",
}


def run(api: Api, objects: Objects, reader: Reader, options: SalesforceOptions) -> list[Problem]:
    """Everything that is found; after a refused login nothing more is tried."""
    found: list[Problem] = []
    if options.login in _OLD:
        fix = "use client credentials (client_id, client_secret) or JWT (client_id, username, private_key_file)"
        found.append(Problem(_OLD[options.login], "password", fix, fatal=False))
    for look in (_object, _condition, _keys, _usage):
        try:
            found += look(api, objects, reader, options)
        except errors.AuthFailed as error:
            return [*found, Problem(str(error), "client_id", error.fix)]
        except errors.UserError as error:
            found += error.problems
        except errors.SyncdError as error:
            return [*found, Problem(f"Salesforce cannot be asked: {error}", "url")]
    return found


def _object(api: Api, objects: Objects, reader: Reader, options: SalesforceOptions) -> Iterator[Problem]:
    known = objects.fields(options.object)
    if "SystemModstamp" not in known:
        yield Problem(f"{options.object} has no SystemModstamp, so its changes cannot be read", "object")
    for name, theirs in options.contact_fields.items():
        if name not in known or theirs not in objects.fields("Contact"):
            yield Problem(f"{name} is no field of {options.object}, or {theirs} none of Contact", "contact_fields")


def _condition(api: Api, objects: Objects, reader: Reader, options: SalesforceOptions) -> Iterator[Problem]:
    if options.where:
        try:
            reader.query(select(["Id"], options.object, f"({options.where})", "LIMIT 1"))
        except errors.UserError as error:
            yield Problem(f"Salesforce does not take the condition: {error.problems[0].what}", "where")


def _keys(api: Api, objects: Objects, reader: Reader, options: SalesforceOptions) -> Iterator[Problem]:
    used: dict[str, list[str]] = {}
    for stream in ("calls", "tasks"):
        if (name := options.external_id(stream)) is not None:
            used.setdefault(name, []).append(stream)
    for name, streams in used.items():
        field, where = objects.fields("Task", (name,)).get(name), f"{streams[0]}.key_field"
        longest = max(len(planted(stream, "")) for stream in streams) + KEY_LENGTH
        fix = "an administrator makes it on Activity: text 40, External ID, Unique, and lets the user edit it"
        if field is None or not field.external_id:
            yield Problem(f"Task has no external id field {name}", where, fix)
        elif not field.createable or not field.updateable:
            yield Problem(f"the user may not write Task.{name}", where, fix)
        elif field.length < longest:
            yield Problem(f"Task.{name} has room for {field.length} characters, a key may have {longest}", where, fix)
        elif not field.unique:
            yield Problem(f"Task.{name} is not unique", where, "tick Unique where the org offers it", fatal=False)


def _usage(api: Api, objects: Objects, reader: Reader, options: SalesforceOptions) -> Iterator[Problem]:
    budget = api.budget
    if budget.total and budget.used >= budget.total * 0.8:
        what = f"{budget.used} of {budget.total} daily API requests are used"
        yield Problem(what, "reserve", "see who uses them in Setup, API Usage", fatal=False)


def values(objects: Objects, writer: Writer, name: str, given: Mapping[str, Collection[str]]) -> list[Problem]:
    """What is wrong with fixed values of a mapping: restricted picklists, owners."""
    known = objects.fields(name, tuple(given))
    found = []
    for key, texts in given.items():
        field = known.get(key)
        for text in sorted(texts):
            if field is None:
                continue
            try:
                writer.user(text) if key == "OwnerId" else field.send(text)
            except ValueError as error:
                found.append(Problem(f"{text!r}: {error}", key))
                continue
            if field.values and text not in field.values:
                found.append(Problem(f"{text!r} is not among the values", key, f"one of {', '.join(field.values)}"))
    return found
