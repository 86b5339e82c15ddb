"""The simulated server's clock: its zone, an adjustable offset, and a way to stop it."""

import datetime
import functools
import time


@functools.lru_cache(maxsize=64)
def _text(second: int, zone: datetime.tzinfo) -> str:
    return datetime.datetime.fromtimestamp(second, zone).strftime("%Y-%m-%d %H:%M:%S")


class Clock:
    """Given the server's standard GMT offset in hours (`servers.local_gmt`, e.g. "-5.00"), tell its wall clock."""

    def __init__(self, local_gmt: str) -> None:
        self.local_gmt = local_gmt
        self.offset_seconds = 0.0
        self._frozen_at: float | None = None
        self.zone: datetime.tzinfo = datetime.timezone(datetime.timedelta(hours=float(local_gmt)))

    def set_zone(self, name: str) -> None:
        """Use an IANA zone, so that summer time exists; raise ValueError if it is unknown."""
        import zoneinfo  # slow to import, and most runs keep the fixed offset

        try:
            self.zone = zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown zone {name!r}") from error
        january = datetime.datetime(datetime.datetime.now(self.zone).year, 1, 1, tzinfo=self.zone)
        july = january.replace(month=7)
        standard = min(moment.utcoffset() or datetime.timedelta() for moment in (january, july))
        self.local_gmt = f"{standard.total_seconds() / 3600:.2f}"

    def freeze(self, *, frozen: bool) -> None:
        """Stop the clock at this moment, or let it run on from the true time."""
        self._frozen_at = time.time() if frozen else None

    def epoch(self) -> int:
        """Unix time, in whole seconds as PHP's date("U") gives it."""
        true = time.time() if self._frozen_at is None else self._frozen_at
        return int(true + self.offset_seconds)

    def text(self, epoch: int | None = None) -> str:
        """Wall clock as `YYYY-MM-DD HH:MM:SS`, now or at a Unix time."""
        return _text(self.epoch() if epoch is None else epoch, self.zone)

    def to_epoch(self, text: str) -> int:
        """Unix time of a wall-clock text of this server; 0 for an empty one."""
        if not text:
            return 0
        moment = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=self.zone)
        return int(moment.timestamp())

    def is_summer(self) -> bool:
        """Whether summer time is in force now."""
        return bool(datetime.datetime.fromtimestamp(self.epoch(), self.zone).dst())
