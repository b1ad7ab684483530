"""``training_params.yaml``: where a model was trained, and what its car looks like.

In: a training, or a folder. Out: the file's keys, ours for the tools that insist on them, or those
that the original or deepracer-for-cloud wrote. Neighbours: ``checkpoints`` has it written;
``clone`` and ``commands.video`` read it.
"""

import re
from pathlib import Path

from deepracer_fast.checks.file_reading import read_text
from deepracer_fast.errors import ArchiveError

NAME = "training_params.yaml"

_LINE = re.compile(r"""^(\w+):[ \t]*(?:\n-?[ \t]*)?-?[ \t]*["'\[]*([^\n"',\]#]*)""", re.MULTILINE)


def training_params(
    model_name: str,
    track_name: str,
    clockwise: bool,
    race_type: str = "TIME_TRIAL",
    car: tuple[str, str] = ("", ""),
) -> dict[str, str]:
    """The keys of ``training_params.yaml`` that readers insist on (markov boto/s3/constants.py).

    The storage keys name places that do not exist here: readers only look whether they are there.
    The track's name has no ending _cw or _ccw, which the direction adds; ``car`` is its name and
    the colour of its shell, "" for the usual ones.
    """
    name, color = car
    return {
        "WORLD_NAME": track_name,
        "TRACK_DIRECTION_CLOCKWISE": str(clockwise).lower(),
        "RACE_TYPE": race_type,
        "JOB_TYPE": "TRAINING",
        "NUM_WORKERS": "1",
        "BODY_SHELL_TYPE": "deepracer",
        "CAR_COLOR": color or "Black",
        "CAR_NAME": name or "deepracer-fast",
        "SAGEMAKER_SHARED_S3_BUCKET": "bucket",
        "SAGEMAKER_SHARED_S3_PREFIX": model_name,
        "METRICS_S3_BUCKET": "bucket",
        "METRICS_S3_OBJECT_KEY": f"{model_name}/metrics/TrainingMetrics.json",
        "MODEL_METADATA_FILE_S3_KEY": f"{model_name}/model/model_metadata.json",
        "REWARD_FILE_S3_KEY": f"{model_name}/reward_function.py",
        "SIMTRACE_S3_BUCKET": "bucket",
        "SIMTRACE_S3_PREFIX": model_name,
    }


def read_training_params(folder: Path) -> dict[str, str]:
    """The keys of a folder's file as text; of a list the first, which is the first car's.

    Nothing for a folder without one, and for a file that cannot be read.
    """
    try:
        text = read_text(folder / NAME, ArchiveError)
    except ArchiveError:
        return {}
    return {key: value.strip() for key, value in _LINE.findall(text.replace("\r\n", "\n"))}
