"""What only a folder store meets: disks, permissions, links, killed processes."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing, Reason, StoreUnreachable
from douga_shared.object_store import FolderStore

NOBODY = 65534


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder whose parents anybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@contextmanager
def _without_rights() -> Iterator[None]:
    """Root may do anything, so the test becomes nobody; anybody else stays who they are."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


@contextmanager
def _largest_file(size_bytes: int) -> Iterator[None]:
    """Make the kernel refuse every byte beyond, in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def test_a_missing_root_is_missing_input(tmp_path: Path) -> None:
    """A misspelt source is named at once."""
    with pytest.raises(InputMissing, match="no-such"):
        FolderStore(tmp_path / "no-such")


def test_a_file_as_root_is_missing_input(tmp_path: Path) -> None:
    """A store needs a folder; the message says so."""
    (tmp_path / "A0001.png").write_bytes(b"")
    with pytest.raises(InputMissing, match="is a file"):
        FolderStore(tmp_path / "A0001.png")


def test_a_root_behind_a_closed_door_is_missing_input(root: Path) -> None:
    """Not being allowed to look is told apart from nothing being there."""
    (root / "closed" / "scans").mkdir(parents=True)
    (root / "closed").chmod(0)
    with _without_rights(), pytest.raises(InputMissing, match="Permission denied"):
        FolderStore(root / "closed" / "scans")
    (root / "closed").chmod(0o755)


def test_a_destination_is_made_with_its_parents(tmp_path: Path) -> None:
    """`out/cut012/A` need not exist; making it twice is no error."""
    for _ in range(2):
        FolderStore(tmp_path / "out" / "cut012" / "A", create=True)
    assert (tmp_path / "out" / "cut012" / "A").is_dir()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_destination_behind_a_file_is_a_configuration_error(tmp_path: Path, name: str) -> None:
    """Nothing was started; the message names the folder and the remedy."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"file' cannot be made|below' cannot be made"):
        FolderStore(tmp_path / name, create=True)


def test_a_destination_that_may_not_be_made_is_a_configuration_error(root: Path) -> None:
    """A read-only place is found out before the first frame."""
    root.chmod(0o555)
    with _without_rights(), pytest.raises(ConfigurationError, match="Permission denied"):
        FolderStore(root / "out", create=True)
    root.chmod(0o755)


def test_a_relative_root_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing the working directory later moves nothing."""
    monkeypatch.chdir(tmp_path)
    store = FolderStore(Path("out"), create=True)
    monkeypatch.chdir("/")
    store.write("A0001.png", b"x")
    assert ["A0001.png"] == _names(tmp_path / "out")


def test_a_file_that_may_not_be_read_is_unreadable(root: Path) -> None:
    """It is there and described, but its bytes are refused; its neighbour is read."""
    store = FolderStore(root)
    for name in ("A0001.png", "A0002.png"):
        store.write(name, b"x")
    (root / "A0001.png").chmod(0)
    with _without_rights():
        with pytest.raises(FrameRejected, match=r"'A0001\.png' cannot be read: permission denied") as caught:
            store.read("A0001.png")
        assert b"x" == store.read("A0002.png")
        assert ["A0001.png", "A0002.png"] == [info.object_key for info in store.list()]
    assert Reason.UNREADABLE is caught.value.reason


def test_a_folder_of_an_objects_name_is_unreadable(tmp_path: Path) -> None:
    """A folder called `x.png` is no scan."""
    (tmp_path / "x.png").mkdir()
    store = FolderStore(tmp_path)
    assert store.stat("x.png") is None
    with pytest.raises(FrameRejected, match="a folder") as caught:
        store.read("x.png")
    assert Reason.UNREADABLE is caught.value.reason


def test_a_folder_that_may_not_be_listed_is_missing_input(root: Path) -> None:
    """An empty answer would say that there is no work."""
    store = FolderStore(root)
    (root / "closed").mkdir(mode=0)
    with _without_rights():
        with pytest.raises(InputMissing, match=r"closed/?' cannot be read: Permission denied"):
            store.list_folder("closed/")
        with pytest.raises(InputMissing, match="Permission denied"):
            list(store.list("closed/A"))


def test_a_pipe_is_no_object_and_is_never_opened(tmp_path: Path) -> None:
    """Reading a pipe would wait for ever."""
    os.mkfifo(tmp_path / "A0001.png")
    store = FolderStore(tmp_path)
    assert store.stat("A0001.png") is None
    assert [] == list(store.list())
    assert [("A0001.png", "not a file (a pipe, socket or device)")] == [
        (unusable.name, unusable.why) for unusable in store.list_folder().unusable
    ]
    with pytest.raises(FrameRejected):
        store.read("A0001.png")


def test_a_name_that_is_not_unicode_is_told_and_left(tmp_path: Path) -> None:
    """A manifest could not record it; the name is shown in a way that can be printed."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/A\xe9.png")).write_bytes(b"x")
    store = FolderStore(tmp_path)
    (unusable,) = store.list_folder().unusable
    assert ("A\\xe9.png", "its name cannot be used: it is not valid Unicode") == (unusable.name, unusable.why)
    assert [] == list(store.list())


def test_links_are_followed_for_reading(tmp_path: Path) -> None:
    """Studios collect scans by links, also from elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "A0001.png").write_bytes(b"linked")
    root = tmp_path / "root"
    root.mkdir()
    (root / "A0001.png").symlink_to(tmp_path / "elsewhere" / "A0001.png")
    (root / "level").symlink_to(tmp_path / "elsewhere")
    store = FolderStore(root)
    assert b"linked" == store.read("A0001.png") == store.read("level/A0001.png")
    assert ["level/A0001.png"] == [info.object_key for info in store.list_folder("level/").objects]
    assert 6 == store.list_folder().objects[0].size_bytes


def test_writing_over_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    """A drawing never overwrites the scan it is linked to."""
    store = FolderStore(tmp_path / "root", create=True)
    (tmp_path / "scan").write_bytes(b"scan")
    (tmp_path / "root" / "A0001.png").symlink_to(tmp_path / "scan")
    store.write("A0001.png", b"drawing")
    assert (b"scan", b"drawing") == ((tmp_path / "scan").read_bytes(), store.read("A0001.png"))


def test_links_that_lead_round_do_not_hang_a_listing(tmp_path: Path) -> None:
    """A folder linked into itself is listed once, a link to itself is an object nobody can read."""
    store = FolderStore(tmp_path)
    store.write("A0001.png", b"x")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to("self.png")
    assert ["A0001.png", "self.png"] == [info.object_key for info in store.list()]
    with pytest.raises(FrameRejected) as caught:
        store.read("self.png")
    assert Reason.UNREADABLE is caught.value.reason


def test_a_link_to_nothing_is_listed_and_vanished_when_read(tmp_path: Path) -> None:
    """A scan that is linked but gone must be missed by someone."""
    (tmp_path / "A0001.png").symlink_to("gone.png")
    store = FolderStore(tmp_path)
    assert [("A0001.png", 0, "")] == [(info.object_key, info.size_bytes, info.etag) for info in store.list()]
    with pytest.raises(FrameRejected) as caught:
        store.read("A0001.png")
    assert Reason.VANISHED is caught.value.reason


def test_a_file_replaced_by_one_of_equal_size_and_time_has_another_etag(tmp_path: Path) -> None:
    """Copies keep their times; the etag still tells one file from another."""
    store = FolderStore(tmp_path)
    etags = set()
    for data in (b"one", b"two"):
        store.write("A0001.png", data)
        os.utime(tmp_path / "A0001.png", (1, 1))
        info = store.stat("A0001.png")
        assert info is not None
        etags.add(info.etag)
    assert 2 == len(etags)


def test_drawings_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    """Colleagues may read what the umask lets them read, temporary file or not."""
    store = FolderStore(tmp_path)
    previous = os.umask(0o027)
    try:
        store.write("A0001.png", b"x")
    finally:
        os.umask(previous)
    assert 0o640 == stat.S_IMODE((tmp_path / "A0001.png").stat().st_mode)


def test_a_write_that_fails_half_way_leaves_the_old_content(tmp_path: Path) -> None:
    """The kernel refuses the second half of the bytes: the old drawing stays, and nothing else."""
    store = FolderStore(tmp_path)
    store.write("A0001.png", b"old")
    with _largest_file(50_000), pytest.raises(FrameRejected, match="no file this large") as caught:
        store.write("A0001.png", b"x" * 100_000)
    assert Reason.WRITE_FAILED is caught.value.reason
    assert b"old" == store.read("A0001.png")
    assert ["A0001.png"] == _names(tmp_path)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output"),
    ],
)
def test_a_disk_that_fails_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    """A full disk often shows only when the bytes are flushed."""

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FrameRejected, match=remedy) as caught:
        store.write("sub/A0001.png", b"x")
    assert Reason.WRITE_FAILED is caught.value.reason
    assert "'sub/A0001.png'" in str(caught.value)
    assert [] == _names(tmp_path)


def test_a_share_that_is_stale_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A passing fault says 'try again' and condemns no frame."""

    def fail(_: int) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreUnreachable, match="Stale"):
        store.write("A0001.png", b"x")


def test_a_root_that_goes_away_is_unreachable_and_not_made_anew(tmp_path: Path) -> None:
    """A share that is unmounted under way rejects no frame, and no drawing lands below the mount point."""
    root = tmp_path / "root"
    store = FolderStore(root, create=True)
    root.rmdir()
    for call in (
        lambda: store.read("A0001.png"),
        lambda: store.stat("A0001.png"),
        lambda: store.write("A0001.png", b"x"),
        lambda: store.delete("A0001.png"),
        lambda: list(store.list()),
        store.list_folder,
    ):
        with pytest.raises(StoreUnreachable, match="does not answer"):
            call()
    assert not root.exists()


def test_a_folder_that_may_not_be_written_fails_the_write(root: Path) -> None:
    """The message names the remedy; reading goes on."""
    store = FolderStore(root)
    store.write("A0001.png", b"old")
    root.chmod(0o555)
    with _without_rights():
        with pytest.raises(FrameRejected, match="permissions") as caught:
            store.write("A0001.png", b"new")
        assert Reason.WRITE_FAILED is caught.value.reason
        with pytest.raises(FrameRejected, match="permissions"):
            store.delete("A0001.png")
        assert b"old" == store.read("A0001.png")
    root.chmod(0o755)


@pytest.mark.parametrize(
    ("object_key", "remedy"),
    [("folder", "a folder of that name"), ("file/below.png", "a file is in the way"), ("x" * 300, "rename")],
)
def test_what_is_in_the_way_of_a_write_is_named(tmp_path: Path, object_key: str, remedy: str) -> None:
    """A name can be taken by another kind of thing, or be too long."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FrameRejected, match=remedy) as caught:
        FolderStore(tmp_path).write(object_key, b"x")
    assert Reason.WRITE_FAILED is caught.value.reason
    assert ["file"] == _names(tmp_path)


def test_a_name_as_long_as_the_disk_allows_can_be_written(tmp_path: Path) -> None:
    """The temporary name takes no room from the drawing's."""
    store = FolderStore(tmp_path)
    store.write("x" * 255, b"x")
    assert b"x" == store.read("x" * 255)


KILLED_WRITER = """
import os, pathlib, signal, sys
from douga_shared.object_store import FolderStore
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
FolderStore(pathlib.Path(sys.argv[1])).write("sub/A0001.png", b"new")
"""


def test_a_killed_writer_leaves_the_old_content_and_nothing_to_see(tmp_path: Path) -> None:
    """Killed between writing and renaming: no reader meets the leftover, and a sweep removes it."""
    store = FolderStore(tmp_path)
    store.write("sub/A0001.png", b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(tmp_path)], check=False)
    assert -signal.SIGKILL == killed.returncode
    assert 2 == len(_names(tmp_path))
    assert b"old" == store.read("sub/A0001.png")
    assert ["sub/A0001.png"] == [info.object_key for info in store.list()]
    assert 1 == len(store.list_folder("sub/").objects)
    assert 1 == store.sweep(older_than_seconds=0)
    assert ["sub/A0001.png"] == _names(tmp_path)


def test_a_sweep_leaves_a_write_in_progress_alone(tmp_path: Path) -> None:
    """Only what is too old to be in progress is removed, and only Douga's own."""
    old, young, foreign = (
        tmp_path / name for name in (f".douga-{'a' * 16}.tmp", f".douga-{'b' * 16}.tmp", ".x.tmp")
    )
    for path in (old, young, foreign):
        path.write_bytes(b"")
    for path in (old, foreign):
        os.utime(path, (1, 1))
    assert 1 == FolderStore(tmp_path).sweep()
    assert sorted([young.name, foreign.name]) == _names(tmp_path)


def test_the_name_of_a_file_being_written_is_no_key(tmp_path: Path) -> None:
    """It would be swept away."""
    with pytest.raises(FrameRejected, match="being written"):
        FolderStore(tmp_path).write(f"sub/.douga-{'a' * 16}.tmp", b"x")


def test_a_disk_without_hard_links_creates_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some shares know no links; still only the first creates, and nothing is left beside it."""

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = FolderStore(root)
    assert store.create("sub/job.json", b"first")
    assert not store.create("sub/job.json", b"second")
    assert b"first" == store.read("sub/job.json")
    assert ["sub/job.json"] == _names(root)


def test_a_folder_in_the_way_of_a_new_object_is_named(root: Path) -> None:
    """It is no object, so nobody was first; the user moves it."""
    (root / "job.json").mkdir()
    with pytest.raises(FrameRejected, match="a folder of that name is in the way; move it"):
        FolderStore(root).create("job.json", b"{}")
    assert [] == _names(root)


def test_a_full_disk_creates_nothing(root: Path) -> None:
    """Neither the object nor a part of it, and the next call may."""
    store = FolderStore(root)
    with _largest_file(1000), pytest.raises(FrameRejected, match=r"job\.json"):
        store.create("job.json", bytes(2000))
    assert [] == _names(root)
    assert store.create("job.json", bytes(2000))
