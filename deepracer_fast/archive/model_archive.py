"""``model.tar.gz``: the archive that the car, deepracer-for-cloud and DeepRacer-on-AWS exchange.

In and out: the model's metadata and the bytes of its frozen graph, as ``model_metadata.json`` at
the root and ``agent/model.pb`` (aws-deepracer-systems-pkg model_loader_node.py). Written archives
are the same bytes for the same model. Foreign archives are read member by member in memory, never
extracted: names, kinds and sizes are checked before any content is taken.

Neighbours: ``frozen_graph.py`` makes the graph, ``graph_import.py`` reads it.
"""

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from deepracer_fast.atomic import atomic_file
from deepracer_fast.door import instance, path_of, refuse
from deepracer_fast.errors import ArchiveError
from deepracer_fast.model_metadata import ModelMetadata, parse_model_metadata

METADATA_NAME = "model_metadata.json"
GRAPH_NAME = "agent/model.pb"

# The largest policy (5 convolutions over two cameras) is 230 MB: room for an archive with four.
MAX_TOTAL_BYTES = 1 << 30
MAX_METADATA_BYTES = 1 << 20
MAX_MEMBERS = 10_000
# What may be read from one member's content to the next member's: headers and long names.
_HEADER_ALLOWANCE = 1 << 20


def write_model_archive(path: str | Path, metadata: ModelMetadata, graph: bytes) -> None:
    """Writes ``model.tar.gz`` in one step; the same model gives the same bytes.

    Args:
        path: the archive to make or replace.
        metadata: becomes ``model_metadata.json`` at the root.
        graph: a frozen graph, as ``frozen_graph`` makes it; becomes ``agent/model.pb``.

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
    graphs: dict[str, bytes] = {}
    metadata: dict[str, bytes] = {}
    for name, content in _contents(path):
        (graphs if name.endswith(".pb") else metadata)[name] = content
    metadata_name = _nearest_root(path, sorted(metadata))
    graph_name = _pick_graph(path, sorted(graphs))
    try:
        text = metadata[metadata_name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path}: {metadata_name}: must be UTF-8 text, it is not") from error
    return parse_model_metadata(text, f"{path}: {metadata_name}"), graphs[graph_name]


def _write_members(file: BinaryIO, members: dict[str, bytes]) -> None:
    """Tar and gzip with everything that could vary left at zero: times, owners, file name."""
    with (
        # Weights hardly shrink: 7 % for ten times the time, in every checkpoint.
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=0, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            info.mode = 0o644
            archive.addfile(info, io.BytesIO(members[name]))


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the archive's ``*.pb`` and metadata members, all members checked."""
    try:
        with gzip.open(path, "rb") as unpacked:
            stream = _RationedStream(unpacked, str(path))
            # In stream mode tarfile asks of a file no more than to be read in order.
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
                yield from _wanted_members(archive, stream, str(path))
            # Only the end of the file tells whether its checksum holds.
            stream.drain()
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, ValueError) as error:
        raise ArchiveError(
            f"{path}: not a whole .tar.gz archive ({error}); download or export it again"
        ) from error
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read: {error.strerror or error}") from error


def _wanted_members(
    archive: tarfile.TarFile, stream: "_RationedStream", source: str
) -> Iterator[tuple[str, bytes]]:
    total = 0
    for count, member in enumerate(archive, start=1):
        total += max(member.size, 0)
        _check_member(member, count, total, source)
        stream.allow(member.size + _HEADER_ALLOWANCE)
        if not _is_wanted(member):
            continue
        content = archive.extractfile(member)
        if content is not None:
            yield posixpath.normpath(member.name), content.read()


def _is_wanted(member: tarfile.TarInfo) -> bool:
    base = posixpath.basename(member.name)
    # macOS's tar adds a "._name" of Finder attributes beside each file.
    if not member.isreg() or base.startswith("._"):
        return False
    return base == METADATA_NAME or base.endswith(".pb")


def _check_member(member: tarfile.TarInfo, count: int, total: int, source: str) -> None:
    """Refuses what no model archive needs and what an attack would use."""
    where = f"{source}: {member.name[:100]!r}"
    if count > MAX_MEMBERS:
        raise ArchiveError(f"{source}: holds more than {MAX_MEMBERS:,} members; not a model")
    if posixpath.isabs(member.name) or ".." in member.name.replace("\\", "/").split("/"):
        raise ArchiveError(f"{where}: a member's path must stay inside the archive; refused")
    if not (member.isreg() or member.isdir()):
        raise ArchiveError(f"{where}: is a link, device or pipe; only files and folders may be in")
    if member.size < 0 or member.issparse():
        raise ArchiveError(f"{where}: is a sparse file; pack the model again without --sparse")
    if total > MAX_TOTAL_BYTES:
        raise ArchiveError(
            f"{where}: brings the unpacked size to {total / 1e9:,.1f} GB; "
            f"at most {MAX_TOTAL_BYTES / 1e9:.1f} GB is read"
        )
    if posixpath.basename(member.name) == METADATA_NAME and member.size > MAX_METADATA_BYTES:
        raise ArchiveError(
            f"{where}: has {member.size:,} bytes; at most {MAX_METADATA_BYTES:,} is read"
        )


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


def _pick_graph(path: str | Path, names: list[str]) -> str:
    if not names:
        raise ArchiveError(f"{path}: holds no *.pb graph; expected {GRAPH_NAME}")
    conventional = [name for name in names if f"/{name}".endswith(f"/{GRAPH_NAME}")]
    choices = names if len(names) == 1 else conventional
    if len(choices) != 1:
        raise ArchiveError(
            f"{path}: holds several graphs ({', '.join(names[:4])}); "
            f"keep one, or name it {GRAPH_NAME}"
        )
    return choices[0]


class _RationedStream:
    """Bytes of an unpacked archive, of which no more can be read than has been allowed.

    Without it a small file could unpack into headers and long names without end, which
    ``tarfile`` gathers in memory before it hands over a member to be checked.
    """

    def __init__(self, stream: io.BufferedIOBase, source: str) -> None:
        self._stream = stream
        self._source = source
        self._left = _HEADER_ALLOWANCE

    def allow(self, num_bytes: int) -> None:
        """Adds to what may be read."""
        self._left += num_bytes

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes, fewer only at the end, as ``tarfile`` asks of a stream."""
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise ArchiveError(f"{self._source}: unpacks to far more than its members declare")
        return content

    def drain(self) -> None:
        """Reads to the end, so that a wrong checksum or a cut-off tail is noticed."""
        while self.read(1 << 16):
            pass
