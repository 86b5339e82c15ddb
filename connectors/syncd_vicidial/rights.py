"""From what a server said of its functions to the user's settings: which are there, missing, or more than is needed.

No function prints a user's settings. But each function wants some of them, so those of a function that may be called
are there, and one that is refused lacks just what it wants beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from syncd.sdk import protocol
from syncd_vicidial import permissions
from syncd_vicidial.permissions import LEADS, NEEDED, WORDS
from syncd_vicidial.probes import Told

# What an operator may do by hand, beside what the pipelines do.
_UNLESS: Mapping[str, str] = {
    "delete_from_dnc": ", unless you use `syncd dnc remove`",
    "user_level": ", unless you use `syncd stats`",
    "view_reports": ", unless you use `syncd recordings`, `syncd stats` or `syncd why`",
    "modify_lists": ", unless you use `syncd why`",
    "modify_campaigns": ", unless you use `syncd agent … set_timer_action`",
}
_SHOWN = 3
_LOWEST = 7  # no user of a lower level is let in
_SETTINGS = tuple(name for name in WORDS if not name.startswith(("user_level", "api_")))


@dataclass(frozen=True, slots=True)
class Rights:
    """What follows from `told` (function → what the server said of it) and `level` (the user's, where it was seen)."""

    user: str
    told: Mapping[str, Told]
    level: int | None = None
    has: Mapping[str, bool | None] = field(init=False)  # setting → whether the user has it; None: it cannot be seen

    def __post_init__(self) -> None:
        object.__setattr__(self, "has", {name: self._has(name) for name in _SETTINGS})

    @property
    def least(self) -> int:
        """The user's level, or the lowest that it can be."""
        if self.level is not None:
            return self.level
        return max([_LOWEST, *(NEEDED[one].level for one, told in self.told.items() if told.state == "may")])

    def _proven(self) -> set[str]:
        return {right for one, told in self.told.items() if told.state == "may" for right in NEEDED[one].rights}

    def _has(self, setting: str) -> bool | None:
        proven = self._proven()
        if setting in proven and not (setting == LEADS and self._may_only_look()):
            return True
        for one, told in self.told.items():
            if told.lacks == setting:
                return False
            needs = NEEDED[one]
            rest = set(needs.rights) - {setting}
            refused = told.state == "may_not" and not told.lacks and setting in needs.rights
            if refused and rest <= proven and self.least >= needs.level:
                return False
        return None

    def _may_only_look(self) -> bool:
        """Whether Modify Leads is 5: leads can be looked at and not changed."""
        look, change = self.told.get("lead_search"), self.told.get("update_lead")
        return look is not None and look.state == "may" and change is not None and change.state == "may_not"

    def lacking(self, function: str) -> str:
        """What of the user is to be changed so that the function may be called."""
        told, needs = self.told[function], NEEDED[function]
        if told.state == "not_allowed":
            return self.where("api_allowed_functions", f"add {function}")
        if told.lacks == "allowed_reports":
            return "User Groups › the user's group › Allowed Reports: add Export Calls Report"
        if told.lacks:
            return self.where(told.lacks, "1")
        doubtful = [name for name in needs.rights if not self.has[name]]
        missing = [name for name in doubtful if self.has[name] is False]
        texts = [self.where(name, _value(name, needs.most)) for name in missing or doubtful]
        if self.least < needs.level and not missing:
            texts.insert(0, self.where("user_level", str(needs.level)))
        return (" or " if not missing else "; ").join(texts)

    def where(self, setting: str, value: str) -> str:
        """Where in the admin pages a setting is, with what it should be."""
        return f"Users › {self.user} › {WORDS[setting]}: {value}"

    def findings(self, needed: Collection[str]) -> Iterator[protocol.Finding]:
        """A finding for each setting, where just these functions are needed."""
        yield self._of_level(needed)
        for setting in _SETTINGS:
            users = [name for name in needed if setting in NEEDED[name].rights]
            yield self._of_setting(setting, users)
        if permissions.EXPORT in self.told:
            yield self._of_report(needed=permissions.EXPORT in needed)
        yield self._of_functions(needed)

    def _of_level(self, needed: Collection[str]) -> protocol.Finding:
        what, wanted = WORDS["user_level"], max((NEEDED[name].level for name in needed), default=_LOWEST)
        said = str(self.least) if self.level is not None else f"{self.least} or more"
        if self.least > wanted:
            fix = self.where("user_level", f"{wanted} is enough{_UNLESS['user_level']}")
            return protocol.Finding(what, "excess", said, fix)
        if self.least == wanted:
            return protocol.Finding(what, "found", said)
        refused = [name for name in needed if self.told[name].state == "may_not" and self._only_level_lacks(name)]
        if self.level is not None or refused:
            return protocol.Finding(what, "missing", said, self.where("user_level", str(wanted)))
        return protocol.Finding(what, "unknown", said)

    def _only_level_lacks(self, function: str) -> bool:
        needs = NEEDED[function]
        return needs.level > self.least and all(self.has[name] for name in needs.rights)

    def _of_setting(self, setting: str, users: Collection[str]) -> protocol.Finding:
        what, has = WORDS[setting], self.has[setting]
        said = {True: "1", False: "0", None: ""}[has]
        if setting == LEADS:
            said = {True: "1 or more", False: "5" if self._may_only_look() else "0", None: ""}[has]
        if not users:
            fix = self.where(setting, f"0 is enough{_UNLESS.get(setting, '')}") if has else ""
            return protocol.Finding(what, "excess" if has else "not_needed", said, fix)
        if has is None:
            return protocol.Finding(what, "unknown", said or "see the functions that need it")
        if has:
            return protocol.Finding(what, "found", said)
        most = min(NEEDED[name].most for name in users)
        return protocol.Finding(
            what, "missing", f"{said}; wanted by {_some(users)}", self.where(setting, _value(setting, most))
        )

    def _of_report(self, *, needed: bool) -> protocol.Finding:
        what, told = "Allowed Reports", self.told[permissions.EXPORT]
        if not needed:
            return protocol.Finding(what, "not_needed")
        if told.state == "may":
            return protocol.Finding(what, "found", "Export Calls Report")
        if told.lacks == "allowed_reports":
            return protocol.Finding(what, "missing", "no Export Calls Report", self.lacking(permissions.EXPORT))
        return protocol.Finding(what, "unknown")

    def _of_functions(self, needed: Collection[str]) -> protocol.Finding:
        what, setting = WORDS["api_allowed_functions"], "api_allowed_functions"
        asked = {name: told for name, told in self.told.items() if name != permissions.EXPORT}
        left_out = sorted(name for name in needed if name in asked and asked[name].state == "not_allowed")
        if left_out:
            said = f"without {', '.join(left_out)}"
            return protocol.Finding(what, "missing", said, self.where(setting, f"add {', '.join(left_out)}"))
        surplus = [name for name, told in asked.items() if name not in needed and told.state in {"may", "may_not"}]
        if surplus and not any(told.state == "not_allowed" for told in asked.values()):
            enough = ", ".join(sorted(name for name in needed if name in asked)) or "none"
            return protocol.Finding(
                what, "excess", "all that was asked for", self.where(setting, f"{enough} are enough")
            )
        return protocol.Finding(what, "found")


def _some(names: Collection[str]) -> str:
    """The first few names, and how many there are more."""
    shown = sorted(names)[:_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _value(setting: str, most: int) -> str:
    return f"1 to {most}" if setting == LEADS else "1"
