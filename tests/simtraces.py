"""Simtraces as arrays, for tests that look at what was written."""

import csv
from pathlib import Path

import numpy as np

from deepracer_fast.files.simtrace_writer import COLUMNS


def read_simtrace(path: Path) -> dict[str, np.ndarray]:
    """The columns of a file: int64, float64, bool or str [T]; pairs of actions are float64."""
    with path.open(newline="") as file:
        names, *rows = csv.reader(file)
    texts = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: column(COLUMNS[name], np.array(t)) for name, t in zip(names, texts, strict=True)}


def column(kind: str, texts: np.ndarray) -> np.ndarray:
    if kind == "text":
        return texts
    if kind == "bool":
        return texts == "True"
    if kind == "action" and any("[" in text for text in texts):
        return np.array([text.strip("[]").split() for text in texts]).astype(np.float64)
    return texts.astype(np.int64 if kind in ("int", "action") else np.float64)
