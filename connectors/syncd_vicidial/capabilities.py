"""What a VICIdial can do and its user may: asked once, remembered, and asked again when the version changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import timedelta

from syncd.sdk import protocol
from syncd_vicidial import answers, probes
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options

# What is not there may be added without a new version, and a right may be given: noticed so much later at most.
ASK_AGAIN = timedelta(days=1)


class Capabilities:
    """Of one server and one user. `has("get_recording")`: the server has this function, and the configuration lets it
    be used; `may("recording_lookup")`: it has it and the user may call it. Both raise AuthFailed and RetryLater where
    the server must be asked and does not say."""

    def __init__(self, api: Api, options: Options, memory: protocol.Memory) -> None:
        self._api = api
        self._options = options
        self._memory = memory
        self._name = f"vicidial functions {api.origin} {api.user}"
        self._version = ""
        self._lock = threading.RLock()  # the first who wants to know asks for all
        api.refused = self.forget

    def remember(self, memory: protocol.Memory) -> None:
        """Keep what is found in this memory from now on."""
        self._memory = memory

    def has(self, function: str) -> bool:
        """Whether the server has this function, stock or an addition, and it is to be used."""
        return self.of(function).state != "absent"

    def may(self, function: str) -> bool:
        """Whether the server has this function and the user may call it."""
        return self.of(function).state == "may"

    def of(self, function: str) -> probes.Told:
        """What is known of a function; asks the server if it must."""
        if self._options.name_of(function) is None:
            return probes.Told("absent")
        with self._lock:
            if not self._version:
                self.seen(self._api.version())
            return self._known().get(self._key(function)) or self.ask(function)

    def ask(self, function: str) -> probes.Told:
        """Ask the server anew, and keep what it says."""
        if not self._version:
            self.seen(self._api.version())
        told = probes.ask(self._api, self._options, function)
        if self._options.name_of(function) is not None:
            self._change({self._key(function): told})
        return told

    def seen(self, text: str) -> None:
        """Note the server's answer to `version`; another version than before makes all that is known of it void."""
        parts = answers.version(text)
        self._version = f"{parts['VERSION']} build {parts.get('BUILD', '?')}"

    def forget(self, function: str) -> None:
        """What is known of a function has turned out to be wrong."""
        with self._lock:
            self._change({self._key(function): None})

    def recalls(self) -> list[str]:
        """What is kept, in lines for a person; asks nobody."""
        page = json.loads(self._memory.get(self._name) or "{}")
        if not page:
            return []
        said: dict[str, list[str]] = {}
        for function in probes.ADDITIONS:
            told = page["functions"].get(self._key(function))
            if self._options.name_of(function) is None:
                said.setdefault("not to be used", []).append(function)
            elif told is not None:
                said.setdefault(_WORDS[told[0]], []).append(function)
        additions = "; ".join(f"{what}: {', '.join(functions)}" for what, functions in said.items())
        first = f"VICIdial {page['version']}, user {self._api.user}"
        return [first, f"additions {additions}"] if additions else [first]

    def _key(self, function: str) -> str:
        name = self._options.name_of(function)
        return function if name in (function, None) else f"{function} as {name}"

    def _known(self) -> Mapping[str, probes.Told]:
        page = json.loads(self._memory.get(self._name) or "{}")
        if page.get("version") != self._version:
            return {}
        now = self._memory.now().timestamp()
        found = {}
        for key, (state, lacks, at) in page["functions"].items():
            if state == "may" or 0 <= now - at < ASK_AGAIN.total_seconds():
                found[key] = probes.Told(state, lacks)
        return found

    def _change(self, news: Mapping[str, probes.Told | None]) -> None:
        if not self._version:
            return  # nothing has been looked up yet
        now = self._memory.now().timestamp()

        def how(text: str | None) -> str:
            page = json.loads(text or "{}")
            if page.get("version") != self._version:
                page = {"version": self._version, "functions": {}}
            for key, told in news.items():
                if told is None:
                    page["functions"].pop(key, None)
                else:
                    page["functions"][key] = [told.state, told.lacks, now]
            return json.dumps(page)

        self._memory.change(self._name, how)


_WORDS: Mapping[str, str] = {
    "may": "that it has",
    "may_not": "that the user lacks a right for",
    "not_allowed": "that are not among the user's API Allowed Functions",
    "absent": "that it has not",
}
