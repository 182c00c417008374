"""C10: where a SQLite database may lie."""

import os
from pathlib import Path

import pytest

from kit import disks

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:50 / /srv rw - xfs /dev/sdb1 rw
41 40 0:51 / /srv/shared rw - nfs4 store.example:/x rw,vers=4.2
42 22 0:52 / /mnt/two\\040words rw - cifs //store.example/x rw
43 22 0:53 / /media rw - fuse.sshfs ann@store.example: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann", "ext4"),
        ("/srv/wellspring/instance", "xfs"),
        ("/srv/shared", "nfs4"),
        ("/srv/shared/w/instance", "nfs4"),
        ("/srv/sharedness", "xfs"),
        ("/mnt/two words/w", "cifs"),
        ("/media/w", "fuse.sshfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert disks.filesystem(Path(path), MOUNTS) == kind
    said = disks.faults(Path(path) / "w.db", MOUNTS)
    assert ("network file system" in " ".join(said)) == (kind in ("nfs4", "cifs", "fuse.sshfs")), said


def test_a_table_that_says_nothing_refuses_nothing() -> None:
    assert disks.filesystem(Path("/srv"), "") == ""
    assert disks.faults(Path("/nowhere/at/all/w.db"), "odd\nlines - of") == []


def test_a_folder_or_file_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "w.db"
    assert disks.faults(file) == []
    file.touch()
    if os.getuid() == 0:  # who may do anything is asked as if she were somebody else
        monkeypatch.setattr(os, "access", lambda path, mode: bool(Path(path).stat().st_mode & 0o200))
    file.chmod(0o400)
    assert disks.faults(file) == [f"DATABASE_URL: this user may not read and write {file}: chown or chmod it."]
    file.chmod(0o600)
    tmp_path.chmod(0o500)
    assert str(tmp_path) in disks.faults(file)[0]
    tmp_path.chmod(0o700)


def test_this_machine_s_own_table_is_read() -> None:
    assert disks.faults(Path(__file__).resolve()) == []
