"""Archives written as text, a line for each entry: ``PATH MODE OWNER:GROUP TEXT...``.

A path with a slash at its end is a directory; ``PATH -> TARGET`` is a symbolic link and
``PATH = OTHER`` a hard link. Mode and owner may be left out; everything is as old as ``TIME``.
"""

import bz2
import gzip
import io
import lzma
import re
import shlex
import tarfile
from functools import partial

from backports import zstd

TIME = 1000000000  # 2001-09-09 01:46:40 UTC

COMPRESSIONS = {
    "": bytes,
    "gz": partial(gzip.compress, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def archive(text: str, compression: str) -> bytes:
    """A tar archive of the entries that a text names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for line in text.splitlines():
            member, content = entry(shlex.split(line))
            if member.islnk():
                first = tar.getmember(member.linkname)
                member.mode, member.uid, member.gid = first.mode, first.uid, first.gid
            tar.addfile(member, io.BytesIO(content))
    return COMPRESSIONS[compression](buffer.getvalue())


def entry(words: list[str]) -> tuple[tarfile.TarInfo, bytes]:
    """One entry, and its content."""
    path, *rest = words
    member = tarfile.TarInfo(path)
    member.mtime = TIME
    match rest:
        case ["->", target]:
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
            return member, b""
        case ["=", other]:
            member.type, member.linkname = tarfile.LNKTYPE, other
            return member, b""

    if path.endswith("/"):
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    if rest and rest[0].isdecimal():
        member.mode = int(rest.pop(0), 8)
    if rest and re.fullmatch(r"\d+:\d+", rest[0]):
        member.uid, member.gid = map(int, rest.pop(0).split(":"))
    content = " ".join(rest).encode()
    member.size = len(content)
    return member, content
