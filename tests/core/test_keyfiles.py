# SPDX-License-Identifier: Apache-2.0
"""Private keys on disk: who may read them, and that none is ever lost or written over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ophamin.core import keyfiles
from ophamin.core.keyfiles import (
    USER_KEY_NAME,
    KeyExistsError,
    KeyFileError,
    KeyModeError,
    load_private_key,
    save_private_key,
    user_key,
)
from ophamin.core.keys import MAX_KEY_BYTES, KeyFormatError, KeyPassphraseError, KeyPublicError, generate_key
from ophamin.errors import OphaminError

posix = pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
SIGNER = generate_key()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def key_file(tmp_path) -> Path:
    save_private_key(SIGNER, tmp_path / "ci.pem")
    return tmp_path / "ci.pem"


def test_a_saved_key_is_loaded_again_and_nothing_else_is_left(key_file):
    assert load_private_key(key_file).public == SIGNER.public
    assert load_private_key(key_file).sign(b"m") == SIGNER.sign(b"m")
    assert names(key_file.parent) == ["ci.pem"]


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_key_is_written_for_its_owner_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        save_private_key(SIGNER, tmp_path / "ci.pem")
    finally:
        os.umask(before)
    assert (tmp_path / "ci.pem").stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("there", ["a file", "a folder", "a dangling link"])
def test_nothing_is_ever_written_over(tmp_path, there):
    path = tmp_path / "ci.pem"
    if there == "a file":
        path.write_bytes(b"precious")
    elif there == "a folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyExistsError, match=r"ci\.pem is there already and was left as it is"):
        save_private_key(SIGNER, path)
    assert names(tmp_path) == ["ci.pem"]
    assert there != "a file" or path.read_bytes() == b"precious"


def test_a_file_system_without_hard_links_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(keyfiles.os, "link", refuse)
    with pytest.raises(KeyFileError, match="Operation not permitted; choose another folder"):
        save_private_key(SIGNER, tmp_path / "ci.pem")
    assert names(tmp_path) == []


def test_a_full_disk_leaves_no_part_of_a_key(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyfiles.os, "fsync", full)
    with pytest.raises(KeyFileError, match="No space left"):
        save_private_key(SIGNER, tmp_path / "ci.pem")
    assert names(tmp_path) == []


@pytest.mark.parametrize("path", ["missing/ci.pem", "nul\x00.pem"])
def test_a_place_that_cannot_be_written_is_an_error(tmp_path, path):
    with pytest.raises(KeyFileError, match="was not written"):
        save_private_key(SIGNER, tmp_path / path)


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_key_that_others_can_touch_is_refused(key_file, mode):
    key_file.chmod(mode)
    with pytest.raises(KeyModeError, match=rf"mode {mode:04o}.*chmod 600"):
        load_private_key(key_file)


@posix
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_any_mode_for_the_owner_alone_will_do(key_file, mode):
    key_file.chmod(mode)
    assert load_private_key(key_file).public == SIGNER.public


@posix
def test_a_key_of_another_user_is_refused(key_file, monkeypatch):
    monkeypatch.setattr(keyfiles.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyModeError, match="belongs to the user"):
        load_private_key(key_file)


@posix
def test_a_link_to_a_key_is_refused(key_file):
    (key_file.parent / "link.pem").symlink_to(key_file)
    with pytest.raises(KeyFileError, match="this is a link; give the file it points to"):
        load_private_key(key_file.parent / "link.pem")


@posix
def test_a_pipe_is_refused_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileError, match="no regular file"):
        load_private_key(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing.pem", "No such file"),
        ("", "no regular file|directory"),
        ("nul\x00", "null"),
        ("ci.pem/x", "directory"),
    ],
)
def test_what_is_no_file_is_an_error_with_a_way_out(key_file, path, problem):
    with pytest.raises(KeyFileError, match=problem) as caught:
        load_private_key(key_file.parent / path)
    assert isinstance(caught.value, OphaminError)


def test_a_name_that_would_act_on_a_terminal_is_shown_escaped(tmp_path):
    with pytest.raises(KeyFileError) as caught:
        load_private_key(tmp_path / "\x1b[2Kkey")
    assert "\x1b" not in str(caught.value)


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "big.pem"
    path.write_bytes(SIGNER.to_pem().ljust(MAX_KEY_BYTES + 1))
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="more than 65536 bytes"):
        load_private_key(path)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", KeyFormatError),
        (b"ophamin-scenario-proof-key\n", KeyPublicError),
        (SIGNER.public.to_pem().encode(), KeyFormatError),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", KeyFormatError),
    ],
)
def test_an_error_in_the_key_names_the_file(tmp_path, content, error):
    path = tmp_path / "ci.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(error, match=r"ci\.pem: "):
        load_private_key(path)


def test_the_passphrase_is_passed_on(tmp_path):
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    text = SIGNER._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right"))
    path = tmp_path / "ci.pem"
    path.write_bytes(text)
    path.chmod(0o600)
    assert load_private_key(path, passphrase=b"right").public == SIGNER.public
    with pytest.raises(KeyPassphraseError):
        load_private_key(path)


# --- the user's own key


def test_the_users_key_is_made_once(tmp_path):
    first, created = user_key(tmp_path / "a" / "keys")
    again, created_again = user_key(tmp_path / "a" / "keys")
    assert (created, created_again) == (True, False)
    assert first == again
    assert first.public.algorithm == "ed25519"
    assert names(tmp_path / "a" / "keys") == [USER_KEY_NAME]


@posix
def test_its_folder_is_made_for_the_user_alone(tmp_path):
    user_key(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o7777 == 0o700


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_in_which_others_write_is_refused(tmp_path, mode):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(mode)
    with pytest.raises(KeyModeError, match=r"others may exchange the key; run chmod 700"):
        user_key(tmp_path / "keys")
    assert names(tmp_path / "keys") == []


@posix
def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keyfiles.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyModeError, match="belongs to the user"):
        user_key(tmp_path / "keys")


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_a_damaged_key_is_an_error_and_is_not_replaced(tmp_path, content):
    path = tmp_path / USER_KEY_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFormatError):
        user_key(tmp_path)
    assert path.read_bytes() == content


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "keys").write_bytes(b"")
    with pytest.raises(KeyFileError, match="cannot hold keys"):
        user_key(tmp_path / "keys")


def test_a_key_that_appears_in_between_is_taken(tmp_path, monkeypatch):
    # Deterministically the worst moment: after the look, before the write.
    make = keyfiles.generate_key
    winner = generate_key()

    def slowly():
        save_private_key(winner, tmp_path / USER_KEY_NAME)
        return make()

    monkeypatch.setattr(keyfiles, "generate_key", slowly)
    assert user_key(tmp_path) == (winner, False)


def test_many_threads_at_once_get_one_key(tmp_path):
    start = threading.Barrier(8)
    found = []

    def ask():
        start.wait()
        found.append(user_key(tmp_path / "keys"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({signer.public.key_id for signer, _ in found}) == 1
    assert sorted(created for _, created in found) == [False] * 7 + [True]
    assert names(tmp_path / "keys") == [USER_KEY_NAME]


def test_two_processes_at_once_get_one_key(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ophamin.core.keyfiles import user_key\n"
        "import cryptography.hazmat.primitives.asymmetric.ed25519\n"
        "print('ready', flush=True); sys.stdin.read()\n"
        "signer, created = user_key(Path(sys.argv[1])); print(signer.public.key_id, int(created))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.close()  # the start signal
    answers = [process.stdout.read().split() for process in processes]
    for process in processes:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    assert len({key_id for key_id, _ in answers}) == 1
    assert sorted(created for _, created in answers) == ["0", "0", "1"]


@posix
@pytest.mark.needs("openssl")
def test_openssl_reads_the_key_file_and_the_key_file_of_openssl_is_read(key_file):
    def run(*arguments):
        return subprocess.run(["openssl", *arguments], capture_output=True, timeout=60, check=True).stdout

    assert run("pkey", "-in", str(key_file), "-pubout").decode() == SIGNER.public.to_pem()
    other = key_file.parent / "other.pem"
    run("genpkey", "-algorithm", "ed25519", "-out", str(other))
    other.chmod(0o600)
    assert load_private_key(other).public.to_pem() == run("pkey", "-in", str(other), "-pubout").decode()
