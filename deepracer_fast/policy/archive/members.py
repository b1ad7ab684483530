"""What is in an archive: ``.tar.gz``, ``.tar`` or ``.zip``, in memory, never extracted.

In: an open file. Out: its members one after the other, each checked before any content is taken:
names, kinds, number, sizes, and how much more they are than the file itself. Nothing that a header
declares is believed before the bytes are there.

Neighbour: ``model_archive`` takes metadata and graph from what comes out here.
"""

import gzip
import os
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, BinaryIO, NamedTuple, cast

from deepracer_fast.checks.file_reading import PARSER_FAULTS, MiB
from deepracer_fast.errors import ArchiveError

# The largest policy (5 convolutions over two cameras) is 230 MB: room for an archive with four.
MAX_TOTAL_BYTES = 1 << 30
MAX_MEMBERS = 10_000
# Weights hardly shrink; logs and metrics beside them do, to a twentieth.
_MAX_RATIO = 64
_FREE_OF_RATIO = 16 * MiB
# What may be read from one member's content to the next member's: headers and long names.
_HEADER_ALLOWANCE = MiB
_MAX_ZIP_DIRECTORY = 4 * MiB
_ZIP_END = b"PK\5\6"
_ZIP_END_BYTES = 22
_ZIP_COMMENT_BYTES = (1 << 16) - 1
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Member(NamedTuple):
    """A file in an archive; what is read of it must be read before the next one is asked for."""

    name: str
    size: int
    read: Callable[[], bytes]


def archive_members(file: BinaryIO, source: str) -> Iterator[Member]:
    """The files in an archive, all members checked; messages call it ``source``.

    Raises:
        ArchiveError: an unsafe or oversize member.
        Exception: within ``whole_archive`` an ArchiveError; the archive is cut short or corrupt.
    """
    size = os.fstat(file.fileno()).st_size
    kind = _kind(file)
    most = size
    if kind != ".tar":
        most = min(MAX_TOTAL_BYTES, _FREE_OF_RATIO + _MAX_RATIO * size)
    inspector = _Inspector(source, most)
    if kind == ".zip":
        yield from _zip_members(file, inspector)
    elif kind == ".tar":
        yield from _tar_members(file, inspector)
    else:
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            yield from _tar_members(unpacked, inspector)


@contextmanager
def whole_archive(file: BinaryIO, source: str) -> Iterator[None]:
    """Says of whatever a damaged archive raises that the archive is not whole."""
    try:
        yield
    except (gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile, *PARSER_FAULTS) as error:
        reason = str(error) or type(error).__name__
        raise ArchiveError(
            f"{source}: not a whole {_named(file)} archive ({reason}); download or export it again"
        ) from error
    except OSError as error:
        raise ArchiveError(f"{source}: cannot be read: {error.strerror or error}") from error


def _kind(file: BinaryIO) -> str:
    file.seek(0)
    begin = file.read(4)
    file.seek(0)
    if begin.startswith(b"\x1f\x8b"):
        return ".tar.gz"
    return ".zip" if begin in (b"PK\3\4", _ZIP_END) else ".tar"


def _named(file: BinaryIO) -> str:
    """What a damaged archive was to be; the usual thing where its first bytes do not tell."""
    file.seek(0)
    is_tar = file.read(tarfile.BLOCKSIZE)[257:262] == b"ustar"
    kind = _kind(file)
    return ".tar.gz" if kind == ".tar" and not is_tar else kind


class _Inspector:
    """Refuses what no model archive needs and what an attack would use."""

    def __init__(self, source: str, most: int) -> None:
        self.source = source
        self._most = most
        self._count = 0
        self._total = 0

    def pass_member(self, name: str, size: int, is_plain: bool) -> None:
        """Takes the next member into account: a file, or else a folder."""
        self._count += 1
        self._total += max(size, 0)
        where = f"{self.source}: {name[:100]!r}"
        if self._count > MAX_MEMBERS:
            raise ArchiveError(
                f"{self.source}: holds more than {MAX_MEMBERS:,} members; not a model"
            )
        if posixpath.isabs(name) or ".." in name.replace("\\", "/").split("/"):
            raise ArchiveError(f"{where}: a member's path must stay inside the archive; refused")
        if not is_plain:
            raise ArchiveError(
                f"{where}: is a link, device or pipe; only files and folders may be in"
            )
        if self._total > self._most:
            raise ArchiveError(
                f"{where}: brings the unpacked size to {self._total / 1e6:,.1f} MB; of such an "
                f"archive at most {self._most / 1e6:,.1f} MB is read"
            )


def _tar_members(unpacked: IO[bytes] | gzip.GzipFile, inspector: _Inspector) -> Iterator[Member]:
    stream = _RationedStream(unpacked, inspector.source)
    # In stream mode tarfile asks of a file no more than to be read in order.
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
        for info in archive:
            inspector.pass_member(info.name, info.size, info.isreg() or info.isdir())
            if info.size < 0 or info.issparse():
                raise ArchiveError(
                    f"{inspector.source}: {info.name[:100]!r}: is a sparse file; pack the model "
                    "again without --sparse"
                )
            stream.allow(info.size + _HEADER_ALLOWANCE)
            if info.isreg():
                yield Member(info.name, info.size, partial(_tar_content, archive, info))
    # Only the end of the file tells whether its checksum holds.
    stream.drain()


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(info)
    return b"" if content is None else content.read()


def _zip_members(file: BinaryIO, inspector: _Inspector) -> Iterator[Member]:
    _check_zip_directory(file, inspector.source)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16  # 0 where it was packed on Windows
            is_plain = stat.S_IFMT(mode) in (0, stat.S_IFREG, stat.S_IFDIR)
            inspector.pass_member(info.filename, info.file_size, is_plain)
            if info.is_dir():
                continue
            if info.flag_bits & 1 or info.compress_type not in _ZIP_METHODS:
                raise ArchiveError(
                    f"{inspector.source}: {info.filename[:100]!r}: is encrypted or packed by "
                    "another method than deflate; pack the model again"
                )
            yield Member(info.filename, info.file_size, partial(archive.read, info))


def _check_zip_directory(file: BinaryIO, source: str) -> None:
    """Refuses a large directory, which ``zipfile`` reads as a whole, before it is read."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _ZIP_END_BYTES - _ZIP_COMMENT_BYTES))
    tail = file.read()
    file.seek(0)
    # ``zipfile`` looks at the file's very end first: both are to be small.
    for found in {len(tail) - _ZIP_END_BYTES, tail.rfind(_ZIP_END)}:
        record = tail[max(found, 0) :][:_ZIP_END_BYTES]
        if not record.startswith(_ZIP_END) or len(record) < _ZIP_END_BYTES:
            continue
        count = int.from_bytes(record[10:12], "little")
        length = int.from_bytes(record[12:16], "little")
        if count > MAX_MEMBERS or length > _MAX_ZIP_DIRECTORY:
            raise ArchiveError(
                f"{source}: holds more than {MAX_MEMBERS:,} members, or far too long names; not a "
                "model"
            )


class _RationedStream:
    """Bytes of an unpacked archive, of which no more can be read than has been allowed.

    Without it a small file could unpack into headers and long names without end, which
    ``tarfile`` gathers in memory before it hands over a member to be checked.
    """

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, source: str) -> None:
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
