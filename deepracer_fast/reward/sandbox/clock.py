"""The clock that a reward function reads: simulated time, never the machine's.

In: the seconds of a car's simulation, by `interpret`, for the time of a call. Out: `time` and
`datetime` that tell them. A step takes 1/15 s there however long it takes here, so that a reward
that measures speed by the clock measures the car's. Within a call no time passes, and nothing
sleeps. Outside calls, and in a process that did not `install` it, the clock is the machine's.
"""

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepracer_fast.reward.params_table import Columns

EPOCH = 1_577_836_800  # s since 1970: 2020-01-01 00:00 UTC, when every simulation begins
STEPS_PER_SECOND = 15
_NANO = 10**9

_seconds: Callable[[], float] | None = None  # s of simulation; None: the machine's clock
_SINCE_THE_START = ("monotonic", "perf_counter", "process_time", "thread_time")
_TAKING_A_TIME = {"localtime": 0, "gmtime": 0, "ctime": 0, "strftime": 1, "asctime": 0}


def car_seconds(params: Columns, car: int) -> float:
    """Seconds of simulation of a car; of a recording without a clock those of its steps."""
    if "sim_time" in params:
        return float(params["sim_time"][car])
    return float(params["steps"][car]) / STEPS_PER_SECOND


@contextmanager
def simulated(seconds: Callable[[], float] = float) -> Iterator[None]:
    """Stops the machine's clock for what is run within; ``seconds`` tells the time there."""
    global _seconds
    before, _seconds = _seconds, seconds
    try:
        yield
    finally:
        _seconds = before


def install() -> None:
    """Replaces what tells the time in this process, for whatever is imported afterwards too."""
    _replace("time", lambda now: EPOCH + now)
    for name in _SINCE_THE_START:
        _replace(name, lambda now: now)
    for name, place in _TAKING_A_TIME.items():
        _replace_default(name, place)
    _replace_with_clock("clock_gettime", 1)
    _replace_with_clock("clock_gettime_ns", _NANO)
    _replace_sleep()
    datetime.datetime = _datetime_class()  # type: ignore[misc, assignment]
    datetime.date = _date_class()  # type: ignore[misc, assignment]


def _replace(name: str, simulated_time: Callable[[float], float]) -> None:
    """Replaces a function of `time`, and its twin that counts nanoseconds."""
    real, real_ns = getattr(time, name), getattr(time, f"{name}_ns")

    def tell() -> float:
        return real() if _seconds is None else simulated_time(_seconds())

    def tell_ns() -> int:
        # From whole microseconds: a float of seconds since 1970 resolves no more.
        return real_ns() if _seconds is None else round(simulated_time(_seconds()) * 1e6) * 1000

    setattr(time, name, tell)
    setattr(time, f"{name}_ns", tell_ns)


def _replace_default(name: str, place: int) -> None:
    """Replaces a function of `time` that takes the present where it is given no time."""
    real, gmtime = getattr(time, name), time.gmtime

    def tell(*given: object) -> Any:
        absent = len(given) <= place or (place == 0 and given[0] is None)
        if _seconds is None or not absent:
            return real(*given)
        seconds = EPOCH + _seconds()
        as_number = name in ("localtime", "gmtime", "ctime")
        return real(*given[:place], seconds if as_number else gmtime(seconds))

    setattr(time, name, tell)


def _replace_with_clock(name: str, unit: int) -> None:
    real = getattr(time, name, None)
    if real is None:  # not on Windows
        return

    def tell(clock: int) -> float:
        if _seconds is None:
            return real(clock)
        seconds = EPOCH + _seconds() if clock == time.CLOCK_REALTIME else _seconds()
        return seconds if unit == 1 else round(seconds * 1e6) * (unit // 10**6)

    setattr(time, name, tell)


def _replace_sleep() -> None:
    real = time.sleep

    def sleep(seconds: float) -> None:
        """Takes no time while a reward is called: a car does not wait for its reward."""
        if _seconds is None:
            real(seconds)
        elif seconds < 0:
            raise ValueError("sleep length must be non-negative")

    time.sleep = sleep  # type: ignore[assignment]


class _LikeItsBase(type):
    """An object of the class that this one stands in for counts as its own."""

    def __instancecheck__(cls, instance: object) -> bool:
        stands_for = vars(cls).get("stands_for")  # a class of the user's own stands for itself
        return (
            isinstance(instance, stands_for) if stands_for else super().__instancecheck__(instance)
        )

    def __subclasscheck__(cls, other: type) -> bool:
        real = vars(cls).get("stands_for")
        return issubclass(other, real) if real else super().__subclasscheck__(other)


def _datetime_class() -> type:
    real = datetime.datetime

    class SimulatedDatetime(real, metaclass=_LikeItsBase):  # type: ignore[misc, valid-type]
        stands_for = real

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) if _seconds is None else cls.fromtimestamp(EPOCH + _seconds(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    SimulatedDatetime.__name__ = SimulatedDatetime.__qualname__ = "datetime"
    return SimulatedDatetime


def _date_class() -> type:
    real = datetime.date

    class SimulatedDate(real, metaclass=_LikeItsBase):  # type: ignore[misc, valid-type]
        stands_for = real

        @classmethod
        def today(cls) -> Any:
            return real.today() if _seconds is None else cls.fromtimestamp(EPOCH + _seconds())

    SimulatedDate.__name__ = SimulatedDate.__qualname__ = "date"
    return SimulatedDate
