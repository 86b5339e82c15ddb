"""What would keep the connector from working, and what `syncd setup` can make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from syncd.sdk import errors, protocol
from syncd_hubspot.api import Api, NotThere, Refused
from syncd_hubspot.options import Options
from syncd_hubspot.schema import Schema
from syncd_hubspot.writing import problems as refusal_problems

# Of each activity: the label of its unique property, and the group that the property belongs to.
_MADE = {"calls": ("VICIdial call id", "call"), "tasks": ("VICIdial callback id", "task")}


class Checker:
    """Looks, and makes the unique properties."""

    def __init__(self, api: Api, schema: Schema, options: Options) -> None:
        self._api = api
        self._schema = schema
        self._options = options

    def run(self) -> list[errors.Problem]:
        """See `protocol.Connector.check`."""
        found: list[errors.Problem] = []
        try:
            account = self._api.account()
            if self._options.portal not in (None, account.id):
                what = f"the token belongs to portal {account.id}"
                return [errors.Problem(what, "portal", "use a token of the portal that is meant")]
            self._schema.properties(self._options.object)
        except errors.UserError as error:
            return list(error.problems)
        except errors.SyncdError as error:
            return [errors.Problem(str(error), "token", getattr(error, "fix", ""))]
        found += self._needs("object", lambda: self._api.get(self._api.objects(self._options.object), limit="1"))
        found += self._needs("object", lambda: self._write_right(self._options.object))
        for kind, name in self._options.key_properties.items():
            found += self._needs(kind, partial(self._write_right, kind))
            found += self._needs(kind, partial(self._key_property, kind, name))
        return found

    def _needs(self, where: str, look: Callable[[], object]) -> list[errors.Problem]:
        try:
            look()
        except errors.UserError as error:
            return list(error.problems)
        except errors.SyncdError as error:
            return [errors.Problem(str(error), where, getattr(error, "fix", ""))]
        except (Refused, NotThere):
            return [errors.Problem("HubSpot refuses the request", where, "check the object's name")]
        return []

    def _write_right(self, kind: str) -> None:
        """An update of nothing is refused with 403 where the scope is missing, with 400 where it is there."""
        try:
            self._api.write(self._api.objects(kind, "/batch/update"), {"inputs": []})
        except Refused:
            return

    def _key_property(self, kind: str, name: str) -> None:
        definition = self._schema.properties(kind).get(name)
        if definition is None:
            problem = errors.Problem(f"{kind} have no property {name}", _option(kind), "run `syncd setup`")
            raise errors.UserError([problem])
        if not definition.get("hasUniqueValue"):
            what, fix = f"the property {name} does not have unique values", "name another, and run `syncd setup`"
            raise errors.UserError([errors.Problem(what, _option(kind), fix)])

    def missing(self) -> list[protocol.Step]:
        """See `protocol.SetsUp.missing`."""
        return [
            protocol.Step(_option(kind), f"make the property {name} of {kind}: single-line text with unique values")
            for kind, name in self._options.key_properties.items()
            if name not in self._schema.properties(kind)
        ]

    def set_up(self, step: protocol.Step) -> None:
        """See `protocol.SetsUp.set_up`."""
        steps = {_option(kind): (kind, name) for kind, name in self._options.key_properties.items()}
        if step.id not in steps:
            raise errors.Rejected([errors.Problem("no such step")])
        kind, name = steps[step.id]
        label, group = _MADE[kind]
        body = {
            "name": name,
            "label": label,
            "type": "string",
            "fieldType": "text",
            "groupName": group,
            "hasUniqueValue": True,
        }
        self._schema.forget()
        try:
            self._api.write(self._api.properties(kind), body)
        except Refused as refusal:
            if refusal.body.get("category") != "OBJECT_ALREADY_EXISTS":
                raise errors.Rejected(refusal_problems(refusal.body)) from None
        except (errors.Ambiguous, NotThere):
            raise errors.RetryLater("HubSpot does not say whether the property was made; run it again") from None


def _option(kind: str) -> str:
    return f"{kind}.key_property"
