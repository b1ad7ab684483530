"""What a crash left in a model folder is put right when it is next opened.

In: a folder of ours, with whatever a kill or a power cut left of a save. Out: an index that names
checkpoints which are there, the archive of the best of them, and no halves of files. Every file is
whole, since each was written at once; only the last few may not belong together yet.
Neighbours: ``checkpoints`` resumes from it, ``model`` reads it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from deepracer_fast.errors import ArchiveError, InUseError, MetadataError
from deepracer_fast.files.atomic import remove_leftovers
from deepracer_fast.files.checkpoint_ranking import CheckpointRecord
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import ModelMetadata, read_model_metadata
from deepracer_fast.policy.archive.frozen_graph import frozen_graph
from deepracer_fast.policy.archive.model_archive import read_model_archive, write_model_archive
from deepracer_fast.policy.archive.weights import policy_in
from deepracer_fast.policy.networks import network_spec

Records = tuple[CheckpointRecord, CheckpointRecord]


def mend(folder: ModelFolder) -> Records | None:
    """Puts a folder right; whoever calls it holds its lock.

    Returns:
        Its last and its best checkpoint; None before the first.

    Raises:
        ArchiveError: its index cannot be read, or it holds no whole checkpoint.
        MetadataError: its metadata cannot be read.
    """
    remove_leftovers(folder.path)
    found = folder.recorded_checkpoints()
    if found is None:
        return None
    records = _whole(folder, *found)
    if records != found:
        folder.record_checkpoints(*records)
    _mend_archive(folder, records[1])
    return records


def mend_if_free(folder: ModelFolder) -> None:
    """The same for who only reads: where nobody writes, and the folder is ours and may be written.

    Raises:
        ArchiveError: it holds no whole checkpoint, or is of a newer form.
    """
    folder.check_format()
    if not folder.mark.exists():
        return
    with suppress(InUseError, OSError), folder.lock:
        mend(folder)


def _whole(folder: ModelFolder, last: CheckpointRecord, best: CheckpointRecord) -> Records:
    """The records, with those whose files are missing replaced by the newest that is whole."""
    there = folder.checkpoints()
    if not there:
        raise ArchiveError(f"{folder.store}: the checkpoints that its index names are missing")
    if last.checkpoint not in there or not folder.learner(last.checkpoint).exists():
        resumable = [each for each in there if folder.learner(each).exists()]
        last = replace(last, checkpoint=(resumable or there)[-1], evaluated=False)
    if best.checkpoint not in there:
        best = last
    return last, best


def _mend_archive(folder: ModelFolder, best: CheckpointRecord) -> None:
    """Writes the archive anew if it is not the best checkpoint's."""
    metadata = read_model_metadata(folder.model_metadata)
    if not metadata.is_for_the_car:
        return
    graph = _graph_of(folder, best, metadata)
    if _archived(folder) != (metadata, graph):
        write_model_archive(folder.name_archive(), metadata, graph)


def _graph_of(folder: ModelFolder, best: CheckpointRecord, metadata: ModelMetadata) -> bytes:
    """The frozen graph of a checkpoint, made anew unless its file is known to be of it.

    Graphs are named by iteration alone; between evaluations one may be replaced by a later one.
    """
    path = folder.graph(best.checkpoint)
    if best.evaluated and path.exists():
        return path.read_bytes()
    graph = frozen_graph(network_spec(metadata), policy_in(folder.weights(best.checkpoint)))
    folder.save_graph(best.checkpoint, graph)
    return graph


def _archived(folder: ModelFolder) -> tuple[ModelMetadata, bytes] | None:
    try:
        return read_model_archive(folder.archive)
    except (ArchiveError, MetadataError):
        return None
