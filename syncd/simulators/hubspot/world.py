"""The simulated portal's data: objects by type, what search sees of them, associations, owners, dispositions."""

import dataclasses
import json
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import defaults, refusals
from .properties import Property, by_name, read, stamp

FIRST_ID = 9001


@dataclasses.dataclass(slots=True)
class Item:
    """One object. `indexed`: earlier states as (replaced at, properties, archived), kept while search may see them."""

    id: str
    properties: dict[str, str]
    created: float
    modified: float
    archived_at: float | None = None
    indexed: list[tuple[float, dict[str, str] | None]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Kind:
    """An object type: its definitions and its objects, in the order of their ids."""

    name: str
    type_id: str
    modified_name: str
    properties: dict[str, Property]
    items: dict[str, Item] = dataclasses.field(default_factory=dict)
    merged: dict[str, str] = dataclasses.field(default_factory=dict)
    unique: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)


class World:
    """All data of one portal. Hold `lock` while reading or changing it from another thread."""

    def __init__(self, state: Mapping[str, Any], index_lag: float = 0) -> None:
        self.lock = threading.RLock()
        self.offset_seconds = 0.0
        self.frozen_at: float | None = None
        self.index_lag = index_lag
        self.portal_id = 4242
        self.time_zone = str(state.get("time_zone", "US/Eastern"))
        self.tokens: dict[str, list[str]] = dict(state.get("tokens", {defaults.TOKEN: list(defaults.SCOPES)}))
        self.owners: list[dict[str, Any]] = [dict(owner) for owner in state.get("owners", defaults.OWNERS)]
        self.dispositions: dict[str, str] = {**defaults.DISPOSITIONS, **state.get("dispositions", {})}
        self.kinds: dict[str, Kind] = {}
        for name, (type_id, modified_name) in defaults.TYPES.items():
            self.kinds[name] = Kind(name, type_id, modified_name, defaults.properties(name))
        owners = tuple(str(owner["id"]) for owner in self.owners)
        for kind in self.kinds.values():
            known = kind.properties["hubspot_owner_id"]
            kind.properties[known.name] = dataclasses.replace(known, options=owners)
        for name, given in state.get("properties", {}).items():
            self.kinds[name].properties.update(by_name([read(one) for one in given]))
        for rule in state.get("rules", ()):
            self.add_rule(rule["type"], rule["property"], rule["pattern"], rule["message"])
        self.associations: set[tuple[str, str, str, str]] = set()
        self.next_id = FIRST_ID
        self.api_adds = 0
        for name, rows in state.get("objects", {}).items():
            for row in rows:
                self.insert(self.kinds[name], {key: str(value) for key, value in row.items()})

    def now(self) -> float:
        """Unix time of the portal, to the millisecond."""
        true = time.time() if self.frozen_at is None else self.frozen_at
        return round(true + self.offset_seconds, 3)

    def kind(self, name: str) -> Kind:
        """An object type by its name or type id; raise Refusal if there is none."""
        for kind in self.kinds.values():
            if name in (kind.name, kind.type_id):
                return kind
        raise refusals.Refusal(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")

    def add_rule(self, kind: str, name: str, pattern: str, message: str) -> None:
        """Let the portal refuse values of a property that do not match a pattern, with that text."""
        known = self.kinds[kind].properties
        known[name] = dataclasses.replace(known[name], rule=(pattern, message))

    # objects

    def item(self, kind: Kind, object_id: str, id_property: str | None = None) -> Item | None:
        """The object of an id (a merged one's is its winner's) or of a unique property's value, archived ones too."""
        if id_property in (None, "hs_object_id"):
            return kind.items.get(kind.merged.get(object_id, object_id))
        definition = kind.properties.get(str(id_property))
        if definition is None or not definition.unique:
            raise refusals.invalid(f"{id_property} is not a unique property", "INVALID_ID_PROPERTY")
        found = kind.unique.get(definition.name, {}).get(object_id.lower())
        item = kind.items.get(found) if found is not None else None
        return item if item is not None and item.archived_at is None else None

    def check(self, kind: Kind, given: object, owner_id: str | None) -> dict[str, str]:
        """Given properties to write, return them as stored; raise Refusal with every one that is wrong."""
        if not isinstance(given, dict):
            raise refusals.invalid("properties must be an object")
        stored: dict[str, str] = {}
        errors: list[dict[str, Any]] = []
        for name, value in given.items():
            definition = kind.properties.get(name)
            try:
                if definition is None:
                    message = f'Property "{name}" does not exist'
                    raise refusals.invalid(message, "PROPERTY_DOESNT_EXIST", propertyName=[name])
                stored[name] = definition.stored(value)
                if definition.unique and stored[name]:
                    holder = kind.unique.get(name, {}).get(stored[name].lower())
                    if holder not in (None, owner_id):
                        raise refusals.invalid(
                            f"{name} must be unique", "CONFLICTING_UNIQUE_VALUE", propertyName=[name]
                        )
            except refusals.Refusal as refusal:
                errors += refusal.errors or [{"message": refusal.message, "code": "INVALID"}]
        if errors:
            message = f"Property values were not valid: {json.dumps([error['message'] for error in errors])}"
            raise refusals.Refusal(400, "VALIDATION_ERROR", message, errors=errors)
        if kind.name == "calls" and stored.get("hs_call_disposition", "") not in ("", *self.dispositions):
            raise refusals.invalid("hs_call_disposition is not a disposition", "INVALID_OPTION")
        return stored

    def insert(self, kind: Kind, stored: Mapping[str, str]) -> Item:
        """Insert an object of checked properties."""
        now = self.now()
        item = Item(str(self.next_id), {}, now, now)
        self.next_id += 1
        kind.items[item.id] = item
        created = "createdate" if kind.name == "contacts" else "hs_createdate"
        item.indexed.append((now, None))
        self._store(kind, item, {**stored, "hs_object_id": item.id, created: stamp(now)})
        return item

    def change(self, kind: Kind, item: Item, stored: Mapping[str, str]) -> None:
        """Store checked properties; the object counts as modified even if none differs."""
        self._keep(item)
        self._store(kind, item, stored)

    def _store(self, kind: Kind, item: Item, stored: Mapping[str, str]) -> None:
        now = self.now()
        for name, value in stored.items():
            if kind.properties.get(name) is not None and kind.properties[name].unique:
                index = kind.unique.setdefault(name, {})
                old = item.properties.get(name, "")
                if old and index.get(old.lower()) == item.id:
                    del index[old.lower()]
                if value:
                    index[value.lower()] = item.id
        item.properties = {name: value for name, value in {**item.properties, **stored}.items() if value != ""}
        item.modified = now
        item.properties[kind.modified_name] = stamp(now)

    def _keep(self, item: Item) -> None:
        now = self.now()
        item.indexed = [one for one in item.indexed if one[0] > now - self.index_lag]
        if self.index_lag:
            item.indexed.append((now, item.properties if item.archived_at is None else None))

    def archive(self, item: Item) -> None:
        """Take an object away; the list shows it with archived=true."""
        if item.archived_at is None:
            self._keep(item)
            item.archived_at = self.now()

    def merge(self, kind: Kind, winner: Item, loser: Item) -> None:
        """Merge two objects: the loser's id leads to the winner from now on."""
        ids = [*winner.properties.get("hs_merged_object_ids", "").split(";"), loser.id]
        kept = {**loser.properties, **winner.properties}
        gained = {name: value for name, value in kept.items() if not name.startswith("hs_")}
        self.archive(loser)
        del kind.items[loser.id]
        for index in kind.unique.values():
            for value in [value for value, found in index.items() if found == loser.id]:
                del index[value]
        kind.merged = {old: winner.id if new == loser.id else new for old, new in kind.merged.items()}
        kind.merged[loser.id] = winner.id
        self.change(kind, winner, {**gained, "hs_merged_object_ids": ";".join(filter(None, ids))})

    def searchable(self, kind: Kind) -> Iterable[tuple[Item, Mapping[str, str]]]:
        """Objects in the order of their ids, with the properties that the lagging index has of them."""
        seen_until = self.now() - self.index_lag
        for item in kind.items.values():
            state: Mapping[str, str] | None = item.properties if item.archived_at is None else None
            if self.index_lag:
                for replaced_at, earlier in item.indexed:
                    if replaced_at > seen_until:
                        state = earlier
                        break
            if state is not None:
                yield item, state


def load_state(source: Mapping[str, Any] | Path | None) -> Mapping[str, Any]:
    """Given a state, a file of one, or None (a fresh portal), return it; raise ValueError if it is not JSON."""
    if source is None:
        return {}
    if not isinstance(source, Path):
        return source
    try:
        loaded = json.loads(source.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{source}: not JSON: {error}") from None
    if not isinstance(loaded, dict):
        raise ValueError(f"{source}: a JSON object is expected")
    return loaded
