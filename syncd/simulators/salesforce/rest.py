"""The REST resources: which path does what, single records, and composite collections.

Source: REST API Developer Guide: sObject Rows, sObject Collections (200 records of one type for upserts, HTTP 200
whatever became of the rows, results in request order), Limits.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from syncd.simulators.common.wire import HttpAnswer, HttpRequest

from .queries import Queries, as_json
from .schema import Refused
from .world import World

MOST_ROWS = 200
LONGEST_ADDRESS = 16_384
_PATH = re.compile(r"/services/data/(?P<version>v\d\d\.0)/(?P<rest>.*)")


def kind(request: HttpRequest) -> str:
    """Under which name a request is counted."""
    match = _PATH.fullmatch(request.path)
    rest = match["rest"] if match else request.path
    parts = rest.strip("/").split("/")
    if parts[0] in ("query", "queryAll"):
        return parts[0] if len(parts) == 1 else "query_more"
    if parts[0] == "jobs":
        return "bulk_results" if parts[-1] == "results" else "bulk_job"
    if parts[0] == "composite":
        return "composite"
    if parts[0] == "sobjects":
        return "describe" if parts[-1] == "describe" else "sobject"
    names = {"services/oauth2/token": "token", "services/data": "versions"}
    return names.get(rest.strip("/"), "soap" if "Soap" in rest else parts[-1])


def answer(world: World, queries: Queries, request: HttpRequest) -> HttpAnswer:
    """Answer a request whose login is good. Raises Refused."""
    match = _PATH.fullmatch(request.path)
    if match is None:
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
    if len(request.path) + len(request.query) > LONGEST_ADDRESS:
        raise Refused("URI_TOO_LONG", "the address is too long", status=414)
    version = match["version"]
    parts = [unquote(part) for part in match["rest"].strip("/").split("/")]
    given = dict(request.pairs()) if request.method == "GET" else {}
    match (request.method, *parts):
        case ("GET", "limits"):
            left = max(0, world.daily - world.used)
            return as_json({"DailyApiRequests": {"Max": world.daily, "Remaining": left}})
        case ("GET", "query" | "queryAll" as name):
            return as_json(queries.rest(given.get("q", ""), version, everything=name == "queryAll"))
        case ("GET", "query" | "queryAll", locator):
            return as_json(queries.more(locator, version))
        case (_, "jobs", "query", *rest):
            return _job(queries, request, rest, given)
        case ("GET", "sobjects", name, "describe"):
            return as_json(world.object(name).describe())
        case ("POST" | "PATCH", "composite", "sobjects", *rest):
            return as_json(_collection(world, request, rest))
        case (_, "sobjects", *rest):
            return _row(world, request, rest)
    raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)


def _job(queries: Queries, request: HttpRequest, rest: list[str], given: Mapping[str, str]) -> HttpAnswer:
    match (request.method, *rest):
        case ("POST",):
            return as_json(queries.create_job(_body(request)))
        case ("GET", job_id):
            return as_json(queries.job(job_id))
        case ("GET", job_id, "results"):
            return queries.results(job_id, given.get("locator", ""), given.get("maxRecords", ""))
        case ("DELETE", job_id):
            queries.jobs.pop(job_id, None)
            return HttpAnswer(204, b"")
    raise Refused("METHOD_NOT_ALLOWED", "HTTP method not allowed", status=405)


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        given = json.loads(request.body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused("JSON_PARSER_ERROR", "a JSON object is expected")
    return given


def _row(world: World, request: HttpRequest, rest: list[str]) -> HttpAnswer:
    match (request.method, *rest):
        case ("POST", name):
            world.object(name)
            row_id = world.save(name, None, _body(request))
            return as_json({"id": row_id, "success": True, "errors": []}, 201)
        case ("GET", name, row_id):
            world.object(name)
            row = world.known(name, row_id)
            return as_json({"attributes": {"type": name}, **row})
        case ("PATCH", name, row_id):
            world.object(name)
            world.save(name, row_id, _body(request))
            return HttpAnswer(204, b"")
        case ("PATCH", name, key, value):
            world.object(name)
            row_id, created = world.upsert(name, key, value, _body(request))
            return as_json({"id": row_id, "success": True, "errors": [], "created": created}, 201 if created else 200)
        case ("DELETE", name, row_id):
            world.known(name, row_id)
            world.delete(row_id)
            return HttpAnswer(204, b"")
    raise Refused("METHOD_NOT_ALLOWED", "HTTP method not allowed", status=405)


def _collection(world: World, request: HttpRequest, rest: list[str]) -> list[dict[str, Any]]:
    given = _body(request)
    records = given.get("records")
    if not isinstance(records, list) or not records:
        raise Refused("REQUIRED_FIELD_MISSING", "records are missing")
    if len(records) > MOST_ROWS:
        raise Refused("LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {MOST_ROWS} records")
    if given.get("allOrNone"):
        raise Refused("NOT_SIMULATED", "allOrNone=true is not simulated")
    types = [(record.get("attributes") or {}).get("type") for record in records]
    if None in types or any(one not in world.objects for one in types):
        raise Refused("INVALID_TYPE", "each record needs attributes.type")
    if rest and set(types) != {rest[0]}:
        raise Refused("INVALID_TYPE", "all records must be of the type in the address")
    keys = [record.get(rest[1]) for record in records] if rest else [record.get("id") for record in records]
    if request.method == "PATCH" and None in keys:
        raise Refused("MISSING_ARGUMENT", "each record needs the id or external id")
    return [
        _one(
            world, request.method, str(name), record, str(key), keys.count(key) > 1 and request.method == "PATCH", rest
        )
        for name, record, key in zip(types, records, keys, strict=True)
    ]


def _one(
    world: World, method: str, name: str, record: Mapping[str, Any], key: str, twice: bool, rest: list[str]
) -> dict[str, Any]:
    key_field = rest[1] if rest else "id"
    fields = {field: value for field, value in record.items() if field not in ("attributes", key_field)}
    try:
        if twice:
            raise Refused("DUPLICATE_VALUE", "the same record is in the list twice", [key_field])
        if rest:
            row_id, created = world.upsert(name, key_field, key, fields)
            return {"id": row_id, "success": True, "errors": [], "created": created}
        row_id = world.save(name, key if method == "PATCH" else None, fields)
        return {"id": row_id, "success": True, "errors": []}
    except Refused as error:
        if error.code == "JSON_PARSER_ERROR":
            raise  # the whole request cannot be read
        told = {"statusCode": error.code, "message": error.message, "fields": error.fields}
        if error.status == 404 and error.code == "NOT_FOUND" and not rest:
            told["statusCode"] = "INVALID_CROSS_REFERENCE_KEY"
        return {"success": False, "errors": [told]}
