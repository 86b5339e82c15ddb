"""Which part of the API a path is for, in both its forms (/crm/v3/objects/… and /crm/objects/2026-03/…)."""

import dataclasses
import re
from collections.abc import Callable, Mapping

from . import objects, refusals
from .objects import Json, Reply
from .properties import read
from .world import World

_DATE = r"\d{4}-\d{2}"
_OBJECTS = rf"/crm/(?:v3/objects|objects/v3|objects/{_DATE})"
_PROPERTIES = rf"/crm/(?:v3/properties|properties/{_DATE})/(?P<kind>[\w-]+)"
_READ, _WRITE = "read", "write"


@dataclasses.dataclass(frozen=True, slots=True)
class Asking:
    """A routed request."""

    world: World
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    first_fails: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A method and path, the right it needs, and what it does. `counted`: the name its requests are counted under."""

    method: str
    pattern: re.Pattern[str]
    counted: str
    right: str
    run: Callable[[Asking], Reply]


def scopes(right: str, kind: str) -> tuple[str, ...]:
    """The scopes of which each is needed for a right on a type."""
    match right:
        case "owners":
            return ("crm.objects.owners.read",)
        case "schema":
            return ("crm.schemas.contacts.write",)
        case "" | "any":
            return ()
        case _ if kind in ("calls", "0-48", "tasks", "0-27", "contacts", "0-1"):
            return (f"crm.objects.contacts.{right}",)
        case _ if kind in ("leads", "0-136"):
            return (f"crm.objects.leads.{right}",)
        case _:
            return (f"crm.objects.custom.{right}",)


def _list(asking: Asking) -> Reply:
    return objects.listed(asking.world.kind(asking.parts["kind"]), asking.query)


def _search(asking: Asking) -> Reply:
    return objects.search(asking.world, asking.world.kind(asking.parts["kind"]), asking.body)


def _batch(action: str) -> Callable[[Asking], Reply]:
    def run(asking: Asking) -> Reply:
        kind = asking.world.kind(asking.parts["kind"])
        return objects.batch(asking.world, kind, action, asking.body, first_fails=asking.first_fails)

    return run


def _one(asking: Asking) -> Reply:
    kind = asking.world.kind(asking.parts["kind"])
    item = asking.world.item(kind, asking.parts["id"], asking.query.get("idProperty"))
    if item is None or item.archived_at is not None:
        raise refusals.not_found(asking.parts["id"])
    return Reply(200, objects.shown(kind, item, asking.query.get("properties", "").split(",")))


def _merge(asking: Asking) -> Reply:
    world, kind = asking.world, asking.world.kind(asking.parts["kind"])
    ids = [str(asking.body.get(name, "")) for name in ("primaryObjectId", "objectIdToMerge")]
    items = [world.item(kind, one) for one in ids]
    winner, loser = items
    if winner is None or loser is None or winner is loser:
        raise refusals.invalid("two different objects are needed")
    world.merge(kind, winner, loser)
    return Reply(200, objects.shown(kind, winner, []))


def _associate_one(asking: Asking) -> Reply:
    parts = asking.parts
    kinds = (asking.world.kind(parts["kind"]), asking.world.kind(parts["other"]))
    reply = objects.associate(asking.world, *kinds, [(parts["id"], parts["other_id"])])
    if reply.status == 207:
        raise refusals.not_found(parts["other_id"])
    return reply


def _associate(asking: Asking) -> Reply:
    kinds = (asking.world.kind(asking.parts["kind"]), asking.world.kind(asking.parts["other"]))
    inputs = asking.body.get("inputs")
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= 100:
        raise refusals.invalid("1 to 100 inputs are possible", "BATCH_TOO_LARGE")
    pairs = [(str(one["from"]["id"]), str(one["to"]["id"])) for one in inputs]
    return objects.associate(asking.world, *kinds, pairs)


def _properties(asking: Asking) -> Reply:
    found = asking.world.kind(asking.parts["kind"]).properties
    return Reply(200, {"results": [one.plain() for one in found.values()]})


def _property(asking: Asking) -> Reply:
    found = asking.world.kind(asking.parts["kind"]).properties.get(asking.parts["id"])
    if found is None:
        raise refusals.not_found(asking.parts["id"])
    return Reply(200, found.plain())


def _make_property(asking: Asking) -> Reply:
    kind, made = asking.world.kind(asking.parts["kind"]), read(asking.body)
    if made.name in kind.properties:
        raise refusals.Refusal(409, "OBJECT_ALREADY_EXISTS", f"A property named {made.name} already exists.")
    if made.unique and sum(one.unique for one in kind.properties.values()) >= 10:
        raise refusals.invalid("at most 10 unique properties are possible", "TOO_MANY_UNIQUE")
    kind.properties[made.name] = made
    return Reply(201, made.plain())


def _owners(asking: Asking) -> Reply:
    owners = asking.world.owners
    if "email" in asking.query:
        owners = [owner for owner in owners if owner.get("email", "").lower() == asking.query["email"].lower()]
    start, limit = int(asking.query.get("after", "0")), int(asking.query.get("limit", "100"))
    body: Json = {"results": owners[start : start + limit]}
    if start + limit < len(owners):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return Reply(200, body)


def _dispositions(asking: Asking) -> Reply:
    # The one answer of this API that is a list; wrapped, and unwrapped when it is sent.
    return Reply(200, {"": [{"id": guid, "label": label} for guid, label in asking.world.dispositions.items()]})


def _account(asking: Asking) -> Reply:
    return Reply(
        200, {"portalId": asking.world.portal_id, "timeZone": asking.world.time_zone, "accountType": "STANDARD"}
    )


def _route(method: str, pattern: str, counted: str, right: str, run: Callable[[Asking], Reply]) -> Route:
    return Route(method, re.compile(pattern), counted, right, run)


_KIND = r"/(?P<kind>[\w-]+)"
_PAIR = r"/(?P<kind>[\w-]+)/(?P<other>[\w-]+)"
ROUTES = (
    _route("GET", _OBJECTS + _KIND, "list", _READ, _list),
    _route("POST", _OBJECTS + _KIND + "/search", "search", _READ, _search),
    _route("POST", _OBJECTS + _KIND + "/batch/read", "batch/read", _READ, _batch("read")),
    *(
        _route("POST", _OBJECTS + _KIND + f"/batch/{action}", f"batch/{action}", _WRITE, _batch(action))
        for action in ("create", "update", "upsert", "archive")
    ),
    _route("POST", _OBJECTS + _KIND + "/merge", "merge", _WRITE, _merge),
    _route("GET", _OBJECTS + _KIND + r"/(?P<id>[^/]+)", "read", _READ, _one),
    _route(
        "PUT",
        rf"/crm/(?:v4/objects|objects/{_DATE}){_KIND}/(?P<id>\d+)/associations/default/(?P<other>[\w-]+)/(?P<other_id>\d+)",
        "associate",
        _WRITE,
        _associate_one,
    ),
    _route(
        "POST",
        rf"/crm/(?:v4/associations|associations/{_DATE}){_PAIR}/batch/associate/default",
        "batch/associate",
        _WRITE,
        _associate,
    ),
    _route("GET", _PROPERTIES, "properties", "any", _properties),
    _route("POST", _PROPERTIES, "make property", "schema", _make_property),
    _route("GET", _PROPERTIES + r"/(?P<id>\w+)", "property", "any", _property),
    _route("GET", rf"/crm/(?:v3/owners|owners/{_DATE})/?", "owners", "owners", _owners),
    _route("GET", "/calling/v1/dispositions", "dispositions", "any", _dispositions),
    _route("GET", rf"/account-info/(?:v3|{_DATE})/details", "account", "", _account),
)


def find(method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
    """The route of a request and the parts of its path."""
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)) is not None:
            return route, match.groupdict()
    return None
