"""``deepracer-fast validate``: from a reward file to a table, JSON and a picture.

In: paths and options as the command line has them. Out: what is printed. Neighbours: ``cli``
parses the options, ``validate`` does the work, ``pictures.reward`` draws.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deepracer_fast.errors import RewardError
from deepracer_fast.files.model_metadata import FIRST_MODEL, ModelMetadata, read_model_metadata
from deepracer_fast.tracks.track import load_track
from deepracer_fast.validation.validate import Report, validate_reward


@dataclass(frozen=True)
class ValidateRequest:
    """What is to be tried, on what, and what becomes of it; None for the default."""

    reward: Path
    track: str
    metadata: Path | None = None
    race_type: str | None = None
    png: Path | None = None
    as_json: bool = False


def run_validate(request: ValidateRequest) -> int:
    """Validates a reward function and prints what was found; the exit status comes back.

    Raises:
        DeepRacerError: the reward function, the track or another option cannot be used.
    """
    where, metadata = load_track(request.track), _metadata(request.metadata)
    try:
        report = validate_reward(request.reward, where, metadata, request.race_type)
    except RewardError as error:
        if not request.as_json:
            raise
        found = {"ok": False, "reward": str(request.reward), "error": str(error)}
        print(json.dumps(found, indent=2))
        return 1
    if request.png is not None:
        from deepracer_fast.pictures.reward import draw_reward

        draw_reward(request.reward, where, metadata.action_space, request.png)
    if request.as_json:
        print(json.dumps({"ok": True} | asdict(report), indent=2))
    else:
        _print(Console(), report, request.png)
    return 0


def _metadata(path: Path | None) -> ModelMetadata:
    return FIRST_MODEL if path is None else read_model_metadata(path)


def _print(console: Console, report: Report, png: Path | None) -> None:
    calls = report.rewards["all"].calls
    races = ", ".join(report.races)
    table = Table(
        title=f"{report.name}: rewards in {calls:,} states on {report.track}, {races}",
        title_justify="left",
    )
    table.add_column("state", no_wrap=True)
    for name in ("calls", "least", "mean", "most"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, spread in report.rewards.items():
        cells = (f"{v:.4g}" for v in (spread.minimum, spread.mean, spread.maximum))
        table.add_row(kind, f"{spread.calls:,}", *cells)
    console.print(table)
    for line in _lines(report, png):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(report: Report, png: Path | None) -> list[str]:
    why = f" ({report.reason})" if report.reason else ""
    lines = [f"{report.mode}{why}, {report.calls_per_second:,.0f} calls/s on one thread"]
    where = f"in {report.watched_calls:,} calls that were watched"
    if report.unreached:
        lines.append(f"branches not taken {where}, so not tried:")
        lines += [f"  line {each.line}, {each.what}: {each.text}" for each in report.unreached]
    else:
        lines.append(f"all branches were taken {where}")
    lines += [f"warning: {warning}" for warning in report.warnings]
    return lines + ([f"picture  {png}"] if png is not None else [])
