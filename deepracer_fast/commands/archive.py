"""``deepracer-fast archive``: any checkpoint of a model as the archive that a car takes.

In: a model and which of its checkpoints. Out: a ``.tar.gz``, named after the model, which is how a
car tells models apart. Neighbours: ``cli`` parses the options; ``archive/`` writes it.
"""

from pathlib import Path

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.chosen_checkpoint import checkpoint_word
from deepracer_fast.files.model_name import model_name
from deepracer_fast.policy.archive.frozen_graph import frozen_graph
from deepracer_fast.policy.archive.model_archive import write_model_archive
from deepracer_fast.policy.model import load_model


def run_archive(model: Path, checkpoint: str, output: Path | None) -> None:
    """Writes the archive of a checkpoint and says where it is.

    Without ``output`` it is named after the model, in the working directory.

    Raises:
        DeepRacerError: the model cannot be read, or is not for the car.
    """
    word = checkpoint_word(checkpoint)
    name = model_name(model) + ("" if word == "best" else f"-{word}")
    path = output or Path(f"{name}.tar.gz")
    if not path.name.endswith(".tar.gz"):
        raise ConfigError(f"--output must end in .tar.gz, got {path}: it is what a car takes")
    loaded = load_model(model, word)
    write_model_archive(path, loaded.metadata, frozen_graph(loaded.spec, loaded.params))
    print(f"model archive  {path}  ({path.stat().st_size / 1e6:.1f} MB, checkpoint {word})")
