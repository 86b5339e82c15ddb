"""A thread that looks at the store now and then: it shows figures, and says what needs a person.

It belongs to no stream, so that it also tells of streams that stand still.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime

import structlog

from syncd.config import models
from syncd.core import model
from syncd.daemon import alerts, figures, picture
from syncd.daemon.statistics import Reading
from syncd.engine import parts
from syncd.sdk import errors
from syncd.store import memo, watching
from syncd.store.database import Database
from syncd.web import metrics

log = structlog.get_logger("syncd.daemon")


class Watch:
    """Looks every so often, in a thread of its own, from `start` until `close`."""

    def __init__(
        self,
        db: Database,
        settings: Callable[[], models.Settings],
        found: Callable[[], Sequence[tuple[parts.Client, model.Side]]],
        readings: Callable[[], Mapping[str, Reading]],
        told: alerts.Alerts,
        shown: metrics.Figures,
    ) -> None:
        self._db, self._settings, self._found, self._readings = db, settings, found, readings
        self._told, self._figures = told, shown
        self._news = watching.News(db)
        self._began = datetime.now(UTC)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; a message that is on its way is waited for a few seconds."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def count(self, report: parts.Report) -> None:
        """A run has ended. Any thread may say so."""
        with self._lock:
            for name, number in report.counts.items():
                pipeline, _, what = name.partition(".sent.")
                if what:
                    self._counts[report.client, pipeline, what] += number

    def _run(self) -> None:
        while True:
            self.look()
            if self._over.wait(self._settings().alerts.every):
                return

    def look(self) -> None:
        """Once. Never raises: whatever is wrong is logged when it is news, and looked at again next time."""
        try:
            settings = self._settings()
            seen = picture.take(self._db, self._found(), self._news, datetime.now(UTC))
            with self._lock:
                counts = dict(self._counts)
            self._figures.show(figures.of(seen, self._readings(), counts, self._began))
            self._told.look(alerts.conditions(seen, _limits(settings), self._began), seen.at)
        except Exception as error:  # noqa: BLE001  # the watch goes on whatever it met
            trouble = "; ".join(map(str, error.problems)) if isinstance(error, errors.UserError) else repr(error)
            if trouble != self._trouble:
                log.error("nobody can watch", why=trouble)
            self._trouble = trouble
        else:
            self._trouble = ""


def _limits(settings: models.Settings) -> Callable[[str], models.Limits]:
    def of(client: str) -> models.Limits:
        own = settings.clients[client].alerts if client in settings.clients else None
        if own is None:
            return settings.alerts
        return settings.alerts.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})

    return of


@contextmanager
def begun(
    db: Database,
    settings: Callable[[], models.Settings],
    found: Callable[[], Sequence[tuple[parts.Client, model.Side]]],
    readings: Callable[[], Mapping[str, Reading]],
) -> Iterator[Watch]:
    """A watch of the daemon, for as long as this lasts. Raises UserError for a port that is taken and an address of
    alerts that is none."""
    shown = metrics.Figures()
    told = alerts.Alerts(channels(settings()), memo.Memo(db))
    with ExitStack() as stack:
        listening = settings().metrics
        if listening is not None:
            server = stack.enter_context(closing(metrics.Server(listening.listen, shown)))
            log.info("metrics", port=server.port)
        one = Watch(db, settings, found, readings, told, shown)
        stack.enter_context(closing(one))
        one.start()
        yield one


def channels(settings: models.Settings) -> Sequence[alerts.Channel]:
    """Where alerts go. Raises UserError for an address that is none."""
    if not settings.alerts.to:
        return ()
    from syncd.daemon import messages  # apprise takes a while to import, and most commands do without

    return messages.channels([one.get_secret_value() for one in settings.alerts.to])
