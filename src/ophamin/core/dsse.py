# SPDX-License-Identifier: Apache-2.0
"""The signed envelope: DSSE v1.0, whose signatures cover exact bytes and their type, never a parsed object.

Opening an envelope gives back the very bytes that were signed; what is verified is what is read. The module knows
neither what the bytes say nor which keys are to be trusted. Source: DSSE protocol and envelope, version 1.0.0, 2021,
https://github.com/secure-systems-lab/dsse.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, NoReturn

from ophamin.core import strictjson
from ophamin.core.canonical import canonical_bytes
from ophamin.core.keys import PublicKey, Signer
from ophamin.core.text import visible
from ophamin.errors import OphaminError

__all__ = [
    "IN_TOTO_TYPE",
    "MAX_ENVELOPE_BYTES",
    "MAX_SIGNATURES",
    "BadSignatureError",
    "Envelope",
    "EnvelopeError",
    "MalformedEnvelopeError",
    "Signature",
    "UnknownKeyError",
    "UnsignedEnvelopeError",
    "WrongTypeError",
    "pae",
    "parse_envelope",
    "sign",
    "verify",
]

IN_TOTO_TYPE: Final = "application/vnd.in-toto+json"
"""The payload type of an in-toto Statement."""

MAX_ENVELOPE_BYTES: Final = 12 * 2**20
MAX_SIGNATURES: Final = 8
"""Each signature may have to be tried with each key, so their number bounds the work."""

_PAYLOAD: Final = re.compile(rb'"payload"[ \t\r\n]*:[ \t\r\n]*"')
_URL_SAFE: Final = str.maketrans("-_", "+/")

Code = Literal["MALFORMED", "WRONG_TYPE", "UNSIGNED", "UNKNOWN_KEY", "BAD_SIGNATURE"]


class EnvelopeError(OphaminError, ValueError):
    """An envelope was refused; ``code`` says why, as one word."""

    code: ClassVar[Code]


class MalformedEnvelopeError(EnvelopeError):
    """The bytes are no envelope that every reader understands in the same way."""

    code = "MALFORMED"


class WrongTypeError(EnvelopeError):
    """The envelope is well-formed, but its payload is of a type that was not asked for."""

    code = "WRONG_TYPE"


class UnsignedEnvelopeError(EnvelopeError):
    """The envelope has no signature."""

    code = "UNSIGNED"


class UnknownKeyError(EnvelopeError):
    """Too few of the given keys made a signature, and no signature names a given key that did not make it."""

    code = "UNKNOWN_KEY"


class BadSignatureError(EnvelopeError):
    """Too few of the given keys made a signature, and one of them is named by a signature that it did not make."""

    code = "BAD_SIGNATURE"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature.

    Attributes:
        sig: what the algorithm of the key gave: 64 bytes for Ed25519, DER for ECDSA.
        keyid: a hint at the key; nobody signed it, and nothing is decided by it.
    """

    sig: bytes
    keyid: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and signatures over both.

    Attributes:
        payload: the signed bytes, exactly.
        payload_type: how to interpret them.
        signatures: at least one where the envelope was made by `sign` or `parse_envelope`.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """The JSON envelope in canonical form, base64 in the standard alphabet."""
        return canonical_bytes(
            {
                "payload": _encoded(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": one.keyid, "sig": _encoded(one.sig)} for one in self.signatures],
            }
        )


def pae(payload: bytes, payload_type: str) -> bytes:
    """The bytes under a signature: the pre-authentication encoding of DSSE.

    Both parts carry their length in bytes, so that no other pair of type and payload gives the same bytes.

    Raises:
        MalformedEnvelopeError: the type is empty, or has no UTF-8 form.

    Example:
        >>> pae(b"hello world", "http://example.com/HelloWorld")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    try:
        kind = payload_type.encode("utf-8")
    except UnicodeEncodeError:
        _malformed("the payload type holds half of a surrogate pair; write the character whole")
    if not kind:
        _malformed("the payload type is empty; say what the payload is")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, signers: Iterable[Signer]) -> Envelope:
    """Put bytes into an envelope, signed by each signer in turn.

    Raises:
        UnsignedEnvelopeError: there is no signer.
        MalformedEnvelopeError: there are more than `MAX_SIGNATURES`, or the type cannot be written.

    Example:
        >>> from ophamin.core.keys import generate_key
        >>> signer = generate_key()
        >>> envelope = sign(b"{}", IN_TOTO_TYPE, [signer])
        >>> verify(envelope, [signer.public]) == {signer.public.key_id}
        True
    """
    message = pae(payload, payload_type)
    signatures = tuple(Signature(signer.sign(message), signer.public.key_id) for signer in signers)
    _check_count(len(signatures))
    return Envelope(payload, payload_type, signatures)


def parse_envelope(
    data: bytes, *, payload_types: Collection[str] = (IN_TOTO_TYPE,), max_bytes: int = MAX_ENVELOPE_BYTES
) -> Envelope:
    """Read an envelope that comes from outside; no signature is checked yet.

    Args:
        data: the JSON envelope.
        payload_types: the types that are taken, compared exactly.
        max_bytes: size limit of the envelope; its payload is at most three quarters of that.

    Raises:
        MalformedEnvelopeError: too large, not strict JSON, a field missing or unknown, not canonical base64, more
            than `MAX_SIGNATURES` signatures, or an empty one.
        UnsignedEnvelopeError: there is no signature.
        WrongTypeError: the type is none of ``payload_types``.

    Example:
        >>> parse_envelope(b'{"payload": "e30", "payloadType": "text/plain", "signatures": [{"sig": "AA=="}]}')
        Traceback (most recent call last):
        ...
        ophamin.core.dsse.MalformedEnvelopeError: payload: not canonical base64 (RFC 4648 with padding); encode it anew
    """
    if len(data) > max_bytes:
        _malformed(f"{len(data)} bytes; the limit is {max_bytes}. No record needs that much")
    payload, rest = _without_payload(data)
    try:
        parsed = strictjson.loads(rest, max_bytes=max_bytes, what="envelope")
    except strictjson.StrictJSONError as error:
        raise MalformedEnvelopeError(str(error)) from error
    fields = _fields(parsed, "envelope", needed=("payload", "payloadType", "signatures"))
    kind = _text(fields["payloadType"], "payloadType")
    envelope = Envelope(
        payload=_decoded(_text(fields["payload"], "payload") if payload is None else payload, "payload"),
        payload_type=kind,
        signatures=_signatures(fields["signatures"]),
    )
    if kind not in payload_types:
        wanted = " or ".join(sorted(payload_types)) or "none"
        raise WrongTypeError(f"the payload is of the type {visible(kind)!r}; {wanted} is taken here")
    return envelope


def verify(envelope: Envelope, keys: Iterable[PublicKey], *, threshold: int = 1) -> frozenset[str]:
    """The ids of the keys that signed an envelope.

    Every signature is tried with every key, under the algorithm of the key; the key id of a signature decides nothing.
    Several signatures of one key count as one.

    Args:
        envelope: as it was parsed.
        keys: the keys that are trusted for this purpose; whether they are valid at this time is for the caller.
        threshold: how many different keys are needed, at least 1.

    Returns:
        At least ``threshold`` ids.

    Raises:
        ValueError: the threshold is below 1, so that anything would pass.
        EnvelopeError: there are too few; an `UnsignedEnvelopeError`, `UnknownKeyError` or `BadSignatureError`.

    Example:
        >>> from ophamin.core.keys import generate_key
        >>> verify(sign(b"{}", IN_TOTO_TYPE, [generate_key()]), [generate_key().public])
        Traceback (most recent call last):
        ...
        ophamin.core.dsse.UnknownKeyError: 0 of the 1 given keys signed this; 1 needed. Add the key of the signer ...
    """
    if threshold < 1:
        raise ValueError(f"the threshold is {threshold}; at least 1 key has to sign")
    _check_count(len(envelope.signatures))
    message = pae(envelope.payload, envelope.payload_type)
    by_id = {key.key_id: key for key in keys}
    made = [
        (one, {key.key_id for key in by_id.values() if key.verify(one.sig, message)}) for one in envelope.signatures
    ]
    signed = frozenset[str]().union(*(ids for _, ids in made))
    if len(signed) >= threshold:
        return signed
    count = f"{len(signed)} of the {len(by_id)} given keys signed this; {threshold} needed."
    named = [one.keyid for one, ids in made if not ids and one.keyid in by_id]
    if named:
        raise BadSignatureError(
            f"{count} The signature that names the key {named[0][:12]} is not its own: payload, type or signature "
            "was changed; get the envelope anew"
        )
    raise UnknownKeyError(f"{count} Add the key of the signer to the given ones, if it is to be trusted")


def _malformed(problem: str) -> NoReturn:
    raise MalformedEnvelopeError(problem)


def _without_payload(data: bytes) -> tuple[str | None, bytes]:
    """The payload's text, and the document with an empty one: JSON strings are limited, a payload may be longer.

    Only an unescaped member name matches, so in a document with exactly the known fields the match is the payload. A
    second one, spelled in any way, is left in the document for the parser to refuse.
    """
    for found in _PAYLOAD.finditer(data):
        start, end = found.end(), data.find(b'"', found.end())
        if end >= 0 and data.find(b"\\", start, end) < 0:
            break
    else:
        return None, data
    try:
        return data[start:end].decode("ascii"), data[:start] + data[end:]
    except UnicodeDecodeError:
        return None, data


def _fields(value: Any, path: str, *, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        _malformed(f"{path}: a {type(value).__name__} stands where named fields belong")
    for name in needed:
        if name not in value:
            _malformed(f"{path}: {name} is missing")
    known = {*needed, *optional}
    for name in value:
        if name not in known:
            _malformed(f"{path}: {visible(name[:60])!r} is unknown; the fields are {', '.join(sorted(known))}")
    return value


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        _malformed(f"{path}: a {type(value).__name__} stands where text belongs")
    return value


def _signatures(value: Any) -> tuple[Signature, ...]:
    if not isinstance(value, list):
        _malformed(f"signatures: a {type(value).__name__} stands where a list belongs")
    _check_count(len(value))
    return tuple(_signature(item, f"signatures[{index}]") for index, item in enumerate(value))


def _signature(value: Any, path: str) -> Signature:
    fields = _fields(value, path, needed=("sig",), optional=("keyid",))
    sig = _decoded(_text(fields["sig"], f"{path}.sig"), f"{path}.sig")
    if not sig:
        _malformed(f"{path}.sig: empty; leave an unsigned record without an envelope")
    return Signature(sig, _text(fields.get("keyid", ""), f"{path}.keyid"))


def _check_count(signatures: int) -> None:
    if not signatures:
        raise UnsignedEnvelopeError("the envelope has 0 signatures; sign it with at least 1 key")
    if signatures > MAX_SIGNATURES:
        _malformed(f"the envelope has {signatures} signatures; the limit is {MAX_SIGNATURES}")


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str, path: str) -> bytes:
    """Base64 in either alphabet, but one alphabet and one spelling: what encodes to another text is refused."""
    standard = text if "+" in text or "/" in text else text.translate(_URL_SAFE)
    try:
        data = binascii.a2b_base64(standard, strict_mode=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or _encoded(data[-(len(data) % 3 or 3) :]) != standard[-4:]:  # unused bits are in the last four
        _malformed(f"{path}: not canonical base64 (RFC 4648 with padding); encode it anew")
    return data
