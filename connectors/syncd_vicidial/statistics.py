"""Live statistics of campaigns and in-groups: what the server tells, put together; what it does not tell stays unknown.

Source: non_agent_api.php, trunk 3884, and recordings (status-stats, in-group-status, campaigns-list, logged-in-agents,
unknown-function-stats). `in_group_status` gives one sum for all groups that it is asked for, and counts the waiting
calls of a campaign as well as those of an in-group. `campaign_call_stats` is an addition of some sites.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.sdk import errors, protocol
from syncd_vicidial import answers
from syncd_vicidial.api import Api
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.options import Options

_ALL = "---ALL---"
_NAME = re.compile(r"[A-Za-z0-9_]{1,20}")  # what is not one of these, call_status_stats takes apart
_CAMPAIGNS_SECONDS = 300.0
_MOST_CHARACTERS = 9000  # of a list of names; VICIdial ignores one of 10000
_DROPS = ("DROP", "XDROP", "PDROP")
_LIVE = ("calls_waiting", "agents_logged_in", "agents_in_calls", "agents_waiting", "agents_paused")
_AGENTS = {  # ours → the column of in_group_status
    "agents_available": "agents_waiting",
    "agents_logged_in": "agents_logged_in",
    "agents_in_calls": "agents_in_calls",
    "agents_paused": "agents_paused",
}
_ROW_PARTS = 6  # of call_status_stats: name, calls, answered by a human, by hour, by status, nothing

Row = Mapping[str, str]


class Statistics:
    """Reads them, one request after the other. A function that the server does not have leaves its figures unknown."""

    def __init__(self, api: Api, options: Options, capabilities: Capabilities) -> None:
        self._api = api
        self._options = options
        self._capabilities = capabilities
        self._known: tuple[str, ...] = ()
        self._known_until = 0.0

    def read(self) -> list[protocol.Statistics]:
        """See `protocol.TellsStatistics`."""
        campaigns = self._campaigns()
        told = self._of_addition(campaigns)
        out = told or {}
        if told is None:
            waiting = self._live(campaigns, ("calls_waiting",))
            out = {name: {"calls_waiting": waiting.get(name, {}).get("calls_waiting")} for name in campaigns}
        calls, in_groups = self._today(campaigns, also=told is None)
        live = self._live(in_groups, _LIVE)
        agents = self._agents(campaigns)
        found = [
            _made(name, "out", agents.get(name, {}), calls.get(("out", name), {}), out[name]) for name in campaigns
        ]
        for name in in_groups:
            own = live.get(name, {})
            figures = {ours: own.get(theirs) for ours, theirs in _AGENTS.items()}
            waits = {"calls_waiting": own.get("calls_waiting")}
            found.append(_made(name, "in", figures, calls.get(("in", name), {}), waits))
        unseen = [] if _ALL in self._options.campaigns else [*self._options.campaigns]
        return [*found, *(protocol.Statistics(name, "out") for name in unseen if name not in campaigns)]

    def by_status(self, day: str) -> dict[tuple[str, str], dict[str, int]]:
        """(leg, campaign or in-group) → status → calls of a day (YYYY-MM-DD, the server's). A campaign and an in-group
        of one name are left out, since their statuses are added up. Raises AuthFailed, RetryLater."""
        campaigns = [name for name in self._campaigns() if _NAME.fullmatch(name)]
        if not campaigns:
            return {}
        chosen = [name for name in self._options.in_groups if _NAME.fullmatch(name)]
        named = {} if _ALL in self._options.in_groups or not chosen else {"ingroups": "-".join(chosen)}
        asked = {"campaigns": "-".join(campaigns), "query_date": day, "end_date": day, **named}
        text = self._api.read("call_status_stats", asked)
        rows = [found for line in _lines("call_status_stats", text) if (found := _by_status(line))]
        if not rows and self._lacks("call_status_stats", text, none=""):
            return {}
        times = Counter(name for name, _ in rows)
        return {("out" if name in campaigns else "in", name): statuses for name, statuses in rows if times[name] == 1}

    def _campaigns(self) -> tuple[str, ...]:
        """The campaigns that the options choose, of those that the user may see: all active ones, or those named."""
        if time.monotonic() >= self._known_until:
            rows = self._table(
                "campaigns_list", {}, key="campaign_id", free="campaign_name", none="NO VIEWABLE CAMPAIGNS"
            )
            chosen = self._options.campaigns
            self._known = tuple(
                row["campaign_id"]
                for row in rows or ()
                if row["campaign_id"] in chosen or (_ALL in chosen and row.get("active") == "Y")
            )
            self._known_until = time.monotonic() + _CAMPAIGNS_SECONDS
        return self._known

    def _of_addition(self, campaigns: Sequence[str]) -> dict[str, dict[str, float | None]] | None:
        """What `campaign_call_stats` tells of each campaign; None where the server has no such function or the user may
        not call it, which may show only when it is asked about a campaign."""
        if not self._capabilities.may("campaign_call_stats"):
            return None
        try:
            return self._told_by_addition(campaigns)
        except errors.LoginRefused:
            raise
        except errors.AuthFailed:
            return None

    def _told_by_addition(self, campaigns: Sequence[str]) -> dict[str, dict[str, float | None]] | None:
        found: dict[str, dict[str, float | None]] = {}
        for name in campaigns:
            rows = self._table(
                "campaign_call_stats", {"campaign_id": name}, key="calls_in_queue", none="CAMPAIGN DOES NOT EXIST"
            )
            if rows is None:
                return None
            own = [row for row in rows if row.get("campaign_id", name) == name]
            row = own[0] if len(own) == 1 else {}
            found[name] = {
                "calls_waiting": _whole(row.get("calls_in_queue")),
                "agents_available": _whole(row.get("agents_available")),
                "abandon_percent": _decimal(row.get("abandon_rate", "").removesuffix("%")),
                "answer_seconds": _decimal(row.get("average_speed_of_answer")),
                "calls_today": _whole(row.get("calls_today")),
            }
        return found

    def _agents(self, campaigns: Sequence[str]) -> dict[str, dict[str, float | None]]:
        """Agents by what they do, by campaign; they are counted as `in_group_status` counts them."""
        if not campaigns:
            return {}
        rows = self._table("logged_in_agents", {}, key="user", free="full_name", none="NO LOGGED IN AGENTS")
        if rows is None:
            return {}
        counts = {name: Counter[str]() for name in campaigns}
        for row in rows:
            if not {"campaign_id", "status", "lead_id"} <= row.keys():
                raise errors.RetryLater("logged_in_agents lacks columns")
            if row["campaign_id"] in counts:
                counts[row["campaign_id"]].update(_doing(row["status"], row["lead_id"]))
        return {name: {figure: counted[figure] for figure in _AGENTS} for name, counted in counts.items()}

    def _live(self, groups: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, int]]:
        """These columns of `in_group_status` for each group. First for all at once: where that sum is nothing, so is
        each of them."""
        together = "|".join(groups)
        if len(groups) > 1 and len(together) < _MOST_CHARACTERS:
            whole = self._status(together, columns)
            if whole is None:
                return {}
            if not any(whole.values()):
                return dict.fromkeys(groups, whole)
        found = {}
        for name in groups:
            row = self._status(name, columns)
            if row is None:
                return {}
            found[name] = row
        return found

    def _status(self, groups: str, columns: Sequence[str]) -> dict[str, int] | None:
        rows = self._table("in_group_status", {"in_groups": groups}, key="ingroups")
        if rows is None:
            return None
        numbers = {name: _whole(rows[0].get(name)) for name in columns} if len(rows) == 1 else {}
        whole = {name: number for name, number in numbers.items() if number is not None}
        if len(whole) < len(columns) or rows[0]["ingroups"] != groups.replace("|", " "):
            raise _not_understood("in_group_status")
        return whole

    def _today(
        self, campaigns: Sequence[str], *, also: bool
    ) -> tuple[dict[tuple[str, str], dict[str, float | None]], list[str]]:
        """Today's calls by leg and group (`also`: of campaigns), and the in-groups that the options choose: `---ALL---`
        are those from which a campaign takes calls, which `call_status_stats` lists where it is not told any."""
        chosen = [name for name in self._options.in_groups if name != _ALL]
        every = _ALL in self._options.in_groups
        asked = [name for name in campaigns if _NAME.fullmatch(name)]
        if not asked or not (also or chosen or every):
            return {}, chosen
        named = {} if every or not chosen else {"ingroups": "-".join(filter(_NAME.fullmatch, chosen))}
        text = self._api.read("call_status_stats", {"campaigns": "-".join(asked), **named})
        rows = [found for line in _lines("call_status_stats", text) if (found := _stats(line))]
        if not rows and self._lacks("call_status_stats", text, none=""):
            return {}, chosen
        times = Counter(name for name, *_ in rows)
        calls = {}
        for name, total, answered, drops in rows:
            if times[name] > 1:
                continue  # a campaign and an in-group of one name: VICIdial adds their statuses up
            leg = "out" if name in asked else "in"
            of = answered if leg == "out" else total
            share = round(100 * drops / of, 2) if of and drops <= of else None
            calls[leg, name] = {"calls_today": total, "abandon_percent": share}
        listed = [name for leg, name in calls if leg == "in" and _NAME.fullmatch(name)]
        return calls, listed if every else chosen

    def _table(
        self, function: str, parameters: Mapping[str, str], *, key: str, free: str = "", none: str = ""
    ) -> list[Row] | None:
        """The rows of an answer with a header that names `key`; no rows for an ERROR that says `none`; None where the
        server has no such function. `free` is the column that may hold the separator. Raises AuthFailed, RetryLater."""
        asked = self._options.name_of(function) or function
        text = self._api.read(function, {**parameters, "header": "YES", "stage": "pipe"})
        header, _, _ = text.partition("\n")
        names = header.rstrip("\r").split("|")
        if key not in names:
            return None if self._lacks(asked, text, none) else []
        rows: list[Row] = []
        for line in _lines(asked, text)[1:]:
            parts = line.split("|")
            surplus = len(parts) - len(names)
            if surplus > 0 and free in names:
                at = names.index(free)
                parts[at : at + surplus + 1] = ["|".join(parts[at : at + surplus + 1])]
            if len(parts) != len(names):
                raise _not_understood(asked)
            rows.append(dict(zip(names, parts, strict=True)))
        return rows

    def _lacks(self, function: str, text: str, none: str) -> bool:
        """Given an answer without rows: whether the server has no such function; False where it says `none`.
        `function`: its name on the server."""
        lines = answers.parse(text[:2000])
        message = lines[0].message if lines and lines[0].kind == "ERROR" else ""
        if message == "NO FUNCTION SPECIFIED":
            return True
        if none and none in message:
            return False
        refused = answers.refusal(lines[0], function, self._api.user) if message else None
        raise refused or _not_understood(function)


def _lines(function: str, text: str) -> list[str]:
    """The lines of an answer; raise RetryLater where the last one has no end."""
    if not text.endswith("\n"):
        raise _not_understood(function)
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]


def _not_understood(function: str) -> errors.RetryLater:
    return errors.RetryLater(f"{function} gives an answer that is not understood, or a part of one")


def _stats(line: str) -> tuple[str, int, int, int] | None:
    """Given a line of call_status_stats, return group, calls, those answered by a human, dropped ones; None for a line
    that is none, or whose parts do not add up."""
    parts = line.split("|")
    if len(parts) != _ROW_PARTS or not parts[1].isdecimal() or not parts[2].isdecimal():
        return None
    total = int(parts[1])
    by_hour, by_status = (_counts(part) for part in parts[3:5])
    if by_hour is None or by_status is None or sum(by_hour.values()) != total or sum(by_status.values()) != total:
        return None
    return parts[0], total, int(parts[2]), sum(by_status.get(status, 0) for status in _DROPS)


def _by_status(line: str) -> tuple[str, dict[str, int]] | None:
    """Given a line of call_status_stats, return group and calls by status; None as with `_stats`."""
    if _stats(line) is None:
        return None
    parts = line.split("|")
    counts = _counts(parts[4])
    return None if counts is None else (parts[0], counts)


def _counts(part: str) -> dict[str, int] | None:
    pairs = [item.rpartition("-") for item in part.split(",")] if part else []
    if not all(number.isdecimal() for _, _, number in pairs):
        return None
    return {name: int(number) for name, _, number in pairs}


def _doing(status: str, lead_id: str) -> list[str]:
    """The figures that an agent counts for; one who is ready or paused with a lead is still writing up its call."""
    found, is_idle = ["agents_logged_in"], lead_id in ("", "0")
    if any(word in status for word in ("INCALL", "DIAL", "QUEUE", "PARK")):
        found.append("agents_in_calls")
    elif status == "CLOSER" or (status == "READY" and is_idle):
        found.append("agents_available")
    elif status == "PAUSED" and is_idle:
        found.append("agents_paused")
    return found


def _made(name: str, leg: str, *figures: Mapping[str, float | None]) -> protocol.Statistics:
    """Of each figure what is known; what comes last counts."""
    known = {key: value for part in figures for key, value in part.items() if value is not None}
    return replace(protocol.Statistics(name, "out" if leg == "out" else "in"), **known)  # type: ignore[arg-type]


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and text.isascii() else None


def _decimal(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else None
