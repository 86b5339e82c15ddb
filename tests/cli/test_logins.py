"""Through the real doors a wrong password is never sent ten times in 15 minutes: daemon restarts, clients, commands."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import ExitStack, closing
from typing import Any

from syncd.simulators import vicidial
from tests.cli import shop as shops


def several(shop: shops.Shop, password: str, clients: int) -> None:
    """So many clients on one VICIdial, with one user."""
    settings = shop.settings()
    acme: dict[str, Any] = settings["clients"].pop("acme")
    acme["dialer"]["password"] = password
    settings["clients"] = {f"client{number}": acme for number in range(clients)}
    shop.write(settings)


def user(shop: shops.Shop, **fields: object) -> dict[str, Any]:
    with shop.sim.world.lock:
        found = shop.sim.world.users["6666"]
        for name, value in fields.items():
            setattr(found, name, value)
        return {"refused": found.refused_logins, "in a row": found.failed_login_count}


def paused(shop: shops.Shop) -> int:
    [(count,)] = shop.query("SELECT count(*) FROM pipeline WHERE paused = 'auth'")
    return int(count)


def forget_pauses(shop: shops.Shop) -> None:
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        connection.execute("UPDATE pipeline SET paused = '', paused_until = NULL")
        connection.execute("UPDATE stream SET next_due_at = NULL")


def test_a_daemon_that_is_started_again_and_again_with_clients_that_share_a_login_tries_it_once(
    shop: shops.Shop,
) -> None:
    shop.people(3)
    several(shop, "wrong", clients=3)
    for _ in range(2):
        forget_pauses(shop)  # what only the pauses of the clients keep from happening must not happen without them
        with shop.daemon() as daemon:
            daemon.wait_for(lambda: paused(shop) == 3 * 3)
    assert user(shop) == {"refused": 1, "in a row": 1}
    ran = shop.syncd("status", "client2")
    assert "the login of user 6666 was refused at" in ran.out
    assert "a new password in the configuration is tried at once" in ran.out
    assert "`syncd resume client2`" in ran.out
    assert "wrong" not in ran.out


def test_commands_in_a_loop_with_a_wrong_password_try_it_once(shop: shops.Shop) -> None:
    shop.people(1)
    several(shop, "wrong", clients=1)
    commands = [
        ("config", "check"),
        ("plan", "client0"),
        ("run", "--once"),
        ("backfill", "client0", "calls", "--since", "1d"),
        ("doctor",),
        ("doctor", "client0"),
        ("config", "check"),
    ]
    all_ran = [shop.syncd(*command) for command in commands]
    for ran in all_ran:
        assert ran.code == 2, ran
        assert "Traceback" not in ran.err
    assert user(shop) == {"refused": 1, "in a row": 1}
    assert "is not tried again before" in all_ran[-1].err
    assert shop.leads() == []


def test_commands_that_start_at_the_same_moment_as_a_daemon_try_a_wrong_password_once(shop: shops.Shop) -> None:
    """Over several clients of one slow server: each process is ready to send before any has an answer."""
    commands = [
        ("agent", "client0", "external_pause", "1001", "--value", "PAUSE"),
        ("stats", "client1"),
    ]
    shop.people(1)
    with vicidial.serve(service_ms=2000) as slow, ExitStack() as stack:
        shop.sim = slow
        several(shop, "wrong", clients=3)
        daemon = stack.enter_context(shop.daemon())
        running = [
            subprocess.Popen(
                [shops.COMMAND, *command],
                env=shop.environ({}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for command in commands
        ]
        told = [process.communicate(timeout=shops.PATIENCE_SECONDS)[1].decode() for process in running]
        daemon.wait_for(lambda: paused(shop) == 3 * 3)
        assert [process.returncode for process in running] == [2] * len(commands), told
        assert user(shop) == {"refused": 1, "in a row": 1}


def test_a_new_password_is_tried_at_once_and_what_was_mended_in_vicidial_after_a_resume(shop: shops.Shop) -> None:
    shop.people(2)
    several(shop, "wrong", clients=1)
    assert shop.syncd("run", "--once").code == 2
    several(shop, "wrong2", clients=1)
    assert shop.syncd("config", "check").code == 2
    assert user(shop)["refused"] == 2
    user(shop, password="wrong2")
    assert shop.syncd("config", "check").code == 2, "nobody has said that it is mended"
    assert user(shop)["refused"] == 2
    assert shop.syncd("resume", "client0").code == 0
    assert shop.syncd("run", "--once").code == 0
    assert user(shop) == {"refused": 2, "in a row": 0}
    assert len(shop.leads()) == 2


def test_without_a_store_one_command_tries_it_once_for_all_clients(bare: shops.Shop) -> None:
    several(bare, "wrong", clients=6)
    ran = bare.syncd("config", "check")
    assert ran.code == 2
    assert user(bare) == {"refused": 1, "in a row": 1}
    assert not bare.store.exists()
