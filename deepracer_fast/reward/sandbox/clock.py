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

_seconds: Callable[[], float] | None = None  # s of simulation; None: the machine's clock


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
    for tell, names in (
        (_now, ("time",)),
        (_elapsed, ("monotonic", "perf_counter", "process_time", "thread_time")),
        (_of_clock, ("clock_gettime",)),
    ):
        for name in names:
            _replace(name, tell)
            _replace(f"{name}_ns", _in_nanoseconds(tell))
    for name in ("localtime", "gmtime", "ctime"):
        _replace_default(name, 0, _now)
    _replace_default("strftime", 1, lambda: time.gmtime(_now()))
    _replace_default("asctime", 0, lambda: time.gmtime(_now()))
    _replace("sleep", _sleep)
    datetime.datetime = _datetime_class()  # type: ignore[misc, assignment]
    datetime.date = _date_class()  # type: ignore[misc, assignment]


def _elapsed() -> float:
    assert _seconds is not None
    return _seconds()


def _now() -> float:
    return EPOCH + _elapsed()


def _of_clock(clock: int) -> float:
    return _now() if clock == time.CLOCK_REALTIME else _elapsed()


def _in_nanoseconds(tell: Callable[..., float]) -> Callable[..., int]:
    """From whole microseconds: a float of seconds since 1970 resolves no more."""
    return lambda *given: round(tell(*given) * 1e6) * 1000


def _sleep(seconds: float) -> None:
    """Takes no time while a reward is called: a car does not wait for its reward."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")


def _replace(name: str, simulated_one: Callable[..., Any]) -> None:
    """Replaces a function of `time` where a simulation's clock holds."""
    real = getattr(time, name, None)
    if real is None:  # no clock_gettime on Windows
        return

    def either(*given: Any) -> Any:
        return real(*given) if _seconds is None else simulated_one(*given)

    setattr(time, name, either)


def _replace_default(name: str, place: int, present: Callable[[], Any]) -> None:
    """Replaces a function of `time` that takes the present where it is given no time."""
    real = getattr(time, name)

    def tell(*given: Any) -> Any:
        absent = len(given) <= place or (place == 0 and given[0] is None)
        return real(*given[:place], present()) if absent else real(*given)

    _replace(name, tell)


class _LikeItsBase(type):
    """An object of the class that this one stands in for counts as its own."""

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, other: type) -> bool:
        real = vars(cls).get("stands_for")  # a class of the user's own stands for itself
        return issubclass(other, real) if real else super().__subclasscheck__(other)


def _datetime_class() -> type:
    real = datetime.datetime

    class SimulatedDatetime(real, metaclass=_LikeItsBase):  # type: ignore[misc, valid-type]
        stands_for = real

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) if _seconds is None else cls.fromtimestamp(_now(), tz)

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
            return real.today() if _seconds is None else cls.fromtimestamp(_now())

    SimulatedDate.__name__ = SimulatedDate.__qualname__ = "date"
    return SimulatedDate
