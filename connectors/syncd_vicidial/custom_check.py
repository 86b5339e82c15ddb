"""Whether the lists that a mapping puts leads into have the custom fields that it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from syncd.sdk import errors
from syncd_vicidial import custom, mapped
from syncd_vicidial.options import Options

_MOST_NAMED = 5  # lists in a text for people


def problems(
    fields: custom.CustomFields, options: Options, values: Mapping[str, Collection[str]]
) -> list[errors.Problem]:
    """What is wrong with the names among `values` (mapped field → fixed values) that are no columns of leads. A name
    that no list has is left to whoever knows all names."""
    wanted = sorted(custom.labels_in(values.keys()))
    found = mapped.reserved(dict.fromkeys(wanted), options.exact_email)
    wrong = {problem.where for problem in found}
    asked = [(name, name) for name in wanted if name not in wrong]
    if options.exact_email is not None and "email" in values:
        asked.append((options.exact_email, "email"))
    if not asked:
        return found
    try:
        lists = fields.lists()
    except errors.SyncdError as error:
        fix = error.fix if isinstance(error, errors.AuthFailed) else ""
        return [*found, errors.Problem(f"whether lists have the field {asked[0][0]}: {error}", asked[0][1], fix)]
    ids = values.get("list_id") or options.lists or lists
    among = [lists[list_id] for list_id in sorted(ids) if list_id in lists]
    for label, where in asked:
        found += _of_field(label, where, among, lists, exact=label == options.exact_email)
    return found


def _of_field(
    label: str, where: str, among: Sequence[custom.LeadList], lists: Mapping[str, custom.LeadList], *, exact: bool
) -> Iterator[errors.Problem]:
    without = [one for one in among if label not in one.labels]
    if len(without) < len(among):
        if without:
            loss = "e-mails with a + are held there" if exact else "leads in them go without it"
            yield errors.Problem(
                f"{_named(without)} no custom field {label}; {loss}",
                where,
                f"add the field {label} to these lists in VICIdial",
                fatal=False,
            )
        return
    others = [one for one in lists.values() if label in one.labels]
    if exact or others:
        elsewhere = f"; {_named(others, 'has it', 'have it')}" if others else ""
        yield errors.Problem(
            f"no list that leads are put into has a custom field {label}{elsewhere}",
            where,
            f"add the field {label} to the lists in VICIdial, or correct the name",
        )


def _named(lists: Sequence[custom.LeadList], one: str = "has", several: str = "have") -> str:
    names_ = [str(found) for found in lists[:_MOST_NAMED]]
    more = len(lists) - len(names_)
    text = ", ".join(names_) + (f" and {more} more" if more else "")
    return f"list {text} {one}" if len(lists) == 1 else f"lists {text} {several}"
