"""The objects API: list, read, search, and the batches with their answers row by row."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import defaults, filters, refusals
from .properties import stamp
from .world import Item, Kind, World

Json = dict[str, Any]
MOST_INPUTS = 100
MOST_LISTED = 100
MOST_SEARCHED = 200
MOST_RESULTS = 10_000


@dataclasses.dataclass(slots=True)
class Reply:
    """A status and a JSON body."""

    status: int
    body: Json | None


def shown(
    kind: Kind, item: Item, names: Sequence[str], properties: Mapping[str, str] | None = None, *, archived: bool = False
) -> Json:
    """An object as the API shows it: the named properties and those it always gives."""
    stored = item.properties if properties is None else properties
    created = "createdate" if kind.name == "contacts" else "hs_createdate"
    wanted = dict.fromkeys(["hs_object_id", created, kind.modified_name, *names])
    made: Json = {
        "id": item.id,
        "properties": {name: stored.get(name) for name in wanted if name in kind.properties},
        "createdAt": stamp(item.created),
        "updatedAt": stored.get(kind.modified_name, stamp(item.modified)),
        "archived": archived,
    }
    if archived and item.archived_at is not None:
        made["archivedAt"] = stamp(item.archived_at)
    return made


def listed(kind: Kind, query: Mapping[str, str]) -> Reply:
    """GET: all objects by id, archived ones with archived=true; consistent, no upper bound."""
    unknown = query.keys() - {"limit", "after", "properties", "archived", "associations", "propertiesWithHistory"}
    if unknown:
        raise refusals.invalid(f"unknown parameters {sorted(unknown)}")
    limit = _limit(query.get("limit", "10"), MOST_LISTED)
    after = query.get("after", "0")
    if not after.isdecimal():
        raise refusals.invalid("The given cursor is not valid", "INVALID_CURSOR")
    archived = query.get("archived", "false") == "true"
    names = [name for name in query.get("properties", "").split(",") if name]
    found: list[Item] = []
    for item in kind.items.values():
        if int(item.id) >= int(after) and (item.archived_at is not None) is archived:
            found.append(item)
            if len(found) > limit:
                break
    body: Json = {"results": [shown(kind, item, names, archived=archived) for item in found[:limit]]}
    if len(found) > limit:
        body["paging"] = {"next": {"after": found[limit].id, "link": "?after=" + found[limit].id}}
    return Reply(200, body)


def search(world: World, kind: Kind, given: Json) -> Reply:
    """POST …/search: at most 10,000 results a query, from an index that lags."""
    unknown = given.keys() - {"filterGroups", "sorts", "properties", "limit", "after", "query"}
    if unknown:
        raise refusals.invalid(f"unknown keys {sorted(unknown)}")
    tree = filters.parse(given.get("filterGroups", []), kind.properties)
    limit = _limit(given.get("limit", 10), MOST_SEARCHED)
    after = str(given.get("after") or "0")
    if not after.isdecimal():
        raise refusals.invalid("The given cursor is not valid", "INVALID_CURSOR")
    if int(after) + limit > MOST_RESULTS:
        raise refusals.invalid("a search gives at most 10000 results", "PAGING_TOO_DEEP")
    matching = [(item, state) for item, state in world.searchable(kind) if tree.holds(state)]
    for sort in _sorts(kind, given.get("sorts", [])):
        if sort == ("hs_object_id", False):
            continue  # they come in that order
        matching.sort(key=lambda pair: _sort_key(kind, sort[0], pair[1]), reverse=sort[1])
    start = int(after)
    names = given.get("properties") or []
    body: Json = {
        "total": len(matching),
        "results": [shown(kind, item, names, state) for item, state in matching[start : start + limit]],
    }
    if start + limit < len(matching):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return Reply(200, body)


def _sorts(kind: Kind, given: object) -> list[tuple[str, bool]]:
    if not isinstance(given, list) or len(given) > 1:
        raise refusals.invalid("at most one sort is possible", "TOO_MANY_SORTS")
    found: list[tuple[str, bool]] = []
    for sort in given:
        name = sort.get("propertyName") if isinstance(sort, dict) else None
        if name not in kind.properties or sort.get("direction", "ASCENDING") not in ("ASCENDING", "DESCENDING"):
            raise refusals.invalid("a sort that is not valid", "INVALID_SORT")
        found.append((str(name), sort.get("direction") == "DESCENDING"))
    return found


def _sort_key(kind: Kind, name: str, state: Mapping[str, str]) -> tuple[bool, filters.Comparable]:
    value = state.get(name, "")
    return (bool(value), filters.comparable(kind.properties[name], value) if value else 0.0)


def _limit(given: object, most: int) -> int:
    if not str(given).isdecimal() or not 1 <= int(str(given)) <= most:
        raise refusals.invalid(f"limit must be 1 to {most}", "INVALID_LIMIT")
    return int(str(given))


def batch(world: World, kind: Kind, action: str, given: Json, *, first_fails: bool = False) -> Reply:
    """POST …/batch/{read,create,update,upsert,archive}: 200, 201, 204, or 207 with `errors`."""
    inputs = _inputs(action, given)
    apply = _ACTIONS.get(action)
    if apply is None:
        raise refusals.Refusal(404, "OBJECT_NOT_FOUND", "no such batch")
    traced = all(one.get("objectWriteTraceId") for one in inputs)
    results: list[Json] = []
    errors: list[Json] = []
    missing: list[str] = []
    undo = None if action in ("read", "archive") else _check_first(world, kind, action, inputs)
    if undo is not None and (not traced or undo.breaks_rule()):
        raise undo
    for place, one in enumerate(inputs):
        trace = one.get("objectWriteTraceId")
        try:
            if first_fails and place == 0:
                raise refusals.Refusal(500, "INTERNAL_ERROR", "internal error")
            result = apply(world, kind, one, given)
        except refusals.Refusal as refusal:
            if refusal.status == 404:
                missing += refusal.context["ids"]
                if trace is None:
                    continue
            errors.append(refusal.row(trace))
            continue
        if result is not None:
            results.append({**result, **({"objectWriteTraceId": trace} if trace else {})})
    return _reply(action, results, errors, missing if not traced else [])


def _inputs(action: str, given: Json) -> list[Json]:
    inputs = given.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, dict) for one in inputs):
        raise refusals.invalid("inputs must be a list with at least one element")
    if len(inputs) > MOST_INPUTS:
        raise refusals.invalid(f"The batch size {len(inputs)} is larger than {MOST_INPUTS}", "BATCH_TOO_LARGE")
    if action in ("update", "upsert"):
        seen = [str(one.get("id")).lower() for one in inputs]
        if len(seen) != len(set(seen)):
            raise refusals.invalid("Duplicate IDs found in batch input", "DUPLICATE_IDS")
    return inputs


def _reply(action: str, results: list[Json], errors: list[Json], missing: list[str]) -> Reply:
    if missing:
        message = "Could not get some objects, they may be deleted or not exist. Check that ids are valid."
        errors.append(
            {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}
        )
    if action == "archive":
        return Reply(204, None)
    body: Json = {"status": "COMPLETE", "results": results}
    if errors:
        return Reply(207, {**body, "numErrors": len(errors), "errors": errors})
    return Reply(201 if action == "create" else 200, body)


def _check_first(world: World, kind: Kind, action: str, inputs: Sequence[Json]) -> refusals.Refusal | None:
    """Without a trace id for each input one wrong value refuses the whole batch; a broken rule always does."""
    first: refusals.Refusal | None = None
    for one in inputs:
        try:
            found = None if action == "create" else _found(world, kind, one, kind_of=action)
            world.check(kind, one.get("properties"), found.id if found else None)
        except refusals.Refusal as refusal:
            if refusal.status != 404 and (first is None or refusal.breaks_rule()):
                first = refusal
    return first


def _found(world: World, kind: Kind, one: Json, *, kind_of: str) -> Item | None:
    found = world.item(kind, str(one.get("id", "")), one.get("idProperty"))
    if kind_of == "upsert":
        return found
    if found is None or found.archived_at is not None:
        raise refusals.not_found(str(one.get("id", "")))
    return found


def _read(world: World, kind: Kind, one: Json, whole: Json) -> Json:
    item = world.item(kind, str(one.get("id", "")), whole.get("idProperty"))
    if item is None or item.archived_at is not None:
        raise refusals.not_found(str(one.get("id", "")))
    return shown(kind, item, whole.get("properties") or [])


def _create(world: World, kind: Kind, one: Json, _: Json) -> Json:
    stored = world.check(kind, one.get("properties"), None)
    if kind.name in defaults.ACTIVITIES and not stored.get("hs_timestamp"):
        raise refusals.invalid("hs_timestamp is required", "REQUIRED_FIELD", propertyName=["hs_timestamp"])
    world.api_adds += 1
    return shown(kind, world.insert(kind, stored), list(stored))


def _update(world: World, kind: Kind, one: Json, _: Json) -> Json:
    item = _found(world, kind, one, kind_of="update")
    assert item is not None  # noqa: S101  # _found raises otherwise
    stored = world.check(kind, one.get("properties"), item.id)
    world.change(kind, item, stored)
    return shown(kind, item, list(stored))


def _upsert(world: World, kind: Kind, one: Json, whole: Json) -> Json:
    name = one.get("idProperty")
    if not isinstance(name, str) or name not in kind.properties or not kind.properties[name].unique:
        raise refusals.invalid(f"{name} is not a unique property", "INVALID_ID_PROPERTY", propertyName=[str(name)])
    item = world.item(kind, str(one.get("id", "")), name)
    given = {**(one.get("properties") or {}), name: str(one.get("id", ""))}
    if item is None:
        return {**_create(world, kind, {"properties": given}, whole), "new": True}
    stored = world.check(kind, given, item.id)
    world.change(kind, item, stored)
    return {**shown(kind, item, list(stored)), "new": False}


def _archive(world: World, kind: Kind, one: Json, _: Json) -> None:
    item = world.item(kind, str(one.get("id", "")))
    if item is not None:
        world.archive(item)


_ACTIONS: dict[str, Callable[[World, Kind, Json, Json], Json | None]] = {
    "read": _read,
    "create": _create,
    "update": _update,
    "upsert": _upsert,
    "archive": _archive,
}


def associate(world: World, kind: Kind, other: Kind, pairs: Sequence[tuple[str, str]]) -> Reply:
    """The default association of each pair, made once; rows whose object is gone are errors of a 207."""
    results: list[Json] = []
    errors: list[Json] = []
    for first, second in pairs:
        ends = [world.item(kind, first), world.item(other, second)]
        gone = [
            asked
            for asked, end in zip((first, second), ends, strict=True)
            if end is None or end.archived_at is not None
        ]
        if gone:
            errors.append({
                "status": "error", "category": "OBJECT_NOT_FOUND", "message": "objects were not found",
                "context": {"fromObjectId": [first], "toObjectId": [second], "notFound": gone},
            })  # fmt: skip
            continue
        winners = [end.id for end in ends if end is not None]
        world.associations.add((kind.name, winners[0], other.name, winners[1]))
        type_id = defaults.ASSOCIATIONS.get((kind.name, other.name))
        results.append({"from": {"id": first}, "to": {"id": second}, "associationSpec": {"associationTypeId": type_id}})
    if errors:
        return Reply(207, {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors})
    return Reply(200, {"status": "COMPLETE", "results": results})
