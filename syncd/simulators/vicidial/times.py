"""Calling hours (vicidial_call_times of a fresh installation)."""

import datetime

from .clock import Clock

# First hour in which calls are allowed, and the hour from which they are not.
CALL_TIMES = {
    "24hours": (0, 24),
    "9am-9pm": (9, 21),
    "9am-5pm": (9, 17),
    "12pm-5pm": (12, 17),
    "12pm-9pm": (12, 21),
    "5pm-9pm": (17, 21),
}


def dialable(clock: Clock, call_time: str, gmt_offset: str) -> bool:
    """Whether a lead with this GMT offset (hours; empty: 0) may be called now; an unknown call time allows nothing."""
    hours = CALL_TIMES.get(call_time)
    if hours is None:
        return False
    zone = datetime.timezone(datetime.timedelta(hours=float(gmt_offset or 0)))
    return hours[0] <= datetime.datetime.fromtimestamp(clock.epoch(), zone).hour < hours[1]
