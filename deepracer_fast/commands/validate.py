"""``deepracer-fast validate``: from a reward file to a table, JSON and a picture.

In: paths and options as the command line has them. Out: what is printed. Neighbours: ``cli``
parses the options, ``validate`` does the work, ``pictures.reward`` draws.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deepracer_fast.commands.options import ValidateOptions
from deepracer_fast.commands.terminal import say
from deepracer_fast.errors import RewardError
from deepracer_fast.files.model_metadata import FIRST_MODEL, read_model_metadata
from deepracer_fast.reward.examples import reward_file
from deepracer_fast.tracks.track import load_track
from deepracer_fast.validation.validate import Report, validate_reward


def run_validate(options: ValidateOptions) -> int:
    """Validates a reward function and prints what was found; the exit status comes back.

    Raises:
        DeepRacerError: the reward function, the track or another option cannot be used.
    """
    reward, where = reward_file(options.reward), load_track(options.track)
    metadata = read_model_metadata(options.metadata) if options.metadata else FIRST_MODEL
    try:
        report = validate_reward(reward, where, metadata, options.race_type)
    except RewardError as error:
        if not options.as_json:
            raise
        found = {"ok": False, "reward": str(reward), "error": str(error)}
        print(json.dumps(found, indent=2))
        return 1
    if options.png is not None:
        from deepracer_fast.pictures.reward import draw_reward

        draw_reward(reward, where, metadata.action_space, options.png)
    if options.as_json:
        print(json.dumps({"ok": True} | asdict(report), indent=2))
    else:
        _print(Console(), report, options.png)
    return 0


def _print(console: Console, report: Report, png: Path | None) -> None:
    calls = report.rewards["all"].calls
    where = ", ".join((report.track, *report.races))
    title = f"{report.name}: rewards in {calls:,} states on {where}"
    table = Table(title=title, title_justify="left")
    table.add_column("state", no_wrap=True)
    for name in ("calls", "least", "mean", "most"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, spread in report.rewards.items():
        cells = (f"{v:.4g}" for v in (spread.minimum, spread.mean, spread.maximum))
        table.add_row(kind, f"{spread.calls:,}", *cells)
    console.print(table)
    say(console, *_lines(report, png))


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
    every = report.rewards["all"]
    if every.not_positive:
        lines.append(
            f"note: {every.not_positive / every.calls:.1%} of the rewards are zero or negative: "
            "allowed here; the lab advises a small positive value"
        )
    return lines + ([f"picture  {png}"] if png is not None else [])
