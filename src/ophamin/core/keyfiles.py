# SPDX-License-Identifier: Apache-2.0
"""Private keys on disk: read only where nobody else can read them, written once and never over another key.

The caller says where; nothing here looks for a key. Access lists of Windows are not read: there only kind and size of
a file are checked.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from ophamin.core.files import TEMPORARY_PREFIX
from ophamin.core.keys import (
    MAX_KEY_BYTES,
    KeyMaterialError,
    KeyPublicError,
    Signer,
    generate_key,
    read_private_key,
)
from ophamin.core.signing import SECRET_BYTES, is_public_key
from ophamin.core.text import visible

__all__ = [
    "USER_KEY_NAME",
    "KeyExistsError",
    "KeyFileError",
    "KeyModeError",
    "load_private_key",
    "load_secret",
    "save_private_key",
    "user_key",
]

USER_KEY_NAME: Final = "signing-key.pem"

_POSIX: Final = os.name == "posix"
_READ: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class KeyFileError(KeyMaterialError):
    """A key file cannot be read or written: missing, a link, no regular file, too large."""


class KeyModeError(KeyFileError):
    """Others than the user can read the key file, or put another one in its place."""


class KeyExistsError(KeyFileError):
    """There is a file already where a key was to be written."""


def load_private_key(path: Path, *, passphrase: bytes | None = None) -> Signer:
    """Read a private key from a file that only its owner can read.

    Args:
        path: a regular file, not a link, of at most 64 KiB; on POSIX owned by this user, without a mode bit for
            group or others.
        passphrase: for an encrypted key, and only for one.

    Raises:
        KeyModeError: someone else owns the file or can read it.
        KeyFileError: it is missing, a link, no regular file, or too large.
        KeyMaterialError: what is in it cannot be used; see `ophamin.core.keys.read_private_key`.

    Example:
        >>> load_private_key(Path("no-such.pem"))
        Traceback (most recent call last):
        ...
        ophamin.core.keyfiles.KeyFileError: no-such.pem: No such file or directory; give the file of a key
    """
    name = visible(str(path))
    data = _read_own(path, name)
    try:
        return read_private_key(data, passphrase=passphrase)
    except KeyMaterialError as error:
        raise type(error)(f"{name}: {error}") from error


def load_secret(path: Path) -> bytes:
    """Read the secret of an HMAC seal from a file that only its owner can read; white space around it is left out.

    Args:
        path: as `load_private_key` takes it.

    Raises:
        KeyModeError: someone else owns the file or can read it.
        KeyFileError: it is missing, a link, no regular file, or too large.
        KeyPublicError: the secret stands in public source, is shorter than `SECRET_BYTES`, or is one byte repeated.

    Example:
        >>> load_secret(Path("no-such.key"))
        Traceback (most recent call last):
        ...
        ophamin.core.keyfiles.KeyFileError: no-such.key: No such file or directory; give the file of a key
    """
    name = visible(str(path))
    secret = _read_own(path, name).strip()
    if is_public_key(secret):
        raise KeyPublicError(
            f"{name}: this key stands in public source, so anybody can seal with it; make one of your own"
        )
    if len(secret) < SECRET_BYTES or len(set(secret)) == 1:
        told = f"{len(secret)} bytes, {len(set(secret))} of them different"
        raise KeyPublicError(f"{name}: a secret of {told} can be guessed; give {SECRET_BYTES} random bytes or more")
    return secret


def save_private_key(signer: Signer, path: Path) -> None:
    """Write a private key, not encrypted, with mode 0600: whole or not at all, and never over another file.

    The folder has to be there.

    Raises:
        KeyExistsError: there is a file, folder or link already.
        KeyFileError: it cannot be written, or the file system has no hard links, which make it appear whole.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "ci.pem"
        >>> signer = generate_key()
        >>> save_private_key(signer, file)
        >>> load_private_key(file) == signer
        True
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}"
    name = visible(str(path))
    try:
        descriptor = os.open(temporary, _CREATE, 0o600)
        try:
            with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor, not a path
                handle.write(signer.to_pem())
                handle.flush()
                os.fsync(descriptor)
            os.link(temporary, path)  # unlike a rename, it fails where something is there
        finally:
            with suppress(OSError):
                temporary.unlink()
    except FileExistsError as error:
        raise KeyExistsError(
            f"{name} is there already and was left as it is; remove it, or choose another name"
        ) from error
    except (OSError, ValueError) as error:
        problem = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise KeyFileError(f"{name} was not written: {problem}; choose another folder") from error


def user_key(folder: Path) -> tuple[Signer, bool]:
    """The user's own Ed25519 key in a folder, made there if there is none.

    Several processes may call this at once; all get the same key, and one of them has made it.

    Args:
        folder: made with mode 0700 where it is missing; on POSIX it has to belong to this user, and nobody else may
            write in it.

    Returns:
        The key, and whether this call made it.

    Raises:
        KeyMaterialError: the key that is there cannot be used, or none can be written; it is never replaced.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "keys"
        >>> key, created = user_key(folder)
        >>> created, user_key(folder) == (key, False)
        (True, True)
    """
    path = folder / USER_KEY_NAME
    _own_folder(folder)
    if not os.path.lexists(path):
        signer = generate_key()
        with suppress(KeyExistsError):
            save_private_key(signer, path)
            return signer, True
    return load_private_key(path), False


def _read_own(path: Path, name: str) -> bytes:
    """The bytes of a key file, with every failure in the words of this module."""
    try:
        return _read_private(path, name)
    except KeyFileError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in {errno.ELOOP, errno.EMLINK}:
            raise KeyFileError(f"{name}: this is a link; give the file it points to") from error
        problem = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise KeyFileError(f"{name}: {problem}; give the file of a key") from error


def _read_private(path: Path, name: str) -> bytes:
    # Looked at through the open descriptor, so that the file that is judged is the file that is read.
    descriptor = os.open(path, _READ)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise KeyFileError(f"{name}: this is no regular file; give the file of a private key")
        if not _POSIX and path.is_symlink():  # O_NOFOLLOW is missing there
            raise KeyFileError(f"{name}: this is a link; give the file it points to")
        _check_owner(facts, name)
        if _POSIX and facts.st_mode & 0o077:
            mode = stat.S_IMODE(facts.st_mode)
            raise KeyModeError(f"{name} has the mode {mode:04o}, so others may use the key; run chmod 600 on it")
        with open(descriptor, "rb", closefd=False) as handle:
            data = handle.read(MAX_KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_KEY_BYTES:
        raise KeyFileError(f"{name} has more than {MAX_KEY_BYTES} bytes; give the file of one private key")
    return data


def _own_folder(folder: Path) -> None:
    name = visible(str(folder))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
    except (OSError, ValueError) as error:
        problem = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise KeyFileError(f"{name} cannot hold keys: {problem}; choose another folder") from error
    _check_owner(facts, name)
    if _POSIX and facts.st_mode & 0o022:
        mode = stat.S_IMODE(facts.st_mode)
        raise KeyModeError(f"{name} has the mode {mode:04o}, so others may exchange the key; run chmod 700 on it")


def _check_owner(facts: os.stat_result, name: str) -> None:
    if _POSIX and facts.st_uid != os.geteuid():
        raise KeyModeError(f"{name} belongs to the user {facts.st_uid}, not to you ({os.geteuid()}); use your own")
