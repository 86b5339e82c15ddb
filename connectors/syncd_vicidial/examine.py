"""Looks at everything that a client's configuration wants of a VICIdial: `syncd doctor`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from syncd.sdk import errors, protocol
from syncd.sdk.protocol import Finding
from syncd_vicidial import answers, check, clock, custom, named, needs, permissions, probes
from syncd_vicidial.api import Api
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.options import Options
from syncd_vicidial.probes import Told
from syncd_vicidial.rights import Rights

_NO_LIST = "99999999999999"  # nobody has so many


class Examination:
    """One look at one server. After a refused login nothing more is asked."""

    def __init__(
        self,
        api: Api,
        options: Options,
        capabilities: Capabilities,
        fields: custom.CustomFields,
        use: protocol.Use,
    ) -> None:
        self._api = api
        self._fields = fields
        self._options = options
        self._capabilities = capabilities
        self._use = use
        self._trouble: dict[str, str] = {}  # function → why the server did not say

    def run(self) -> list[Finding]:
        """Everything that is found, the most basic first."""
        try:
            text = self._api.version()
            told = answers.version(text)
            self._capabilities.seen(text)
        except errors.SyncdError as error:
            fix = "check the address and the network"
            return [Finding("server", "missing", f"it cannot be reached: {error}", fix, "url")]
        found = [Finding("server", "found", f"VICIdial {told['VERSION']} build {told.get('BUILD', '?')}")]
        found += clock.findings(told, self._options, reads_calls=needs.reads_calls(self._use))
        dropped = list(check.login(self._options))
        found += [
            Finding(one.where, "missing" if one.fatal else "unknown", one.what, one.fix, one.where) for one in dropped
        ]
        if any(one.fatal for one in dropped):
            return found
        for one in check.booking(self._options, self._use.writes.get("leads", ())):
            where = one.where if one.where in Options.model_fields else ""
            found.append(Finding(f"callbacks: {one.where}", "missing", one.what, one.fix, where))
        try:
            for finding in self._behind_the_login():
                found.append(finding)  # what was found before an error counts
        except answers.LoginRefused as error:
            found.append(Finding("login", "missing", str(error), error.fix, "user"))
        except errors.SyncdError as error:
            fix = error.fix if isinstance(error, errors.AuthFailed) else "try again later"
            found.append(Finding("all the rest", "missing", str(error), fix))
        return found

    def _behind_the_login(self) -> Iterator[Finding]:
        """The first request shows whether the login is good; the rest would not be sent if it were not."""
        additions = {name: self._ask(name) for name in probes.ADDITIONS if self._options.name_of(name) is not None}
        used = self._instead_of_stock(additions)
        needed = needs.stock(self._use, self._options, used)
        told = {name: self._ask(name) for name in (*probes.STOCK, permissions.EXPORT)}
        rights = Rights(self._api.user, told, self._level(told))
        yield Finding("login", "found", f"user {self._api.user}")
        yield from rights.findings(needed)
        yield from self._restrictions(rights, needed)
        yield from (self._function(rights, name, needed) for name in told)
        yield from self._additions(additions, used)
        yield from named.findings(self._api, self._options, self._use, rights, self._fields)

    def _instead_of_stock(self, additions: Mapping[str, Told]) -> set[str]:
        """Which of the site's functions the pipelines use where others use a stock one."""
        may = {name for name, told in additions.items() if told.state == "may"}
        used = {"get_recording"} & may if self._use.recordings else set()
        if self._use.statistics:
            used |= {"campaign_call_stats"} & may
        source = self._options.call_source
        if needs.reads_calls(self._use) and (source == "get_call_log" or (source == "auto" and "get_call_log" in may)):
            used.add("get_call_log")
        return used

    def _ask(self, function: str) -> Told:
        try:
            return self._capabilities.ask(function)
        except answers.LoginRefused:
            raise
        except errors.SyncdError as error:
            self._trouble[function] = str(error)
            return Told("unknown")

    def _level(self, told: dict[str, Told]) -> int | None:
        """The user's own level, where the user may ask for it."""
        if told["user_details"].state != "may":
            return None
        row = named.user(self._api, self._api.user)
        return row.level if row is not None else None

    def _function(self, rights: Rights, name: str, needed: dict[str, str]) -> Finding:
        told = rights.told[name]
        said = self._trouble.get(name) or _SAID[told.state]
        if name not in needed:
            return Finding(name, "not_needed", said)
        said = f"{said}; for {needed[name]}"
        if told.state == "may":
            return Finding(name, "found", said)
        if told.state == "unknown":
            return Finding(name, "missing", said, "find out why it does not answer")
        if told.state == "absent":
            return Finding(name, "missing", said, "VICIdial is too old for syncd: upgrade it")
        return Finding(name, "missing", said, rights.lacking(name))

    def _additions(self, additions: Mapping[str, Told], used: Collection[str]) -> Iterator[Finding]:
        """The functions of the copied guide, which a site has or has not."""
        for name in probes.ADDITIONS:
            asked = self._options.name_of(name)
            if asked is None:
                yield Finding(name, "not_needed", "the option `functions` says not to use it")
                continue
            told = additions[name]
            said = self._trouble.get(name) or _SAID[told.state]
            shown = name if asked == name else f"{name} ({asked})"
            if name in used:
                fix = f"Users › {self._api.user}: {permissions.needed(name)}"
                if told.state == "may":
                    yield Finding(shown, "found", said)
                else:
                    yield Finding(shown, "missing", said, fix, "call_source")
            elif name == "dnc_check" and told.state != "absent" and "leads" in self._use.writes:
                yield self._site_dnc_check(shown, told, said)
            else:
                yield Finding(shown, "not_needed", said)

    def _site_dnc_check(self, shown: str, told: Told, said: str) -> Finding:
        if self._options.dnc_check == "N":
            return Finding(shown, "not_needed", said)
        if told.state == "may":
            return Finding(shown, "found", said)
        fix = "give the user the right, or say `functions: {dnc_check: false}`"
        return Finding(shown, "missing", said, fix, "functions")

    def _restrictions(self, rights: Rights, needed: dict[str, str]) -> Iterator[Finding]:
        """Settings that confine the user; without them the user can do more than syncd wants."""
        what = permissions.WORDS["api_list_restrict"]
        if "add_lead" not in needed:
            yield Finding(what, "not_needed")
        elif rights.told["add_lead"].state != "may":
            yield Finding(what, "unknown")
        else:
            parameters = {"list_id": _NO_LIST, "phone_number": ""}
            lines = answers.parse(self._api.read("add_lead", parameters))
            if any("NOT AN ALLOWED LIST ID" in line.message for line in lines):
                yield Finding(what, "found", "1")
            else:
                fix = rights.where("api_list_restrict", "1, and allow the campaigns of your lists to the user's group")
                yield Finding(what, "excess", "0: the user may write into every list", fix)
        yield self._api_only(rights)

    def _api_only(self, rights: Rights) -> Finding:
        what = permissions.WORDS["api_only_user"]
        page = self._api.admin_page()
        manages = rights.least > 7 or rights.has[permissions.REPORTS]  # others are sent away for that alone
        if page.startswith("You do not have permission to be here"):
            return Finding(what, "found", "1") if manages else Finding(what, "unknown")
        if not answers.is_html(page):
            return Finding(what, "unknown", "the admin pages do not answer")
        return Finding(what, "excess", "0: the user may use the admin pages", rights.where("api_only_user", "1"))


_SAID = {
    "may": "may be called",
    "may_not": "the user lacks a right",
    "not_allowed": "not among API Allowed Functions",
    "absent": "the server does not have it",
    "unknown": "the server does not say",
}
