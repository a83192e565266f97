"""From what a user or a message calls a place to the store that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_shared.errors import ConfigurationError, InputMissing
from douga_shared.object_store import FolderStore, S3Options, S3Store, StoreUrl, open_store
from douga_shared.object_store.locate import parse_stores


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("s3://studio", "s3://studio/"),
        ("s3://studio/", "s3://studio/"),
        ("S3://studio/cut012/scan", "s3://studio/cut012/scan/"),
        ("s3://studio/cut012/scan/", "s3://studio/cut012/scan/"),
        ("s3://studio.tokyo-2/原画/a b#1/", "s3://studio.tokyo-2/原画/a b#1/"),
        ("file:///mnt/scans", "file:///mnt/scans/"),
        ("file:///mnt/scans/", "file:///mnt/scans/"),
        ("file://localhost/mnt/a%20b/%E5%8E%9F", "file:///mnt/a%20b/%E5%8E%9F/"),
        ("file:///", "file:///"),
        ("/mnt/cut #1?/", "file:///mnt/cut%20%231%3F/"),
        ("/mnt/a/../b", "file:///mnt/b/"),
    ],
)
def test_a_place_has_one_normal_form(text: str, normal: str) -> None:
    """Jobs are known by it: the same place is the same job."""
    assert normal == str(StoreUrl.parse(text))
    assert StoreUrl.parse(normal) == StoreUrl.parse(text)


def test_a_relative_path_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded holds wherever the next program is started."""
    (tmp_path / "cut").mkdir()
    monkeypatch.chdir(tmp_path / "cut")
    assert StoreUrl.parse(str(tmp_path / "scan")) == StoreUrl.parse("../scan")
    assert StoreUrl.parse(str(tmp_path / "cut")) == StoreUrl.parse(".")


@given(
    name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(
        lambda name: "/" not in name
    )
)
def test_any_folder_can_be_named_by_its_url(name: str) -> None:
    """Whatever its letters; and by bytes that are no Unicode too."""
    if name in {".", ".."}:
        return
    for path in (f"/mnt/{name}", f"/mnt/{name}\udce9"):
        url = StoreUrl.parse(path)
        assert str(url).isascii()
        assert url == StoreUrl.parse(str(url))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "may not be empty"),
        ("a\nb", "control characters"),
        ("s3://", "is no bucket"),
        ("s3:///cut", "is no bucket"),
        ("s3://Studio/cut", "small letters"),
        ("s3://st/cut", "3 to 63"),
        ("s3://-studio/", "is no bucket"),
        ("s3://stu..dio/", "is no bucket"),
        ("s3://192.168.1.1/", "is no bucket"),
        ("s3://studio:9000/", "is no bucket"),
        ("s3://studio/../other/", "empty, '.' or '..'"),
        ("s3://studio/a/%2e%2e/other", "empty, '.' or '..'"),
        ("s3://studio/a//b", "empty, '.' or '..'"),
        ("s3://studio//a", "empty, '.' or '..'"),
        ("s3://studio/a\r\nb", "control characters"),
        ("s3://studio/a%00b", "control characters"),
        ("s3://studio/a?versionId=1", "takes no '\\?'"),
        ("file://server/scans", "must be mounted"),
        ("file://", "by its whole path"),
        ("file:///mnt/../etc", "empty, '.' or '..'"),
        ("file:///mnt/%2e%2e/etc", "empty, '.' or '..'"),
        ("file:///mnt/a%0Ab", "control characters"),
        ("file:///mnt/a?b", "%3F"),
        ("https://studio.s3.amazonaws.com/cut", "no stores of the kind 'https://'"),
        ("gs://studio/cut", "no stores of the kind 'gs://'"),
    ],
)
def test_what_names_no_store_is_refused_with_the_right_form(text: str, why: str) -> None:
    """Nothing is guessed: a message may have been written by a stranger."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        StoreUrl.parse(text)
    assert "s3://" in str(caught.value)


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    """What the user reads is in a log a moment later."""
    with pytest.raises(ConfigurationError, match="name a profile") as caught:
        StoreUrl.parse("s3://AKIA123:secret@studio/cut")
    assert "secret" not in str(caught.value)
    assert "AKIA123" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "allowed", "is_within"),
    [
        ("s3://studio/cut1/", "s3://studio/cut1", True),
        ("s3://studio/cut1/scan", "s3://studio/cut1", True),
        ("s3://studio/cut12", "s3://studio/cut1", False),
        ("s3://studio/", "s3://studio/cut1", False),
        ("s3://studio/cut1", "s3://studio", True),
        ("s3://studio2/cut1", "s3://studio", False),
        ("s3://other/cut1", "s3://a-bucket/ s3://other/ file:///mnt/", True),
        ("s3://other/cut1", "", False),
        ("file:///studio/cut1", "s3://studio/", False),
        ("s3://mnt/scans", "file:///", False),
        ("/nowhere/cut1/scan", "file:///nowhere/cut1", True),
        ("/nowhere/cut12", "file:///nowhere/cut1", False),
        ("/nowhere/cut1/../cut2", "file:///nowhere/cut1", False),
    ],
)
def test_a_place_is_allowed_by_whole_parts_of_its_path(text: str, allowed: str, is_within: bool) -> None:
    """Leave to work on cut 1 is none for cut 12."""
    assert is_within is StoreUrl.parse(text).is_within(parse_stores(allowed))


def test_a_link_that_leads_out_is_not_within(tmp_path: Path) -> None:
    """Folders are compared by where they really are, the allowed ones too."""
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret" / "deep").mkdir(parents=True)
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "also-allowed").symlink_to(tmp_path / "allowed")
    allowed = [StoreUrl.parse(str(tmp_path / "also-allowed"))]
    assert StoreUrl.parse(str(tmp_path / "allowed" / "new")).is_within(allowed)
    assert not StoreUrl.parse(str(tmp_path / "allowed" / "out")).is_within(allowed)
    assert not StoreUrl.parse(str(tmp_path / "allowed" / "out" / "deep")).is_within(allowed)


def test_a_setting_names_stores_wherever_it_is_read() -> None:
    """A relative path would mean another folder in every process."""
    assert ("s3://studio/", "file:///mnt/a%20b/") == tuple(
        map(str, parse_stores("s3://studio  file:///mnt/a%20b"))
    )
    with pytest.raises(ConfigurationError, match="'scans' is neither a URL nor an absolute path"):
        parse_stores("s3://studio scans")


def test_a_place_opens_as_the_store_that_is_there(tmp_path: Path) -> None:
    """A bucket is asked with the first request, a folder is looked at now."""
    options = S3Options(endpoint_url="http://127.0.0.1:1")
    bucket = open_store("s3://studio/cut012", options)
    assert isinstance(bucket, S3Store)
    assert "s3://studio/cut012/" == str(bucket)
    assert isinstance(open_store(str(tmp_path)), FolderStore)
    assert isinstance(open_store(StoreUrl.parse(tmp_path.as_uri())), FolderStore)
    with pytest.raises(InputMissing, match="check the spelling"):
        open_store(str(tmp_path / "none"))
    open_store(str(tmp_path / "new"), create=True).write("A0001.png", b"drawing")
    assert b"drawing" == (tmp_path / "new" / "A0001.png").read_bytes()
