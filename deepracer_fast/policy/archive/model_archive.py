"""``<name>.tar.gz``: the archive that the car, deepracer-for-cloud and DeepRacer-on-AWS exchange.

In and out: the model's metadata and the bytes of its frozen graph, as ``model_metadata.json`` at
the root and ``agent/model.pb`` (aws-deepracer-systems-pkg model_loader_node.py). Written archives
are the same bytes for the same model. Archives of others are read, also as ``.tar`` or ``.zip``.

Neighbours: ``members`` unpacks, ``frozen_graph`` makes the graph, ``graph_import`` reads it.
"""

import gzip
import io
import posixpath
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from deepracer_fast.checks.file_reading import MAX_SETTINGS_BYTES, decoded, opened
from deepracer_fast.checks.values import instance, path_of, refuse
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_file
from deepracer_fast.files.model_metadata import METADATA_NAME, ModelMetadata, parse_model_metadata
from deepracer_fast.policy.archive.graph_bytes import MAX_GRAPH_BYTES
from deepracer_fast.policy.archive.members import (
    MAX_TOTAL_BYTES,
    Member,
    archive_members,
    whole_archive,
)

GRAPH_NAME = "agent/model.pb"

_MEMBER_DATE = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
"""Of all members, so that a model is the same bytes each time. What is dated before 1980, as 0 is,
cannot be packed into a ZIP file once it has been unpacked."""


def write_model_archive(path: str | Path, metadata: ModelMetadata, graph: bytes) -> None:
    """Writes an archive in one step; the same model gives the same bytes.

    Raises:
        ArchiveError: the file cannot be written, or no car shows what the policy sees.
    """
    path = path_of("the path of an archive", path, ArchiveError)
    instance("metadata", metadata, ModelMetadata, ArchiveError)
    if not isinstance(graph, bytes):
        raise refuse("graph", "bytes (frozen_graph makes them)", graph, ArchiveError)
    if not metadata.is_for_the_car:
        seen, instead = ", ".join(metadata.sensors), "with a camera"
        if not metadata.sees_track_state:
            seen, instead = f"{metadata.frame_stack} frames at once", "without frame_stack"
        raise ArchiveError(
            f"{path}: no car can drive a policy that reads {seen}: train one {instead} to have an "
            "archive"
        )
    members = {GRAPH_NAME: graph, METADATA_NAME: metadata.to_json().encode("utf-8")}
    try:
        with atomic_file(path) as file:
            _write_members(file, members)
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be written: {error.strerror}") from error


def read_model_archive(path: str | Path) -> tuple[ModelMetadata, bytes]:
    """Reads metadata and frozen graph from an archive of any folder layout.

    The metadata is the ``model_metadata.json`` nearest the root; the graph is the only ``*.pb``,
    or ``agent/model.pb`` where there are several.

    Returns:
        the metadata, and the bytes of the graph, unchecked (``read_frozen_graph`` checks them).

    Raises:
        ArchiveError: the file cannot be read, is cut short or corrupt, has an unsafe or oversize
            member, or lacks metadata or graph; one line with the archive's path.
        MetadataError: the metadata breaks a rule.
    """
    path = path_of("the path of an archive", path, ArchiveError)
    source = str(path)
    graphs, metadata = _Candidates(MAX_GRAPH_BYTES), _Candidates(MAX_SETTINGS_BYTES)
    with opened(path, ArchiveError, MAX_TOTAL_BYTES) as file, whole_archive(file, source):
        for member in archive_members(file, source):
            name = posixpath.normpath(member.name)
            base = posixpath.basename(name)
            if base.startswith("._"):  # Finder attributes, which macOS's tar adds beside each file
                continue
            if base == METADATA_NAME:
                metadata.offer(member, name.count("/"), source)
            elif base.endswith(".pb"):
                graphs.offer(member, int(not _is_conventional(name)), source)
    metadata_name = _nearest_root(path, sorted(metadata.ranks))
    _pick_graph(path, sorted(graphs.ranks))
    text = decoded(metadata.content, f"{path}: {metadata_name}", ArchiveError)
    return parse_model_metadata(text, f"{path}: {metadata_name}"), graphs.content


@dataclass
class _Candidates:
    """Members of which one is wanted; only the content of the best so far is kept.

    Attributes:
        most: bytes that one may have.
        ranks: of all, by name; the lowest is the best.
        content: of the best one, the last of that name, as an unpacked archive would have it.
    """

    most: int
    ranks: dict[str, int] = field(default_factory=dict)
    content: bytes = b""
    _best: str | None = None

    def offer(self, member: Member, rank: int, source: str) -> None:
        """Takes one more into account."""
        name = posixpath.normpath(member.name)
        self.ranks[name] = rank
        if self._best is not None and name != self._best and rank >= self.ranks[self._best]:
            return
        if member.size > self.most:
            raise ArchiveError(
                f"{source}: {name[:100]!r}: has {member.size:,} bytes; at most {self.most:,} is "
                "read"
            )
        self._best, self.content = name, b""
        self.content = member.read()


def _write_members(file: BinaryIO, members: dict[str, bytes]) -> None:
    """Tar and gzip with everything that could vary the same each time: date, owners, file name."""
    with (
        # Weights hardly shrink: 7 % for ten times the time, in every checkpoint.
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=0, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            info.mode = 0o644
            info.mtime = _MEMBER_DATE
            archive.addfile(info, io.BytesIO(members[name]))


def _nearest_root(path: str | Path, names: list[str]) -> str:
    if not names:
        raise ArchiveError(f"{path}: holds no {METADATA_NAME}; add the one the model came with")
    depth = min(name.count("/") for name in names)
    nearest = [name for name in names if name.count("/") == depth]
    if len(nearest) > 1:
        raise ArchiveError(
            f"{path}: holds several models: {', '.join(nearest[:4])}; keep one per archive"
        )
    return nearest[0]


def _is_conventional(name: str) -> bool:
    return f"/{name}".endswith(f"/{GRAPH_NAME}")


def _pick_graph(path: str | Path, names: list[str]) -> str:
    if not names:
        raise ArchiveError(f"{path}: holds no *.pb graph; expected {GRAPH_NAME}")
    conventional = list(filter(_is_conventional, names))
    choices = names if len(names) == 1 else conventional
    if len(choices) != 1:
        raise ArchiveError(
            f"{path}: holds several graphs ({', '.join(names[:4])}); "
            f"keep one, or name it {GRAPH_NAME}"
        )
    return choices[0]
