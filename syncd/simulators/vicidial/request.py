"""One API request in the simulated PHP: its parameters as the API filters them, and the answer being printed."""

from collections.abc import Callable, Mapping, Sequence

from . import rows, text
from .world import World

_DELIMITERS = {"csv": ",", "tab": "\t", "pipe": "|"}


class PhpFatal(Exception):
    """PHP stopped with an error: HTTP 500, and the body is what was printed before."""


class Finished(Exception):
    """The script has said all it has to say (PHP's exit)."""


class Request:
    """Parameters and answer of one request.

    `guide` is the profile of sites that follow the copied guide instead of stock VICIdial. `filters`: what the script
    keeps of its parameters, the Non-Agent API's way if it is not given.
    """

    __slots__ = (
        "_clean", "_query", "filters", "guide", "lists", "names", "output", "raw", "user", "user_name", "values",
        "world",
    )  # fmt: skip

    def __init__(
        self, world: World, pairs: Sequence[tuple[str, str]], *, guide: bool, filters: text.Tables | None = None
    ) -> None:
        self.world = world
        self.filters = filters or world.filters
        self.guide = guide
        self.raw: dict[str, str] = dict(pairs)
        self.names = [name for name, _ in pairs]
        self.values = [value for _, value in pairs]
        self._query: str | None = None
        self.lists: dict[str, list[str]] = {}
        for name, value in pairs:
            if name.endswith("[]"):
                self.lists.setdefault(name[:-2], []).append(value)
        self.output: list[str] = []
        self.user_name = ""
        self.user = rows.User("")
        self._clean: dict[str, str] = {}

    def get(self, name: str) -> str:
        """A parameter as the API filters it; empty if it was not sent."""
        found = self._clean.get(name)
        if found is None:
            value = self.raw.get(name)
            found = self._clean[name] = "" if value is None else text.clean(self.filters, name, value)
        return found

    def seems_given(self, name: str) -> bool:
        """Whether stock code takes a custom field for given: it looks for `&name=` or `?name=` in the whole request. So
        the very first parameter is not seen, and a text that holds such words is taken for a parameter."""
        if self._query is None:
            query = "&".join(f"{one}={value}" for one, value in zip(self.names, self.values, strict=True))
            self._query = query.translate(dict.fromkeys(map(ord, "'\"\\;")))
        return f"&{name}=" in self._query or f"?{name}=" in self._query

    def is_md5_login(self) -> bool:
        """Whether the password comes as sites that follow the copied guide take it."""
        return self.guide and self.raw.get("pass_type") == "MD5"

    def yes(self, name: str) -> bool:
        """Whether a parameter is exactly `Y`."""
        return self.get(name) == "Y"

    def has_header(self) -> bool:
        """Whether a header line is asked for."""
        return self.get("header") == "YES"

    def delimiter(self, extra: Mapping[str, str] | None = None) -> str:
        """Between columns, by the parameter `stage`."""
        stage = self.get("stage")
        return (extra or {}).get(stage) or _DELIMITERS.get(stage, "|")

    def say(self, line: str) -> None:
        """Print a line and log the request.

        The log's INSERT quotes the request's text with apostrophes. On a server whose PHP raises on SQL errors, a
        request that holds one ends here with HTTP 500, whatever was done before (http500.json).
        """
        self.output.append(line + "\n")
        if self.world.raise_on_sql_errors and any("'" in value for value in self.raw.values()):
            raise PhpFatal

    def echo(self, output: str) -> None:
        """Print without a line end and without logging."""
        self.output.append(output)

    def stop(self, line: str) -> Finished:
        """Print a last line; `raise` the result."""
        self.say(line)
        return Finished()

    def group(self) -> rows.UserGroup:
        """The user group of the user who asks; one that does not exist may see nothing."""
        return self.world.user_groups.get(self.user.user_group) or rows.UserGroup(self.user.user_group)

    def sees_list(self, list_id: str) -> bool:
        """Whether a list is defined and its campaign visible to the user who asks."""
        found = self.world.lists.get(list_id)
        return found is not None and self.group().allows(found.campaign_id)

    def may_use_list(self, list_id: str) -> bool:
        """Whether `api_list_restrict` lets the user who asks touch a list."""
        return not self.user.api_list_restrict or self.sees_list(list_id)


def run(script: Callable[[Request], None], req: Request) -> tuple[int, str]:
    """Run a script for a request; return HTTP status and body."""
    status = 200
    try:
        script(req)
    except Finished:
        pass  # what it had to say is printed
    except PhpFatal:
        status = 500
    return status, "".join(req.output)
