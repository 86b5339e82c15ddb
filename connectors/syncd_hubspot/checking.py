"""What would keep the connector from working, and what `syncd setup` can make."""

from __future__ import annotations

from collections.abc import Callable

from syncd.sdk import errors, protocol
from syncd_hubspot.api import Api, NotThere, Refused
from syncd_hubspot.options import Options
from syncd_hubspot.schema import Schema
from syncd_hubspot.writing import problems as refusal_problems

_STEP = "calls.key_property"


class Checker:
    """Looks, and makes the unique property."""

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
        if self._options.calls is not None:
            found += self._needs("calls", lambda: self._write_right("calls"))
            found += self._needs("calls", self._key_property)
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

    def _key_property(self) -> None:
        if self._options.calls is None:
            return
        name = self._options.calls.key_property
        definition = self._schema.properties("calls").get(name)
        if definition is None:
            problem = errors.Problem(f"calls have no property {name}", "calls.key_property", "run `syncd setup`")
            raise errors.UserError([problem])
        if not definition.get("hasUniqueValue"):
            what, fix = f"the property {name} does not have unique values", "name another, and run `syncd setup`"
            raise errors.UserError([errors.Problem(what, "calls.key_property", fix)])

    def missing(self) -> list[protocol.Step]:
        """See `protocol.SetsUp.missing`."""
        if self._options.calls is None or self._options.calls.key_property in self._schema.properties("calls"):
            return []
        name = self._options.calls.key_property
        return [protocol.Step(_STEP, f"make the property {name} of calls: single-line text with unique values")]

    def set_up(self, step: protocol.Step) -> None:
        """See `protocol.SetsUp.set_up`."""
        if step.id != _STEP or self._options.calls is None:
            raise errors.Rejected([errors.Problem("no such step")])
        body = {
            "name": self._options.calls.key_property,
            "label": "VICIdial call id",
            "type": "string",
            "fieldType": "text",
            "groupName": "call",
            "hasUniqueValue": True,
        }
        self._schema.forget()
        try:
            self._api.write(self._api.properties("calls"), body)
        except Refused as refusal:
            if refusal.body.get("category") != "OBJECT_ALREADY_EXISTS":
                raise errors.Rejected(refusal_problems(refusal.body)) from None
        except (errors.Ambiguous, NotThere):
            raise errors.RetryLater("HubSpot does not say whether the property was made; run it again") from None
