"""What is logged: one JSON object a line, without secrets, phone numbers and local variables."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from syncd.daemon import redact

SECRET = "hunter2"


def logged(script: str, shape: str = "json") -> str:
    begin = f"from syncd.daemon import logs\nimport logging, structlog\nlogs.configure(shape={shape!r}, level='info')\n"
    begin += "log = structlog.get_logger()\n"
    ended = subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == ""
    return ended.stderr


def test_a_line_is_an_object_and_secrets_are_masked() -> None:
    lines = logged(
        "log.debug('not shown')\n"
        f"log.info('sent', intent=17000000, subject='1234567890', password={SECRET!r}, phone='555', "
        f"url='mysql://u:{SECRET}@db/crm', why='no answer for +1 (727) 555-0001 at 2026-11-23T17:06:15Z')\n"
        "logging.getLogger('urllib3').error('pass=%s refused', 'hunter2')\n"
    ).splitlines()
    first, second = map(json.loads, lines)
    assert first["intent"] == 17000000
    assert first["subject"] == "1234567890"
    assert (first["password"], first["phone"], first["url"]) == ("***", "***", "mysql://***@db/crm")
    assert first["why"] == "no answer for *** at 2026-11-23T17:06:15Z"
    assert (second["level"], second["logger"], second["event"]) == ("error", "urllib3", "pass=*** refused")
    assert SECRET not in "".join(lines)


@pytest.mark.parametrize("shape", ["json", "console"])
def test_an_exception_is_told_without_local_variables(shape: str) -> None:
    text = logged(
        f"def fail(secret):\n    raise ValueError('no such number: 727-555-0001')\n"
        f"try:\n    fail({SECRET!r}[::-1])\nexcept ValueError:\n    log.exception('broken')\n",
        shape,
    )
    assert "ValueError" in text
    assert "fail" in text
    assert "555" not in text
    assert SECRET[::-1] not in text
    if shape == "json":
        assert json.loads(text)["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("7275550001", "***"),
        ("call 727.555.0001 now", "call *** now"),
        ("+49 (89) 1234-567", "***"),
        ("at 2026-11-23 17:06:15.123456 it ended", "at 2026-11-23 17:06:15.123456 it ended"),
        ("2026-11-23T17:06:15+00:00", "2026-11-23T17:06:15+00:00"),
        ("store.db.20261123T170615Z.bak", "store.db.20261123T170615Z.bak"),
        ("192.168.100.200:8080 refused", "192.168.100.200:8080 refused"),
        ("50 of 120 in 3.25 s", "50 of 120 in 3.25 s"),
        ("deadbeef0123456789abcdef", "deadbeef0123456789abcdef"),
        ("https://user:pw@host/x", "https://***@host/x"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: ***"),
        ("token=abc&x=1", "token=***&x=1"),
    ],
)
def test_free_text_keeps_times_and_addresses_and_loses_phones_and_logins(text: str, masked: str) -> None:
    assert redact.text(text) == masked


def test_values_are_masked_by_their_key_however_deep() -> None:
    event = {"event": "x", "options": {"api_key": "k", "list": [{"email": "a@b.c"}]}, "secret": 5, "count": 12345678}
    assert redact.processor(None, "info", event) == {
        "event": "x",
        "options": {"api_key": "***", "list": [{"email": "***"}]},
        "secret": "***",
        "count": 12345678,
    }
