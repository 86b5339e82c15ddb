"""The Debian package: installed, upgraded and removed in a root of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.missing import missing

ROOT = Path(__file__).parents[2]
KEPT = {"etc/syncd", "etc/syncd/clients", "etc/syncd/credentials", "var/lib/syncd"}


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Machine:
    """A root in which nothing is installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("updates", "info"):
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        for name in ("status", "available"):
            (root / "var/lib/dpkg" / name).touch()

    def dpkg(self, *arguments: str | Path) -> str:
        """Run dpkg on it. Its scripts run outside of it, with $DPKG_ROOT, since there is nothing inside to run them."""
        forced = "--force-depends,script-chrootless,not-root,bad-path"
        return run("dpkg", f"--root={self.root}", forced, f"--log={self.root}/dpkg.log", *arguments)

    def files(self) -> set[str]:
        found = {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
        return {name for name in found if not name.startswith(("var/lib/dpkg", "dpkg.log"))}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("dpkg", "dpkg-deb"):
        if shutil.which(tool) is None:
            missing(f"no {tool}: this is no Debian or Ubuntu")
    return Path(run(ROOT / "deploy" / "deb" / "build", tmp_path_factory.mktemp("deb")).strip())


def newer(package: Path, folder: Path) -> Path:
    """The same with a higher version, one file less and one more."""
    tree = folder / "tree"
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 99.0", control.read_text("utf-8")), "utf-8")
    (tree / "usr/share/doc/syncd/CHANGELOG.md").rename(tree / "usr/share/doc/syncd/NEWS.md")
    made = folder / "newer.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made)
    return made


@pytest.mark.timeout(300)
def test_it_installs_upgrades_and_removes_cleanly(package: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "root")
    machine.dpkg("--install", package)
    assert {"lib/systemd/system/syncd.service", "usr/bin/syncd", "opt/syncd/bin/syncd"} | KEPT <= machine.files()
    site = next((machine.root / "opt/syncd/lib").glob("python3.*/site-packages"))
    version = run(
        sys.executable, "-I", "-S", "-c",
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from syncd.cli.main import main; sys.exit(main())",
        site, "--version",
    )  # fmt: skip
    assert version.strip() == re.findall(r"_([^_]+)_", package.name)[0]
    texts = [path for path in (machine.root / "opt/syncd/bin").iterdir() if path.is_file() and not path.is_symlink()]
    assert not [path for path in texts if str(ROOT).encode() in path.read_bytes()], "nothing names where it was built"
    assert (machine.root / "opt/syncd/bin/python").readlink() == Path("/usr/bin/python3")

    (machine.root / "etc/syncd/syncd.yaml").write_text("clients: {}\n", "utf-8")
    (machine.root / "var/lib/syncd/syncd.db").touch()
    machine.dpkg("--install", newer(package, tmp_path))
    assert "Version: 99.0" in machine.dpkg("--status", "syncd")
    assert (machine.root / "usr/share/doc/syncd/NEWS.md").exists()
    assert not (machine.root / "usr/share/doc/syncd/CHANGELOG.md").exists()

    (site / "syncd" / "__pycache__").mkdir(exist_ok=True)
    (site / "syncd" / "__pycache__" / "x.pyc").touch()
    machine.dpkg("--purge", "syncd")
    left = {name for name in machine.files() if not (machine.root / name).is_dir()}
    assert left == {"etc/syncd/syncd.yaml", "var/lib/syncd/syncd.db"}, "what tells who must not be called stays"


def test_the_scripts_are_shell_that_dash_understands() -> None:
    for name in ("postinst", "prerm", "postrm", "syncd"):
        run("sh", "-n", ROOT / "deploy" / "deb" / name)
