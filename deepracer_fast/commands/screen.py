"""What a person sees of a training: a live panel on a terminal, a line an iteration elsewhere.

In: the reports of ``train`` and the laps of ``evaluate``. Out: text. It decides nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deepracer_fast.driving.evaluate import Lap, mean_completion
from deepracer_fast.training.iterations import LESSONS, PPO, TEACHER, Report

_STAGES = {
    TEACHER: "the teacher, from the track state",
    LESSONS: "the network, from its teacher",
    PPO: "the network, from the reward",
}

_STORIES = {
    TEACHER: "teacher: a small network that sees where the car is on the road learns the reward; "
    "of the hyperparameters it uses discount_factor, beta_entropy and loss_type (lr, batch_size "
    "and num_epochs count in PPO: --no-teacher, or --stop-after 0, which goes on to it)",
    LESSONS: "lessons: the camera network learns what its teacher does, without hyperparameters; "
    "its cars are made to swerve, so that their reward and progress stay below greedy laps",
    PPO: "ppo: the network learns from the reward by itself, with all hyperparameters",
}

_ANEW = (  # every stage of every run: cars are never taken over
    "; new cars start, so that reward and progress begin near 0: the first drives to end are those "
    "that left the track, and whole laps count once there was time to drive one"
)

TIMES = "of all whole laps, penalty seconds in their times"


class TrainingScreen:
    """Shows a training while it runs, under one line on what is trained; a context manager.

    The time limit is there for the time left.
    """

    def __init__(self, console: Console, title: str, minutes: float) -> None:
        self._console, self._title, self._seconds = console, title, 60.0 * minutes
        self._started = time.monotonic()
        self._report: Report | None = None
        self._last_evaluation = "none yet"
        self._message = "Ctrl-C stops and keeps the model."
        # Drawn anew from its own thread, so that the clock goes on during a long iteration.
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._panel)

    def __enter__(self) -> TrainingScreen:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(self._title, markup=False, highlight=False, soft_wrap=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def stopping(self) -> None:
        """Says that the request to stop was heard."""
        self._message = "Stopping: saving the model. Ctrl-C once more quits at once."
        if not self._console.is_terminal:
            self._console.print(self._message)

    def show(self, report: Report | str) -> None:
        """Takes in an iteration, or a remark."""
        if isinstance(report, str):
            self._console.print(report, markup=False, highlight=False, soft_wrap=True)
            return
        if report.evaluation:
            whose = "the teacher's: " if report.stage == TEACHER else ""
            summary = evaluation_summary(report.evaluation)
            self._last_evaluation = f"{whose}{summary} (iteration {report.iteration})"
        begins = self._report is None or self._report.stage != report.stage
        if begins and not self._console.is_terminal:
            self._console.print(self._story(report), highlight=False, soft_wrap=True)
        self._report = report
        if not self._console.is_terminal:
            self._console.print(self._line(report), highlight=False, soft_wrap=True)

    def _story(self, report: Report) -> str:
        return _STORIES[report.stage] + _ANEW

    def _panel(self) -> Panel:
        content = self._waiting() if self._report is None else self._standing(self._report)
        parts = Group(content, Text(self._message, style="dim"))
        # Not the whole width: the ^C that a terminal shows must not begin another line.
        width = min(self._console.width - 4, 90)
        return Panel(parts, title=Text(self._title), title_align="left", width=width)

    def _waiting(self) -> RenderableType:
        return Text("Compiling the network and driving the first steps; this takes a moment.")

    def _standing(self, report: Report) -> RenderableType:
        seconds = time.monotonic() - self._started
        left = max(0.0, self._seconds - seconds)
        grid = Table.grid(padding=(0, 2))
        number = f"{report.iteration}, ended episodes: {report.episodes:,}"
        grid.add_row("iteration", number, "learning", _STAGES[report.stage])
        speed = f"{report.steps_per_second:,.0f}"
        grid.add_row("steps", f"{report.steps:,}", "steps/s", speed)
        progress = f"{_number(report.mean_progress)} %"
        grid.add_row("mean reward", _number(report.mean_reward), "mean progress", progress)
        grid.add_row("laps in training", f"{report.laps:,}")
        grid.add_row("time", _clock(seconds), "time left", f"at most {_clock(left)}")
        lines = Table.grid()
        lines.add_row(grid)
        for remark in _remarks(report):
            lines.add_row(Text(remark))
        lines.add_row(Text(f"greedy laps    {self._last_evaluation}"))
        lines.add_row(Text(self._story(report), style="dim"))
        lines.add_row(ProgressBar(total=self._seconds, completed=seconds, width=60))
        return lines

    def _line(self, report: Report) -> str:
        left = max(0.0, self._seconds - report.seconds)
        line = (
            f"iteration {report.iteration:3d}  {report.stage:<7}  steps {report.steps:8,}  "
            f"{report.steps_per_second:7,.0f} steps/s  "
            f"reward {_number(report.mean_reward):>7}  "
            f"progress {_number(report.mean_progress):>5} %  "
            f"laps in training {report.laps:4d}  time left {_clock(left)}"
        )
        line += "".join(f"  {remark}" for remark in _remarks(report))
        if report.evaluation:
            line += f"  | greedy: {evaluation_summary(report.evaluation)}"
        return line


def evaluation_summary(laps: Sequence[Lap]) -> str:
    """A row of greedy laps in a few words."""
    clean = [lap.lap_time_seconds for lap in laps if lap.is_clean]
    summary = f"{len(clean)} of {len(laps)} clean, mean completion {mean_completion(laps):.0f} %"
    return summary + (f", best {min(clean):.2f} s" if clean else "")


def lap_table(laps: Sequence[Lap], title: str) -> Group:
    """The laps of an evaluation, one a row; a title of its own, since a table's would be broken."""
    table = Table()
    for name in ("lap", "time, s", "completed, %", "off track", "crashes"):
        table.add_column(name, justify="right")
    table.add_column("status")
    for number, lap in enumerate(laps, start=1):
        table.add_row(
            str(number),
            f"{lap.lap_time_seconds:.2f}",
            f"{lap.completion:.0f}",
            str(lap.off_track_count),
            str(lap.crash_count),
            lap.status.replace("_", " "),
        )
    return Group(Text(title, style="italic"), table)


def _remarks(report: Report) -> Iterator[str]:
    """What the means are of where no episode has ended, and the distance to a teacher, in nats."""
    if report.episodes == 0 and not math.isnan(report.mean_reward):
        yield "means of drives under way"
    if (distance := report.measures.get("distance_to_teacher")) is not None:
        yield f"difference from the teacher {distance:.3f} (0: drives the same)"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
