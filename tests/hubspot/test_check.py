"""What `check` says and `syncd setup` makes."""

import json
import subprocess
import sysconfig
from pathlib import Path

import yaml

from syncd.simulators.hubspot import defaults
from tests.hubspot.portal import key_property, opened


def test_a_fresh_portal_lacks_only_the_unique_properties_and_setup_makes_them() -> None:
    with opened(tasks={}) as portal:
        problems = portal.connector.check()
        assert [problem.what for problem in problems] == [
            "calls have no property vicidial_call_id",
            "tasks have no property vicidial_callback_id",
        ]
        assert [problem.where for problem in problems] == ["calls.key_property", "tasks.key_property"]
        assert all("syncd setup" in problem.fix for problem in problems)
        for step in portal.connector.missing():
            portal.connector.set_up(step)
            portal.connector.set_up(step)
        assert portal.connector.missing() == []
        assert portal.connector.check() == []
        kinds = portal.sim.world.kinds
        assert "vicidial_callback_id" not in kinds["calls"].properties
        assert kinds["tasks"].properties["vicidial_callback_id"].unique


def test_a_property_that_is_not_unique_is_named() -> None:
    for kind in ("calls", "tasks"):
        state = key_property()
        state["properties"][kind][0]["hasUniqueValue"] = False
        with opened(state, tasks={}) as portal:
            (problem,) = portal.connector.check()
            assert "does not have unique values" in problem.what
            assert problem.where == f"{kind}.key_property"


def test_a_missing_scope_is_named_and_nothing_is_changed() -> None:
    scopes = [scope for scope in defaults.SCOPES if scope != "crm.objects.contacts.write"]
    with opened({**key_property(), "tokens": {"pat-sim": scopes}}, tasks={}) as portal:
        found = portal.connector.check()
        assert found
        assert all("crm.objects.contacts.write" in problem.what for problem in found)


def test_a_wrong_token_object_or_portal_is_said() -> None:
    with opened(key_property(), object="p_nothing") as portal:
        assert "no object p_nothing" in portal.connector.check()[0].what
    with opened(key_property(), token="wrong") as portal:
        assert "token" in portal.connector.check()[0].what
    with opened(key_property(), portal="1") as portal:
        assert "portal 4242" in portal.connector.check()[0].what


def test_custom_objects_and_leads_are_read_by_type_id_or_name() -> None:
    for kind, name in (("2-4711", "p_patients"), ("p_patients", "p_patients"), ("leads", "leads")):
        with opened(key_property(), object=kind) as portal:
            (one,) = portal.add({"phone": "1"}, kind=name)
            assert portal.connector.check() == []
            assert [record.id for page in portal.pull(None, "phone") for record in page.records] == [one]


def test_the_command_shows_the_step_and_makes_it_only_when_agreed(tmp_path: Path) -> None:
    with opened() as portal:
        options = {"type": "hubspot", "token": "pat-sim", "url": portal.sim.url, "calls": {}}
        dialer = {"type": "vicidial", "url": "http://127.0.0.1:1", "user": "6666", "password": "1234"}
        leads = {"start": "all", "fields": {"phone_number": "phone", "list_id": {"value": "101"}}}
        config = tmp_path / "syncd.yaml"
        client = {"crm": options, "dialer": dialer, "pipelines": {"leads": leads}}
        config.write_text(yaml.safe_dump({"store": f"sqlite:///{tmp_path}/s.db", "clients": {"acme": client}}))
        config.chmod(0o600)

        def setup(*more: str) -> tuple[int, dict[str, object]]:
            program = Path(sysconfig.get_path("scripts"), "syncd").as_posix()
            command = [program, "--config", str(config), "--json", "setup", "acme"]
            ended = subprocess.run(
                [*command, *more], capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
            )
            assert "Traceback" not in ended.stderr, ended.stderr
            return ended.returncode, json.loads(ended.stdout.splitlines()[-1])

        code, said = setup()
        assert (code, len(str(said["missing"])) > 10, said["made"]) == (1, True, [])
        assert "vicidial_call_id" not in portal.sim.world.kinds["calls"].properties
        assert setup("--yes")[0] == 0
        assert portal.sim.world.kinds["calls"].properties["vicidial_call_id"].unique
        assert setup() == (0, {"client": "acme", "missing": [], "made": []})
