"""What a change asks for: columns of the lead, custom fields of its list, the exact e-mail; what it cannot ask for."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.sdk import errors, records
from syncd_vicidial import answers, callbacks, custom, text
from syncd_vicidial.names import HOPPER_FIELD, KEY_FIELD, MARKER_FIELD
from syncd_vicidial.options import Options

NOT_COLUMNS = frozenset({HOPPER_FIELD, *callbacks.NAMES})  # written with a lead, but not into it
_KNOWN = text.FIELDS.keys() | NOT_COLUMNS


class Mapped:
    """Takes changes apart."""

    def __init__(self, options: Options, fields: custom.CustomFields) -> None:
        self._options = options
        self._custom = fields

    def split(self, change: records.Change) -> tuple[records.Fields, records.Fields]:
        """The lead's columns and the custom fields of a change.

        Raises Rejected for what VICIdial has not or would spoil; AuthFailed, RetryLater where it cannot be known."""
        columns = {name: value for name, value in change.fields.items() if name in _KNOWN}
        rest = {name: value for name, value in change.fields.items() if name not in _KNOWN}
        reserved = {KEY_FIELD} | ({MARKER_FIELD} if change.key.marker is not None else set())
        problems = [
            errors.Problem(f"{name} holds what syncd finds the lead by", name, "map another field")
            for name in sorted(columns.keys() & reserved)
        ]
        problems += self._of_custom(rest)
        if "+" in (columns.get("email") or "") and self._options.plus_emails == "hold":
            problems.append(
                errors.Problem(
                    "VICIdial makes a blank of the + in the e-mail",
                    "email",
                    "correct the e-mail in the CRM, or choose another `plus_emails`",
                )
            )
        if problems:
            raise errors.Rejected(problems)
        return columns, rest

    def of_list(self, list_id: str, columns: records.Fields, rest: records.Fields) -> dict[str, str | None]:
        """The custom fields to write to a lead of this list; those that the list has not are left out.

        Raises Rejected where the exact e-mail has no place; AuthFailed, RetryLater."""
        exact = self._options.exact_email
        if not rest and (exact is None or "email" not in columns):
            return {}
        labels = self._custom.labels(list_id)
        wanted = {name: value for name, value in rest.items() if name in labels}
        if exact is not None and "email" in columns:
            email = columns["email"]
            if exact in labels:
                wanted[exact] = text.plus_encoded(email or "")
            elif "+" in (email or ""):
                problem = errors.Problem(
                    f"VICIdial makes a blank of the + in the e-mail, and list {list_id} has no custom field {exact}",
                    "email",
                    f"add the field {exact} to the list in VICIdial, or choose another `plus_emails`",
                )
                raise errors.Rejected([problem])
        return wanted

    def _of_custom(self, rest: Mapping[str, str | None]) -> list[errors.Problem]:
        """What is wrong with names that are no columns of leads."""
        if not rest:
            return []
        problems = [
            errors.Problem(f"VICIdial's leads have no field {name} that can be written", name, "map another field")
            for name in sorted(rest.keys() & custom.STANDARD)
        ]
        problems += reserved(rest, self._options.exact_email)
        others = rest.keys() - {problem.where for problem in problems}
        try:
            unknown = self._custom.unknown(others) if others else []
        except answers.LoginRefused:
            raise
        except errors.AuthFailed as error:
            names = ", ".join(sorted(others))
            raise errors.AuthFailed(f"whether lists have the custom fields {names}: {error}", fix=error.fix) from None
        problems += [
            errors.Problem(
                f"VICIdial's leads have no field {name}, and no list has a custom field of that name",
                name,
                "correct the mapping, or add the field to the list in VICIdial",
            )
            for name in unknown
        ]
        return problems


def reserved(names: Mapping[str, object], exact_email: str | None) -> list[errors.Problem]:
    """The names among these that no custom field in a mapping can have."""
    problems = [
        errors.Problem(
            f"a custom field {name} cannot be written: VICIdial's API takes the name for a word of its own",
            name,
            "give the field another label in VICIdial",
        )
        for name in sorted(names.keys() & custom.RESERVED)
    ]
    if exact_email is not None and exact_email in names:
        problems.append(
            errors.Problem(f"{exact_email} holds the exact e-mail (`plus_emails`)", exact_email, "map another field")
        )
    return problems
