"""Files that are no experiment before any key is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.document import read_document
from dbsweep.errors import ConfigError


def write(folder: Path, content: bytes) -> Path:
    file = folder / "experiment.yaml"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "must be a mapping of keys"),
        (b"just words\n", "must be a mapping of keys"),
        (b"name: \xff\n", r"is not UTF-8 text \(byte 0xff at offset 6\)"),
        (b"name: [1, 2\n", "line 2, column 1: is not YAML"),
        (b"a: 1\n\tb: 2\n", "line 2, column 1: is not YAML: .*; indent with spaces, not with tabs$"),
        (b"a:\n  b:1\n  c: 2\n", "line 3, column 4: is not YAML: .*: a colon has a space after it, keys"),
        (b"a:\n   b: 1\n  c: 2\n", "is not YAML: .*keys of one section begin below one another"),
        (b"a: photo: neon\n", "is not YAML: .* text that holds a colon needs quotes$"),
        (b'a: "C:\\photos"\n', "unknown escape character 'p'; in double quotes .*: write the path with / or"),
        (b'a: "C:\\Users"\n', "expected escape sequence .*; in double quotes .*: write the path with / or"),
        (b"a: 1\n---\nb: 2\n", "is not YAML: but found another document"),
        (b"a: \x00\n", "is not YAML"),
        (b"a: 2026-13-45\n", "is not YAML: month must be in"),
        (b"a: !!python/object/apply:os.system ['true']\n", "is not YAML: could not determine a constructor"),
        (b"a: &x {b: [*x]}\n", r"`a\.b\[0\]` contains itself"),
        (b"a: " + b"[" * 1200, "is not YAML: nested too deeply"),
    ],
)
def test_what_is_no_document(tmp_path: Path, content: bytes, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        read_document(write(tmp_path, content))
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", "[general]\nshuffle_caption = true\n[[datasets]]\nresolution = 512\n"),
        ("settings.toml", "network_dim = 8\n"),
        ("concepts.json", '[{"instance_prompt": "photo of ohwx man"}]'),
    ],
)
def test_the_file_of_another_trainer_is_told_where_to_begin(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"of another trainer\? An experiment is one YAML file"):
        read_document(tmp_path / name)


def test_a_yaml_file_is_of_no_other_trainer(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"must be a mapping of keys such as `name:` and `concepts:`$"):
        read_document(write(tmp_path, b"- a\n"))


def test_a_folder_is_no_document(tmp_path: Path):
    with pytest.raises(ConfigError, match="is a folder; name an experiment file in it"):
        read_document(tmp_path)


def test_an_unreadable_file_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        read_document(tmp_path / "experiment.yaml")


def test_a_byte_order_mark_is_skipped(tmp_path: Path):
    assert read_document(write(tmp_path, b"\xef\xbb\xbfname: a\n")).values == {"name": "a"}


def test_lines_are_those_of_the_keys(tmp_path: Path):
    document = read_document(write(tmp_path, b"a: 1\nb:\n  - c: 2\n    d: 3\n"))
    assert document.origin(("b", 0, "d")) == "line 4"
    assert document.origin(("b", 0, "not there")) == "line 3"
    assert document.origin(("not there",)) is None


def test_duplicate_keys_are_faults_at_every_depth(tmp_path: Path):
    document = read_document(write(tmp_path, b"a: [{b: 1,\n b: 2}]\nc: 1\nc: 1\n"))
    assert [str(fault) for fault in document.faults] == [
        "a[0].b: is given twice, on lines 1 and 2; keep one",
        "c: is given twice, on lines 3 and 4; keep one",
    ]


def test_anchors_and_merges_are_not_duplicates(tmp_path: Path):
    document = read_document(write(tmp_path, b"a: &x {k: 1, m: 2}\nb:\n  <<: *x\n  k: 3\n"))
    assert document.faults == ()
    assert document.values == {"a": {"k": 1, "m": 2}, "b": {"k": 3, "m": 2}}
