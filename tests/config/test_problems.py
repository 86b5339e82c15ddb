"""What is wrong with a file is said at once, in its place, with a way to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import scalars
from syncd.config.load import load
from syncd.sdk import errors, registry

from .conftest import HEAD, PASSWORD, Load, Wrong

LEADS = HEAD + "    pipelines: {leads: {start: now, fields: {phone_number: phone%s}}}\n"


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file(wrong: Wrong) -> None:
    text = """\
stor: sqlite:////tmp/x.db
stop_seconds: soon
clients:
  acme:
    phone_region: XX
    phone_region: US
    crm: {type: memry}
    dialer:
      type: vicidial
      url: http://127.0.0.1:9
      user: api
      password: ${env:SYNCD_TEST_ABSENT}
      connections: 99
    pipelines:
      leads:
        every: often
        fields:
          last_name: {from: name, transform: titel}
  beta:
    crm: {type: memory}
    dialer: {type: vicidial, url: "http://127.0.0.1:9", user: api, password: abc}
    pipelines: {leads: {start: now, fields: {phone_code: code, vendor_lead_code: id}}}
"""
    expected = """\
1:1 stor: unknown key, did you mean store?
2:15 stop_seconds: not a duration – write 30s, 5m, 1h, 2d, 500ms or a number of seconds
5:19 clients.acme.phone_region: no country of that code – write two letters, for example US, GB or NO
6:5 clients.acme.phone_region: the key is already on line 5 – keep one of them
7:17 clients.acme.crm.type: unknown connector type 'memry', did you mean memory?
12:17 clients.acme.dialer.password: the environment variable SYNCD_TEST_ABSENT is not set – set SYNCD_TEST_ABSENT
13:20 clients.acme.dialer.connections: must be less than or equal to 32
15:7 clients.acme.pipelines.leads.start: is missing – From when on changes count: `all` (everything that is there),
16:16 clients.acme.pipelines.leads.every: not a duration – write 30s, 5m, 1h, 2d, 500ms or a number of seconds
18:46 clients.acme.pipelines.leads.fields.last_name.transform: no transform of that name, did you mean title?
22:37 clients.beta.pipelines.leads.fields.phone_number: is not mapped, so that every record would be skipped
22:46 clients.beta.pipelines.leads.fields.phone_code: phone_code comes with phone_number, from the number's own country
22:64 clients.beta.pipelines.leads.fields.vendor_lead_code: vendor_lead_code holds the key by which syncd finds
""".splitlines()
    for line, start in zip(wrong(text), expected, strict=True):
        assert line.startswith(f"syncd.yaml:{start}")


def test_what_is_wrong_in_one_part_hides_nothing_in_the_others(wrong: Wrong) -> None:
    text = """\
store: mysql://db/syncd
clients:
  acme:
    crm: {type: memory}
    dialer: {type: vicidial, url: dialer, user: api, password: abc}
    pipelines:
      leads: {start: soon, fields: {phone_number: phone}}
  beta:
    crm: {type: memory}
    dialer: {type: vicidial, url: "http://127.0.0.1:9", user: api, password: abc}
    pipelines:
      calls: {start: now, evry: 2m, fields: {person: crm_id}}
      leads: {start: now, fields: {phone_code: code, phone_number: phone}}
      dispositions: {start: now, fields: {mail: {from: e, transform: phone}}}
      recordings: {start: now, fields: {link: recording_url}}
  gamma:
    crm: {type: memory, nonsense: 1}
    dialer: {type: vicidial, url: "ftp://127.0.0.1", user: api, password: abc}
    pipelines: {leads: {start: now, fields: {phone_number: phone}}}
"""
    expected = """\
1:8 store: mysql is not supported – use sqlite
5:35 clients.acme.dialer.url: not an http(s) address
7:22 clients.acme.pipelines.leads.start: not a start
12:27 clients.beta.pipelines.calls.evry: unknown key, did you mean every?
13:36 clients.beta.pipelines.leads.fields.phone_code: phone_code comes with phone_number
14:43 clients.beta.pipelines.dispositions.fields.mail: the transform phone works only on the way to a dialer
17:25 clients.gamma.crm.nonsense: unknown key
18:35 clients.gamma.dialer.url: not an http(s) address
""".splitlines()
    for line, start in zip(wrong(text), expected, strict=True):
        assert line.startswith(f"syncd.yaml:{start}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clients:\n\tacme: 1\n  \tbeta: 2\n", ["2:1: a tab indents this line", "3:3: a tab indents this line"]),
        ("", ["1:1: the file is empty"]),
        ("# nothing\n", ["1:1: the file is empty"]),
        ("- a\n- b\n", ["1:1: the file is not made of `key: value` lines"]),
        ("store: a: b\n", ["1:9: not valid YAML: mapping values are not allowed in this context"]),
        ("store: 'abc\n", ["2:1: not valid YAML: found unexpected end of stream"]),
        ("store: @home\n", ["1:8: not valid YAML: a value begins with @"]),
        ("store: *home\n", ["1:8: not valid YAML: a value begins with *"]),
        ("store: a\n---\nstore: b\n", ["2:1: not valid YAML: but found another document"]),
        ("store: a\x07b\n", ["1:9: a control character stands here"]),
    ],
)
def test_what_is_not_yaml_is_named_with_line_and_column(wrong: Wrong, text: str, expected: list[str]) -> None:
    lines = wrong(text)
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(f"syncd.yaml:{start}")
        assert " – " in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "syncd.yaml:1:1 clients: is missing – The clients by name"),
        (HEAD, "syncd.yaml:2:3 clients.acme.pipelines: is missing – What is kept in step"),
        (HEAD + "    pipelines: {}\n", "syncd.yaml:5:5 clients.acme.pipelines: no pipeline – add one of leads"),
        (HEAD + "    pipelines:\n", "syncd.yaml:5:5 clients.acme.pipelines: nothing stands after the colon"),
        (HEAD + "    pipelines: 5\n", "syncd.yaml:5:16 clients.acme.pipelines: not a mapping – write `key: value`"),
        (LEADS % "" + "  Big Client: {}\n", "syncd.yaml:6:3 clients.Big Client: a key that cannot be used"),
        (LEADS % "" + "  beta:\n", "syncd.yaml:6:3 clients.beta: nothing stands after the colon"),
        (
            LEADS % "" + "log: {level: loud}\n",
            "syncd.yaml:6:14 log.level: not one of the possible values – write 'debug'",
        ),
        (LEADS % "" + "stop_seconds: 0s\n", "syncd.yaml:6:15 stop_seconds: a duration is more than zero"),
        (LEADS % "" + "x: &a {b: *a}\n", "syncd.yaml:6:4 x.b: an alias unfolds without end"),
        (LEADS % "" + "store: !Secret abc\n", "syncd.yaml:6:8 store: YAML tags are not used here"),
        (LEADS % "" + "log: {<<: {level: info}}\n", "syncd.yaml:6:7 log: a key is plain text – write the keys out"),
    ],
)
def test_a_key_that_is_missing_or_impossible_is_named(wrong: Wrong, text: str, expected: str) -> None:
    assert any(line.startswith(expected) for line in wrong(text)), wrong(text)


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("a: [x, y]", "a list of source fields needs its word – write {from: [first, second]}"),
        ("a: ~", "not the name of a source field – write {value: …} for a constant"),
        ("a: {}", "the field gets nothing – say `from: source field`, `value: constant` or `rules`"),
        ("a: {value: x, from: y}", "a constant `value` and `from` exclude each other"),
        ("a: {from: y, unmapped: pass}", "`unmapped` without a `map` – add the table, or leave `unmapped` out"),
        ("a: {from: y, map: {b: 1, B: 2}}", "two keys of `map` differ only in case or blanks"),
        ("a: {template: '{{ b'}", "not a template: unexpected end of template"),
        ("a: {template: '{{ b }}', from: c}", "`template` and `from` exclude each other"),
        ("a: {template: '{% for x in b %}{% endfor %}'}", "a template holds only {{ … }} and {% if … %}"),
        ("a: {from: b, agents: owner, map: {c: d}}", "`agents` and `map` exclude each other"),
        ("a: {from: b, agents: owner}", "the client has no `agents` – add the map"),
        ("a: {from: y, frm: z}", "unknown key, did you mean from?"),
        ("a: {rules: [{when: {}, value: 1}]}", "nothing stands here"),
        ("a: {rules: [{when: {b: {}}, value: 1}]}", "a test without a word what to test"),
        ("a: {rules: [{when: {b: ~}, value: 1}]}", "a test against nothing – write {blank: true} for an empty field"),
        ("a: {rules: [{when: {b: [c, {d: e}]}, value: 1}]}", "not a text"),
        ("a: {rules: [{when: sale, value: 1}]}", "flags alone are for calls; these records have none – name the field"),
        ("a: {rules: [{when: [], value: 1}]}", "a test against nothing"),
        ("a: {rules: [{when: true, value: 1}]}", "not a mapping"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_with_the_right_way_to_write_it(
    wrong: Wrong, field: str, what: str
) -> None:
    lines = wrong(LEADS % f", {field}")
    assert len(lines) == 1
    place, _, said = lines[0].partition(": ")
    assert place.startswith("syncd.yaml:5:")
    assert ".pipelines.leads.fields.a" in place
    assert said.startswith(what)


@pytest.mark.parametrize(
    ("crm", "pipelines", "expected"),
    [
        ("{type: vicidial, url: 'http://x', user: ab, password: a}", "leads: {start: now, fields: {phone_number: a}}",
         "3:17 clients.acme.crm.type: vicidial is a dialer – it belongs under `dialer:`"),
        ("{}", "leads: {start: now, fields: {phone_number: a}}",
         "3:5 clients.acme.crm.type: the connector's type is missing – write one of: hubspot"),
        ("{type: memory, tpye: x}", "leads: {start: now, fields: {phone_number: a}}",
         "3:25 clients.acme.crm.tpye: unknown key, did you mean type?"),
        ("{type: memory}", "calls: {start: now, fields: {call_key: uniqueid}}",
         "5:46 clients.acme.pipelines.calls.fields.call_key: call_key holds the key"),
        ("{type: memory}", "dispositions: {start: now, fields: {tel: {from: phone_number, transform: phone}}}",
         "5:53 clients.acme.pipelines.dispositions.fields.tel: the transform phone works only on the way to a dialer"),
        ("{type: memory}", "leads: {start: now, on_conflict: hold, fields: {phone_number: a}}",
         "5:37 clients.acme.pipelines.leads.on_conflict: unknown key"),
        ("{type: memory}", "leads: {start: 12:30, fields: {phone_number: a}}",
         "5:32 clients.acme.pipelines.leads.start: not a start – write all, now, a date"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_connectors_is_refused(wrong: Wrong, crm: str, pipelines: str, expected: str) -> None:
    text = HEAD.replace("{type: memory}", crm) + f"    pipelines: {{{pipelines}}}\n"
    lines = wrong(text)
    assert len(lines) == 1
    assert lines[0].startswith(f"syncd.yaml:{expected}")


def test_two_agents_with_one_owner_cannot_be_told_apart_on_the_way_back(wrong: Wrong, good: Load) -> None:
    agents = "    agents: {6666: ann@example.com, 7777: Ann@example.com}\n"
    fields = "{phone_number: a, owner: {from: OwnerId, agents: user}}"
    (line,) = wrong(HEAD + agents + f"    pipelines: {{leads: {{start: now, fields: {fields}}}}}\n")
    assert line.startswith("syncd.yaml:5:43 clients.acme.agents.7777: users 6666, 7777 have one owner")
    good(HEAD + agents + "    pipelines: {calls: {start: now, fields: {o: {from: user, agents: owner}}}}\n")
    (line,) = wrong(HEAD + "    agents: {ann: x, ANN: y}\n    pipelines: {calls: {start: now, fields: {o: user}}}\n")
    assert "two users of `agents` differ only in case" in line


def test_a_file_that_is_not_there_or_not_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="there is no such file – start from"):
        load(tmp_path / "none.yaml")
    with pytest.raises(errors.UserError, match="the file cannot be read"):
        load(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: b\nc: Köln\n".encode("latin-1"))
    with pytest.raises(errors.UserError, match=r"latin.yaml:2:5: the file is not UTF-8 text – save it as UTF-8"):
        load(latin)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    path.write_text("\ufeff" + LEADS % "", "utf-8")
    assert list(load(path).clients) == ["acme"]


def test_no_message_holds_a_value_that_might_be_a_password(wrong: Wrong) -> None:
    text = HEAD.replace('"${env:SYNCD_TEST_PASSWORD}"', f"[{PASSWORD}]") + "    pipelines: {}\n"
    assert len(wrong(text)) == 2
    for value in (f"!{PASSWORD}", f"*{PASSWORD}", f"@{PASSWORD}", f"'{PASSWORD}", f"{{a: {PASSWORD}"):
        wrong(HEAD.replace('"${env:SYNCD_TEST_PASSWORD}"', value))


def test_a_literal_password_that_everybody_may_read_is_a_warning_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    path.write_text(
        f"store: postgresql://u:{PASSWORD}@h/db\n{(LEADS % '').replace('${env:SYNCD_TEST_PASSWORD}', 'abc')}"
    )
    path.chmod(0o644)
    warnings = load(path).warnings
    assert [warning.where.partition(" ")[2] for warning in warnings] == ["store", "clients.acme.dialer.password"]
    assert not any(warning.fatal for warning in warnings)
    assert PASSWORD not in str(warnings)
    path.chmod(0o640)
    assert load(path).warnings == ()


def test_passwords_from_elsewhere_are_no_warning(good: Load) -> None:
    assert good(LEADS % "").warnings == ()


def test_a_policy_for_nothing_and_a_field_with_two_writers_are_told(wrong: Wrong) -> None:
    pipelines = """\
    pipelines:
      dispositions: {start: now, fields: {last: call_date, name: user}}
      edits: {start: now, policy: {mail: crm}, fields: {email: email}}
"""
    (line,) = wrong(HEAD + pipelines)
    assert "clients.acme.pipelines.edits: `policy` names mail, which `fields` does not write" in line
    (line,) = wrong(HEAD + pipelines.replace("policy: {mail: crm}, fields: {email", "fields: {name: last_name, email"))
    assert line.startswith("syncd.yaml:7:36 clients.acme.pipelines.edits.fields.name: dispositions writes name, too")


def test_recordings_need_calls_and_fields_of_their_own(wrong: Wrong) -> None:
    pipelines = """\
    pipelines:
      calls: {start: now, fields: {person: crm_id, link: status}}
      recordings: {start: now, fields: {link: recording_url}}
"""
    (line,) = wrong(HEAD + pipelines)
    assert line.startswith("syncd.yaml:7:41 clients.acme.pipelines.recordings.fields.link: calls writes link, too")
    (line,) = wrong(HEAD + pipelines.replace("calls:", "dispositions:"))
    assert "clients.acme.pipelines.recordings: without `calls` no call has a record in the CRM" in line


def test_statistics_are_off_unless_said_every_half_minute_and_not_too_often(wrong: Wrong, good: Load) -> None:
    text = HEAD + "    pipelines: {leads: {start: now, fields: {phone_number: a}}}\n"
    assert good(text).clients["acme"].statistics is None
    said = good(text + "    statistics: {}\n").clients["acme"].statistics
    assert said is not None
    assert said.every == 30.0
    [line] = wrong(text + "    statistics: {every: 200ms}\n")
    assert line.startswith("syncd.yaml:6:")
    assert "clients.acme.statistics: every reading is several requests" in line


def test_statistics_need_a_system_that_tells_them(
    wrong: Wrong, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site" / "mute-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mute\nVersion: 1\n", "utf-8")
    entry = "[syncd.connectors]\nmute = syncd.sdk.testing.memory:MemoryDialer\n"
    (installed / "entry_points.txt").write_text(entry, "utf-8")
    monkeypatch.syspath_prepend(installed.parent)
    registry.load.cache_clear()
    registry.names.cache_clear()
    try:
        text = HEAD.partition("    dialer:")[0] + "    dialer: {type: mute}\n"
        [line] = wrong(text + "    pipelines: {leads: {start: now, fields: {phone_number: a}}}\n    statistics: {}\n")
    finally:
        registry.load.cache_clear()
        registry.names.cache_clear()
    assert line.startswith("syncd.yaml:6:5 clients.acme.statistics: neither the CRM nor the dialer tells statistics")


@pytest.mark.parametrize(
    ("wrong", "known", "hint"),
    [
        ("dispo", ["edits", "dispositions", "calls"], "did you mean dispositions?"),
        ("pause", ["pause_code", "external_pause", "park_call"], "did you mean pause_code or external_pause?"),
        ("call", ["calls", "callbacks"], "did you mean calls?"),
        ("evry", ["every", "start"], "did you mean every?"),
        ("fly", ["edits", "calls"], "there are: calls, edits"),
    ],
)
def test_a_part_of_a_name_is_understood(wrong: str, known: list[str], hint: str) -> None:
    assert scalars.choices(wrong, known) == hint


def test_a_retention_that_would_delete_what_is_needed_is_refused(wrong: Wrong, good: Load) -> None:
    text = LEADS % ""
    (line,) = wrong(f"retention: {{settled: 1d}}\n{text}")
    assert line.startswith("syncd.yaml:1:")
    assert "`settled` would delete what guards and look-ups still need – keep two days (2d) or more" in line
    assert good(f"retention: {{settled: 2d, events: }}\n{text}").retention.events is None
