# SPDX-License-Identifier: Apache-2.0
"""Keys that sign and verify: Ed25519 and ECDSA P-256, in text and in memory.

Key ids are those of securesystemslib, so that users of in-toto need no special step. Keys that are known to everybody
are refused on the way in. The module reads no environment and no file; `ophamin.core.keyfiles` does the latter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, final, get_args

from ophamin.core.known_keys import is_known_ed25519, is_known_p256, is_small_order
from ophamin.core.signing import is_public_key
from ophamin.errors import OphaminError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = [
    "MAX_KEY_BYTES",
    "Algorithm",
    "KeyAlgorithmError",
    "KeyFormatError",
    "KeyMaterialError",
    "KeyPassphraseError",
    "KeyPublicError",
    "PublicKey",
    "Signer",
    "generate_key",
    "read_private_key",
    "read_public_key",
]

MAX_KEY_BYTES: Final = 64 * 2**10

Algorithm = Literal["ed25519", "ecdsa-p256"]
"""``ed25519`` is RFC 8032, pure; ``ecdsa-p256`` is FIPS 186-5 over NIST P-256 with SHA-256 and DER signatures."""


class KeyMaterialError(OphaminError, ValueError):
    """A key cannot be used."""


class KeyFormatError(KeyMaterialError):
    """The text holds no key of the kind that was asked for."""


class KeyAlgorithmError(KeyMaterialError):
    """The key is sound, but of another algorithm than Ed25519 and ECDSA P-256."""


class KeyPassphraseError(KeyMaterialError):
    """An encrypted key came without its passphrase, or with another one."""


class KeyPublicError(KeyMaterialError):
    """Everybody can sign with this key: its private half is published, or it needs none."""

    code: ClassVar[str] = "KEY_PUBLIC"


@final
@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies; equal to another where the ids are.

    Attributes:
        algorithm: the one algorithm it is used with.
        key_id: 64 hex digits, as securesystemslib computes them.
    """

    algorithm: Algorithm
    key_id: str
    _key: Ed25519PublicKey | EllipticCurvePublicKey = field(repr=False, compare=False)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` was made over ``message`` with the private half of this key."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(signature, message, _ecdsa())
        except InvalidSignature:
            return False
        return True

    def to_pem(self) -> str:
        """SubjectPublicKeyInfo (RFC 5280) in PEM, as OpenSSL writes it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


@final
@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs. Its private half is shown nowhere and leaves it only through `to_pem`.

    Attributes:
        public: the half that verifies.
    """

    public: PublicKey
    _key: Ed25519PrivateKey | EllipticCurvePrivateKey = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message``: 64 bytes for Ed25519, DER with a random nonce for P-256."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, _ecdsa())

    def to_pem(self) -> bytes:
        """The private key, not encrypted: PKCS #8 (RFC 5958) in PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def generate_key(algorithm: Algorithm = "ed25519") -> Signer:
    """Make a new key from the system's randomness.

    Args:
        algorithm: P-256 for those who verify with cosign; else Ed25519.

    Raises:
        KeyAlgorithmError: another algorithm.

    Example:
        >>> signer = generate_key()
        >>> signer.public.verify(signer.sign(b"record"), b"record")
        True
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm not in get_args(Algorithm):
        raise KeyAlgorithmError(f"{algorithm!r} is not supported; use {' or '.join(get_args(Algorithm))}")
    return _signer(
        ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    )


def read_private_key(text: str | bytes, *, passphrase: bytes | None = None) -> Signer:
    """Read a private key from its text: PKCS #8, SEC 1 or OpenSSH, in PEM.

    Args:
        text: at most `MAX_KEY_BYTES`.
        passphrase: for an encrypted key, and only for one.

    Raises:
        KeyFormatError: this is no private key.
        KeyAlgorithmError: it is neither Ed25519 nor P-256.
        KeyPassphraseError: the passphrase is missing, wrong, or not needed.
        KeyPublicError: everybody has the key.

    Example:
        >>> signer = generate_key("ecdsa-p256")
        >>> read_private_key(signer.to_pem()).public == signer.public
        True
        >>> read_private_key("ophamin-scenario-proof-key")
        Traceback (most recent call last):
        ...
        ophamin.core.keys.KeyPublicError: this key stands in public source; make one of your own with generate_key
    """
    data = _checked_text(text)
    if b"PRIVATE KEY-----" not in data:
        raise KeyFormatError("this is no private key in PEM; give the text from '-----BEGIN ... PRIVATE KEY-----' on")
    return _signer(_parse_private(data, passphrase))


def read_public_key(text: str | bytes) -> PublicKey:
    """Read a public key from its text: SubjectPublicKeyInfo in PEM.

    Raises:
        KeyFormatError: this is no public key; a private key in its place is refused too.
        KeyAlgorithmError: it is neither Ed25519 nor P-256.
        KeyPublicError: everybody can sign for it.

    Example:
        >>> key = generate_key().public
        >>> read_public_key(key.to_pem()) == key
        True
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _checked_text(text)
    if b"PRIVATE KEY-----" in data:
        raise KeyFormatError("this is a private key; keep it secret and give its public half")
    try:
        key = load_pem_public_key(data)
    except UnsupportedAlgorithm as error:
        raise _algorithm_error("unknown") from error
    except ValueError as error:
        raise KeyFormatError(
            "this is no public key in PEM; give the text from '-----BEGIN PUBLIC KEY-----' on"
        ) from error
    return _public(key)


def _checked_text(text: str | bytes) -> bytes:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_KEY_BYTES:
        raise KeyFormatError(f"{len(data)} bytes; a key has at most {MAX_KEY_BYTES}. Give the key alone")
    if is_public_key(data.strip()):
        raise KeyPublicError("this key stands in public source; make one of your own with generate_key")
    return data


def _parse_private(data: bytes, passphrase: bytes | None) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY-----" in data else load_pem_private_key
    try:
        return load(data, passphrase)
    except TypeError as error:
        wanted = "is encrypted; give its passphrase" if passphrase is None else "is not encrypted; give no passphrase"
        raise KeyPassphraseError(f"the private key {wanted}") from error
    except UnsupportedAlgorithm as error:
        raise _algorithm_error("unknown") from error
    except ValueError as error:
        if passphrase is not None:
            raise KeyPassphraseError("the passphrase does not open the private key, or the key is damaged") from error
        raise KeyFormatError("the private key is damaged or of an unknown format; save it anew as PKCS #8") from error


def _signer(key: Any) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = _public(key.public_key())
    if isinstance(key, Ed25519PrivateKey) and len(set(key.private_bytes_raw())) == 1:
        raise KeyPublicError("the private key is one byte, 32 times; make a random one with generate_key")
    return Signer(public, key)


def _public(key: Any) -> PublicKey:
    """A key of a supported algorithm that not everybody can sign for."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes_raw()
        if is_small_order(raw):
            raise KeyPublicError("the key is a point of small order, which anybody can sign for; make a new key")
        known, made = is_known_ed25519(raw), _ed25519(key)
    elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        known, made = is_known_p256(key.public_numbers().x), _p256(key)
    else:
        curve = getattr(getattr(key, "curve", None), "name", "")
        raise _algorithm_error(f"{type(key).__name__} {curve}".strip())
    if known:
        raise KeyPublicError(f"the private half of the key {made.key_id[:12]} is published; make a new key")
    return made


def _ed25519(key: Ed25519PublicKey) -> PublicKey:
    return PublicKey("ed25519", _key_id("ed25519", "ed25519", key.public_bytes_raw().hex()), key)


def _p256(key: EllipticCurvePublicKey) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return PublicKey("ecdsa-p256", _key_id("ecdsa", "ecdsa-sha2-nistp256", pem), key)


def _key_id(kind: str, scheme: str, public: str) -> str:
    """SHA-256 over the key in securesystemslib's canonical JSON, which leaves the line ends of a PEM as they are."""
    return hashlib.sha256(
        f'{{"keytype":"{kind}","keyval":{{"public":"{public}"}},"scheme":"{scheme}"}}'.encode("ascii")
    ).hexdigest()


def _ecdsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return ECDSA(SHA256())


def _algorithm_error(found: str) -> KeyAlgorithmError:
    return KeyAlgorithmError(f"the algorithm of this key is {found}; give an Ed25519 or an ECDSA P-256 key")
