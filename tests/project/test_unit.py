"""The systemd unit that is shipped."""

import re
import shutil
import subprocess
from pathlib import Path

from syncd.config import references
from syncd.daemon import unit
from tests.cli import shop as shops
from tests.services.missing import missing

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "syncd.service"
INSTALLED = "/opt/syncd/bin/syncd"


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        missing("no systemd-analyze; on Debian and Ubuntu: apt-get install systemd")
    # systemd checks that the program exists, which it does only where syncd is installed.
    program = tmp_path / "syncd"
    program.touch(mode=0o755)
    text = UNIT.read_text()
    assert INSTALLED in text
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(INSTALLED, str(program)))

    result = subprocess.run(
        [analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )

    # An unknown or misspelt setting is only a warning to systemd; those of the machine's other units are not ours.
    warnings = [line for line in (result.stdout + result.stderr).splitlines() if UNIT.name in line]
    assert warnings == []
    assert result.returncode == 0, result.stderr


def test_the_unit_hands_over_the_very_secrets_that_the_example_asks_for_and_the_readme_makes() -> None:
    example, unit, readme = (
        path.read_text("utf-8") for path in (ROOT / "config.example.yaml", UNIT, ROOT / "README.md")
    )
    values = "\n".join(line.partition("#")[0] for line in example.splitlines())
    asked = set(re.findall(r"\$\{(\w+:[^}]*)\}", values))
    handed = dict(re.findall(r"^LoadCredential=(\w+):(\S+)$", unit, re.MULTILINE))
    assert asked == {f"credential:{name}" for name in handed}
    assert set(handed.values()) == {f"/etc/syncd/credentials/{name}" for name in handed}
    assert [path for path in handed.values() if path not in readme] == []
    assert "CREDENTIALS_DIRECTORY=/etc/syncd/credentials" in readme


def test_the_readme_sets_up_what_the_unit_runs() -> None:
    unit, readme = UNIT.read_text("utf-8"), (ROOT / "README.md").read_text("utf-8")
    user, home = (re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)[0] for key in ("User", "WorkingDirectory"))
    assert f"useradd --system --user-group --home-dir {home}" in readme
    assert f"install -d -m 0700 -o {user} -g {user} {home}" in readme
    assert f"runuser -u {user} -- " in readme
    assert INSTALLED in readme


def test_it_is_the_unit_that_syncd_prints_for_the_example(tmp_path: Path) -> None:
    config = tmp_path / "syncd.yaml"
    config.write_text((ROOT / "config.example.yaml").read_text("utf-8"), "utf-8")
    asked = references.asked(config)
    made = unit.render(asked, program=Path(INSTALLED), config=Path("/etc/syncd/syncd.yaml"), user="syncd")
    assert made.problems == ()
    assert UNIT.read_text("utf-8").partition("[Unit]")[2] == made.text.partition("[Unit]")[2]


def test_its_exposure_is_low() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        missing("no systemd-analyze; on Debian and Ubuntu: apt-get install systemd")
    result = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 0, result.stdout[-200:] + result.stderr
    assert "Overall exposure level" in result.stdout


def test_a_unit_names_every_secret_and_folder_of_its_configuration(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["stop_seconds"] = "5m"
    settings["clients"]["acme"]["dialer"]["password"] = "${credential:dialer}"
    settings["clients"]["acme"]["dialer"]["user"] = "${env:DIALER_USER}"
    shop.write(settings)
    clients = shop.folder / "clients"
    clients.mkdir()
    (clients / "beta.yaml").write_text("crm: {type: hubspot, token: '${credential:hubspot}'}  # ${credential:no}\n")
    ran = shop.syncd("systemd-unit", "--program", INSTALLED, "--user", "dialling")
    assert ran.code == 0, ran.err
    for line in (
        f"ExecStart={INSTALLED} run --config {shop.config}",
        "User=dialling",
        f"LoadCredential=dialer:{shop.folder}/credentials/dialer",
        f"LoadCredential=hubspot:{shop.folder}/credentials/hubspot",
        f"EnvironmentFile={shop.folder}/environment",
        f"ReadWritePaths={shop.folder}",
        "TimeoutStopSec=360",
    ):
        assert line in ran.out.splitlines(), line
    assert "credential:no" not in ran.out
    assert "ConfigurationDirectory" not in ran.out
    assert shop.syncd("systemd-unit", "--program", "/home/ann/syncd").err.startswith("warning: /home/ann/syncd")
