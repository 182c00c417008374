"""Where a SQLite file lies: never on a network file system, in a folder that may be written.

WAL needs memory that all processes share (sqlite.org/wal.html), which two machines have not, and the locks of network
file systems are not to be believed (sqlite.org/faq.html, 5).
"""

import os
import re
from pathlib import Path

NETWORK = re.compile(r"^(nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|glusterfs|lustre|gfs2|ocfs2|fuse\.(sshfs|glusterfs|s3fs|rclone|ceph\S*))$")
MOUNTS = Path("/proc/self/mountinfo")


def filesystem(path: Path, mounts: str) -> str:
    """The type of the file system on which ``path`` lies, by a table like /proc/self/mountinfo; "" where it does not say."""
    best, kind = "", ""
    for line in mounts.splitlines():
        here, _, rest = line.partition(" - ")
        fields = here.split(" ")
        if len(fields) < 5 or not rest:
            continue
        point = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), fields[4])  # a space is \040
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, rest.split(" ")[0]
    return kind


def faults(file: Path, mounts: str | None = None) -> list[str]:
    """Why a SQLite database may not lie there, as sentences that say what to do; empty when it may. Writes nothing."""
    if mounts is None:
        mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
    folder = file.resolve().parent
    kind = filesystem(folder, mounts)
    if NETWORK.match(kind):
        return [f"DATABASE_URL lies on a network file system ({kind}), where SQLite loses data: give it a local disk, or use PostgreSQL."]
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        return [f"DATABASE_URL: this user may not write in {folder}, and SQLite makes files beside the database: chown or chmod it."]
    for one in (file, file.with_name(f"{file.name}-wal")):
        if one.exists() and not os.access(one, os.R_OK | os.W_OK):
            return [f"DATABASE_URL: this user may not read and write {one}: chown or chmod it."]
    return []
