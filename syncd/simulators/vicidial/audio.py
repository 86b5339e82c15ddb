"""The audio files of recordings, at the paths of their locations: small ones that are made up, the same each time."""

import random
import re
import struct
from urllib.parse import unquote, urlsplit

from syncd.simulators.common.wire import HttpAnswer, HttpRequest

from . import rows
from .world import World

PREFIX = "/RECORDINGS/"
_BYTES_A_SECOND = 800
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_NOT_FOUND = b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"
_PAGE = b"<html><head><title>Recordings</title></head><body>The archive is being moved.</body></html>\n"


def content(recording: rows.Recording) -> bytes:
    """A WAV file as long as the call, of 8-bit noise at 800 Hz."""
    samples = random.Random(recording.recording_id).randbytes(_BYTES_A_SECOND * max(recording.length_in_sec, 1))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _BYTES_A_SECOND, _BYTES_A_SECOND, 1, 8)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(samples), b"WAVE")
        + form
        + struct.pack("<4sI", b"data", len(samples))
        + samples
    )


def answer(world: World, request: HttpRequest) -> HttpAnswer:
    """The file, or the part of it that is asked for."""
    path = unquote(request.path)
    found = next((one for one in world.recordings if unquote(urlsplit(one.location).path) == path), None)
    if found is None or found.audio == "missing" or not found.told_at(world.clock.epoch()).location:
        return HttpAnswer(404, _NOT_FOUND)
    if found.audio == "page":
        return HttpAnswer(200, _PAGE)
    if found.audio == "login":
        return HttpAnswer(401, _PAGE, headers={"WWW-Authenticate": 'Basic realm="recordings"'})
    whole, mark = content(found), f'"{found.recording_id}-{found.length_in_sec}"'
    headers = {"Accept-Ranges": "bytes", "ETag": mark}
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or request.headers.get("if-range", mark) != mark:
        return HttpAnswer(200, whole, "audio/x-wav", headers)
    first, last = int(asked[1]), min(int(asked[2] or len(whole) - 1), len(whole) - 1)
    if first > last:
        return HttpAnswer(416, b"", headers={"Content-Range": f"bytes */{len(whole)}"})
    part = {**headers, "Content-Range": f"bytes {first}-{last}/{len(whole)}"}
    return HttpAnswer(206, whole[first : last + 1], "audio/x-wav", part)
