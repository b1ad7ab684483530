"""``deepracer-fast validate``: from a reward file to a table, JSON and a picture.

In: paths and options as the command line has them. Out: what is printed. Neighbours: ``cli``
parses the options, ``validate`` does the work, ``reward_picture`` draws.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepracer_fast.errors import RewardError
from deepracer_fast.track import load_track
from deepracer_fast.validate import Report, validate_reward


def run_validate(path: Path, track: str, png: Path | None, as_json: bool) -> int:
    """Validates a reward function and prints what was found; the exit status comes back.

    Raises:
        DeepRacerError: the reward function or the track cannot be used.
    """
    where = load_track(track)
    try:
        report = validate_reward(path, where)
    except RewardError as error:
        if not as_json:
            raise
        print(json.dumps({"ok": False, "reward": str(path), "error": str(error)}, indent=2))
        return 1
    if png is not None:
        from deepracer_fast.reward_picture import draw_reward

        draw_reward(path, where, png)
    if as_json:
        print(json.dumps(_as_json(report), indent=2))
    else:
        _print(Console(), report, png)
    return 0


def _as_json(report: Report) -> dict[str, Any]:
    return {"ok": True} | asdict(report)


def _print(console: Console, report: Report, png: Path | None) -> None:
    calls = report.rewards["all"].calls
    table = Table(
        title=f"{report.name}: rewards in {calls:,} states on {report.track}", title_justify="left"
    )
    table.add_column("state", no_wrap=True)
    for name in ("calls", "least", "mean", "most"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, spread in report.rewards.items():
        cells = (f"{v:.4g}" for v in (spread.minimum, spread.mean, spread.maximum))
        table.add_row(kind, f"{spread.calls:,}", *cells)
    console.print(table)
    why = f" ({report.reason})" if report.reason else ""
    lines = [f"{report.mode}{why}, {report.calls_per_second:,.0f} calls/s on one thread"]
    lines += [f"warning: {warning}" for warning in report.warnings]
    lines += [f"picture  {png}"] if png is not None else []
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
