"""A disk that forgets what was not synced, rebuilt from what strace saw a process do to its files.

`writing` gives a file's operations in their order; `Disk` plays them and gives the files as a cut of the power at this
moment leaves them: at the worst (nothing that was not synced) or by chance (of what was not synced any sector, or none).
A name in a folder is kept when the folder was synced. An answer to the other side is an operation too: whatever was said
before the cut, the files have to bear out.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

SECTOR = 512
CALLS = "pwrite64,pwritev,ftruncate,fdatasync,fsync,unlink,write,writev,sendto,sendmsg"
STRACE = ["strace", "-f", "-y", "-xx", "-s", "4000000", "--seccomp-bpf", "-e", f"trace={CALLS}"]

_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>")
_FILE = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)>")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PLACE = re.compile(r"\"(?:, \d+)?, (\d+)(?:\)| <unfinished)")  # behind the bytes: how many, then where


@dataclass(frozen=True)
class Act:
    """kind: write, truncate, sync (it begins), synced, unlink, said."""

    kind: str
    thread: int
    path: str = ""
    data: bytes = b""
    place: int = 0


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def writing(trace: str) -> Iterator[Act]:
    """What strace wrote down, in its order. A call that was interrupted in the listing begins at its first line."""
    for line in trace.splitlines():
        if found := _RESUMED.match(line):
            if found[2] in ("fsync", "fdatasync"):
                yield Act("synced", int(found[1]))
        elif found := _LINE.match(line):
            yield from _begun(int(found[1]), found[2], found[3])


def _begun(thread: int, call: str, rest: str) -> Iterator[Act]:
    file = _FILE.match(rest)
    path = _plain(file[1]).decode() if file else ""
    said = b"".join(_plain(one) for one in _BYTES.findall(rest))
    if call in ("write", "writev", "sendto", "sendmsg"):
        yield Act("said", thread, path, said)
    elif call == "unlink":
        yield Act("unlink", thread, said.decode())
    elif call == "pwrite64":
        place = _PLACE.search(rest)
        assert place, rest[-80:]
        yield Act("write", thread, path, said, int(place[1]))
    elif call == "ftruncate":
        yield Act("truncate", thread, path, place=int(rest.split(", ")[1].split(")")[0].split(" ")[0]))
    else:
        assert call in ("fsync", "fdatasync"), f"SQLite has learned another way to write: {call}"
        yield Act("sync", thread, path)
        if "<unfinished" not in rest:
            yield Act("synced", thread)


@dataclass
class File:
    """What the disk has, and what only the machine's memory has."""

    kept: bytes = b""
    pending: list[Act] = field(default_factory=list)

    def flush(self, count: int) -> None:
        self.kept = _applied(self.kept, self.pending[:count])
        del self.pending[:count]


def _applied(content: bytes, acts: list[Act]) -> bytes:
    out = bytearray(content)
    for act in acts:
        if act.kind == "truncate":
            del out[act.place :]
            out.extend(bytes(act.place - len(out)))
        else:
            out.extend(bytes(max(0, act.place - len(out))))
            out[act.place : act.place + len(act.data)] = act.data
    return bytes(out)


def _by_chance(acts: list[Act], chance: random.Random) -> list[Act]:
    """Some of them, and of a write some sectors, in any order."""
    kept = []
    for act in acts:
        if act.kind == "truncate":
            kept += [act] * chance.randrange(2)
            continue
        cuts = [0, *range(SECTOR - act.place % SECTOR, len(act.data), SECTOR), len(act.data)]
        whole = chance.random()
        for start, end in pairwise(cuts):
            if whole < 0.3 or (whole < 0.8 and chance.random() < 0.5):
                kept.append(Act("write", act.thread, act.path, act.data[start:end], act.place + start))
    chance.shuffle(kept)
    return kept


class Disk:
    """The files of one folder; at the beginning, those that were there and are safe."""

    def __init__(self, folder: str, files: dict[str, bytes]) -> None:
        self.folder = folder
        self.names = {path: File(content) for path, content in files.items()}
        self.kept_names = dict(self.names)
        self._syncing: dict[int, tuple[File | None, int]] = {}

    def do(self, act: Act) -> None:
        """One more operation; what is about other files than this folder's is nothing here."""
        if act.kind == "synced":
            file, count = self._syncing.pop(act.thread, (None, -1))
            if file is not None:
                file.flush(count)
            elif count == 0:
                self.kept_names = dict(self.names)
        elif act.path == self.folder:
            self._syncing[act.thread] = (None, 0)
        elif not act.path.startswith(f"{self.folder}/") or act.path.endswith("-shm"):
            return
        elif act.kind == "unlink":
            self.names.pop(act.path, None)
        elif act.kind == "sync":
            file = self.names.setdefault(act.path, File())
            self._syncing[act.thread] = (file, len(file.pending))
        else:
            self.names.setdefault(act.path, File()).pending.append(act)

    def cut(self, chance: random.Random | None = None) -> dict[str, bytes]:
        """What is there when the power is back."""
        if chance is None:
            return {path: file.kept for path, file in self.kept_names.items()}
        names = chance.choice([self.names, self.kept_names])
        return {path: _applied(file.kept, _by_chance(file.pending, chance)) for path, file in names.items()}
