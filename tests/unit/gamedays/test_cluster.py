import os
from pathlib import Path

from gamedays.cluster import ensure


def test_a_folder_is_made_for_the_owner_of_its_parent(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 10001, 10001)
    wanted = tmp_path / "planted" / "a-run"
    ensure(wanted)
    ensure(wanted)
    for folder in (wanted, wanted.parent):
        assert folder.is_dir()
        assert (folder.stat().st_uid, folder.stat().st_gid) == (
            tmp_path.stat().st_uid,
            tmp_path.stat().st_gid,
        )
