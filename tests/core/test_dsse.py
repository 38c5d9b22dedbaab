# SPDX-License-Identifier: Apache-2.0
"""The signed envelope: published vectors, changed bytes, hostile documents, and other implementations."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import tracemalloc
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from ophamin.core import keys as key_room
from ophamin.core.canonical import canonical_bytes
from ophamin.core.dsse import (
    IN_TOTO_TYPE,
    MAX_ENVELOPE_BYTES,
    MAX_SIGNATURES,
    BadSignatureError,
    Envelope,
    EnvelopeError,
    MalformedEnvelopeError,
    Signature,
    UnknownKeyError,
    UnsignedEnvelopeError,
    WrongTypeError,
    pae,
    parse_envelope,
    sign,
    verify,
)
from ophamin.core.keys import Signer, generate_key, read_private_key
from ophamin.errors import OphaminError

ED25519 = generate_key()
P256 = generate_key("ecdsa-p256")
STRANGER = generate_key()
SIGNERS = {"ed25519": ED25519, "ecdsa-p256": P256}
PAYLOAD = b'{"verdict":"REFUTED"}'
MIB = 2**20

each_algorithm = pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)


def wire(envelope: Envelope = sign(PAYLOAD, IN_TOTO_TYPE, [ED25519])) -> dict:  # noqa: B008 - a constant
    """A sound envelope as plain values, free to be changed."""
    return json.loads(envelope.to_bytes())


def changed(data: bytes, place: int, other: int) -> bytes:
    """``data`` with one byte changed to another one."""
    place %= len(data)
    return data[:place] + bytes([(data[place] + 1 + other % 255) % 256]) + data[place + 1 :]


# --- the bytes under the signature


@pytest.mark.parametrize(
    ("payload", "kind", "expected"),
    [
        # protocol.md of DSSE 1.0.0, section "Test Vectors"
        (b"hello world", "http://example.com/HelloWorld", b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        (b"", "t", b"DSSEv1 1 t 0 "),
        (b"\x00\xff", "\u00e9", b"DSSEv1 2 \xc3\xa9 2 \x00\xff"),  # lengths count bytes, not characters
        (b" {}\r\n", " t ", b"DSSEv1 3  t  5  {}\r\n"),  # and every byte, white space too
        (b"1 a", "b 10", b"DSSEv1 4 b 10 3 1 a"),
    ],
)
def test_the_pre_authentication_encoding_is_the_published_one(payload, kind, expected):
    assert pae(payload, kind) == expected


def test_the_published_ecdsa_signature_verifies():
    # protocol.md of DSSE 1.0.0: its signature is r and s side by side, ours is the DER of the two. The private key is
    # published, so that reading the key from text is refused; it is made from its numbers here.
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    sig = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    published = {
        "payload": "aGVsbG8gd29ybGQ=",
        "payloadType": "http://example.com/HelloWorld",
        "signatures": [{"sig": sig}],
    }
    envelope = parse_envelope(json.dumps(published).encode(), payload_types=["http://example.com/HelloWorld"])
    assert envelope.payload == b"hello world"
    raw = envelope.signatures[0].sig
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = key_room._p256(EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key())
    assert verify(replace(envelope, signatures=(Signature(der),)), [key]) == {key.key_id}


@settings(max_examples=200)
@given(st.binary(max_size=12), st.text("a 1", min_size=1), st.binary(max_size=12), st.text("a 1", min_size=1))
def test_no_two_pairs_of_type_and_payload_share_their_signed_bytes(payload, kind, other_payload, other_kind):
    assert (pae(payload, kind) == pae(other_payload, other_kind)) == ((payload, kind) == (other_payload, other_kind))


@pytest.mark.parametrize("kind", ["", "\ud800"])
def test_a_type_that_cannot_be_written_is_not_signed(kind):
    with pytest.raises(MalformedEnvelopeError, match="payload type"):
        sign(b"", kind, [ED25519])


# --- signing and verifying


@each_algorithm
def test_a_signed_envelope_comes_back_whole_and_verifies(signer):
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [signer])
    again = parse_envelope(envelope.to_bytes())
    assert again == envelope
    assert again.payload == PAYLOAD
    assert verify(again, [signer.public]) == {signer.public.key_id}


@settings(max_examples=50)
@given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_payload_and_type_come_back_exactly(payload, kind):
    data = sign(payload, kind, [ED25519]).to_bytes()
    envelope = parse_envelope(data, payload_types=[kind])
    assert (envelope.payload, envelope.payload_type) == (payload, kind)
    assert envelope.to_bytes() == data
    assert verify(envelope, [ED25519.public])


@pytest.mark.parametrize("payload", [b"x" * 2**16, b"x" * (2**20 + 1), b"x" * (8 * 2**20)])
def test_a_payload_may_be_longer_than_a_json_string_elsewhere(payload):
    assert parse_envelope(sign(payload, IN_TOTO_TYPE, [ED25519]).to_bytes()).payload == payload


def test_an_envelope_is_written_in_canonical_form():
    data = sign(PAYLOAD, IN_TOTO_TYPE, [ED25519, P256]).to_bytes()
    assert data == canonical_bytes(json.loads(data))
    assert json.loads(data)["signatures"][1]["keyid"] == P256.public.key_id


def test_a_golden_envelope_stays_what_it_is():
    # Ed25519 has no randomness; the signature was made once with OpenSSL 3.0.19.
    seed = hashlib.sha256(b"a key for golden envelopes").digest()
    der = bytes.fromhex("302e020100300506032b657004220420") + seed  # RFC 8410, section 7
    pem = b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der) + b"\n-----END PRIVATE KEY-----\n"
    golden = (
        b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":'
        b'"145c145bba29d2a91d7cac388770f2fd23670f1658c55557e1245d710861f7b9","sig":'
        b'"DKTqtZ3ULca9gTqN4s/x/XzadOf9q5b3iV0sU92Lt0vvyq8qv9i3YGpCcyODvbbgsRbw6RM9fM+nQLeyfS/uDw=="}]}'
    )
    signer = read_private_key(pem)
    assert sign(b"{}", IN_TOTO_TYPE, [signer]).to_bytes() == golden
    assert verify(parse_envelope(golden), [signer.public])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["payload", "type", "signature"]), st.sampled_from(sorted(SIGNERS)), st.integers(0), st.integers(0)
)
def test_any_one_byte_changed_in_payload_type_or_signature_is_noticed(part, algorithm, place, other):
    signer = SIGNERS[algorithm]
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [signer])
    if part == "payload":
        envelope = replace(envelope, payload=changed(PAYLOAD, place, other))
    elif part == "type":
        letter = chr(32 + other % 95)
        kind = IN_TOTO_TYPE[: place % 28] + letter + IN_TOTO_TYPE[place % 28 + 1 :]
        envelope = replace(envelope, payload_type=kind if kind != IN_TOTO_TYPE else IN_TOTO_TYPE + "x")
    else:
        sig = changed(envelope.signatures[0].sig, place, other)
        envelope = replace(envelope, signatures=(Signature(sig, signer.public.key_id),))
    with pytest.raises(BadSignatureError):
        verify(envelope, [signer.public, STRANGER.public])


@each_algorithm
@pytest.mark.parametrize("cut", [slice(0), slice(1), slice(-1), slice(1, None), slice(32)])
def test_a_shortened_signature_does_not_verify(signer, cut):
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [signer])
    short = Signature(envelope.signatures[0].sig[cut], signer.public.key_id)
    with pytest.raises(BadSignatureError):
        verify(replace(envelope, signatures=(short,)), [signer.public])


@given(st.permutations([0, 1, 2]), st.permutations([0, 1, 2]))
@settings(max_examples=12)
def test_neither_the_order_of_keys_nor_of_signatures_matters(keys, signatures):
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [ED25519, P256])
    three = [*envelope.signatures, Signature(b"no signature of anybody", "")]
    envelope = replace(envelope, signatures=tuple(three[i] for i in signatures))
    known = [ED25519.public, P256.public, STRANGER.public]
    assert verify(envelope, [known[i] for i in keys]) == {ED25519.public.key_id, P256.public.key_id}


@pytest.mark.parametrize(
    "keyid",
    ["", "0" * 64, STRANGER.public.key_id, P256.public.key_id, "\u202e'; --"],
    ids=["none", "nobody's", "a stranger's", "another key's", "hostile text"],
)
def test_t15_the_key_id_of_a_signature_decides_nothing(keyid):
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [ED25519])
    renamed = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=keyid),))
    keys = [STRANGER.public, P256.public, ED25519.public]
    assert verify(renamed, keys) == {ED25519.public.key_id}


def test_t14_several_signatures_of_one_key_count_once():
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [P256, P256])  # ECDSA: two different signatures
    assert envelope.signatures[0].sig != envelope.signatures[1].sig
    assert verify(envelope, [P256.public]) == {P256.public.key_id}
    with pytest.raises(UnknownKeyError, match="1 of the 1 given keys signed this; 2 needed"):
        verify(envelope, [P256.public, P256.public], threshold=2)


def test_a_threshold_asks_for_different_keys():
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [ED25519, P256])
    assert len(verify(envelope, [ED25519.public, P256.public], threshold=2)) == 2
    with pytest.raises(UnknownKeyError, match="2 needed"):
        verify(envelope, [ED25519.public], threshold=2)


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_threshold_that_everything_passes_is_refused(threshold):
    with pytest.raises(ValueError, match="at least 1"):
        verify(sign(PAYLOAD, IN_TOTO_TYPE, [ED25519]), [STRANGER.public], threshold=threshold)


def test_without_keys_nothing_is_verified():
    with pytest.raises(UnknownKeyError, match="0 given keys"):
        verify(sign(PAYLOAD, IN_TOTO_TYPE, [ED25519]), [])


def test_a_signature_of_another_key_is_told_from_a_changed_one():
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [STRANGER])
    with pytest.raises(UnknownKeyError) as caught:
        verify(envelope, [ED25519.public, P256.public])
    assert caught.value.code == "UNKNOWN_KEY"
    posing = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=ED25519.public.key_id),))
    with pytest.raises(BadSignatureError) as caught:
        verify(posing, [ED25519.public, P256.public])
    assert caught.value.code == "BAD_SIGNATURE"


def test_an_envelope_without_signatures_is_neither_made_nor_verified():
    with pytest.raises(UnsignedEnvelopeError) as caught:
        sign(PAYLOAD, IN_TOTO_TYPE, [])
    assert caught.value.code == "UNSIGNED"
    with pytest.raises(UnsignedEnvelopeError):
        verify(Envelope(PAYLOAD, IN_TOTO_TYPE, ()), [ED25519.public])


def test_more_signatures_than_can_be_tried_are_neither_made_nor_verified():
    with pytest.raises(MalformedEnvelopeError, match=f"the limit is {MAX_SIGNATURES}"):
        sign(PAYLOAD, IN_TOTO_TYPE, [ED25519] * (MAX_SIGNATURES + 1))
    many = Envelope(PAYLOAD, IN_TOTO_TYPE, (Signature(b"x"),) * (MAX_SIGNATURES + 1))
    with pytest.raises(MalformedEnvelopeError, match="signatures; the limit"):
        verify(many, [ED25519.public])


# --- one algorithm for one key


def confused(how: str) -> Signature:
    message = pae(PAYLOAD, IN_TOTO_TYPE)
    if how == "hmac under the public key's text":
        return Signature(hmac.digest(P256.public.to_pem().encode(), message, "sha256"), P256.public.key_id)
    if how == "digest for signature":
        return Signature(hashlib.sha256(message).digest(), P256.public.key_id)
    if how == "r and s side by side":
        r, s = decode_dss_signature(P256.sign(message))
        return Signature(r.to_bytes(32, "big") + s.to_bytes(32, "big"), P256.public.key_id)
    if how == "r and s of zero":
        return Signature(encode_dss_signature(0, 0), P256.public.key_id)
    if how == "another hash":
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA512

        return Signature(P256._key.sign(message, ECDSA(SHA512())), P256.public.key_id)
    if how == "the payload without its type":
        return Signature(P256.sign(PAYLOAD), P256.public.key_id)
    return Signature(ED25519.sign(message), P256.public.key_id)


@pytest.mark.parametrize(
    "how",
    [
        "hmac under the public key's text",
        "digest for signature",
        "r and s side by side",
        "r and s of zero",
        "another hash",
        "the payload without its type",
        "signature of an Ed25519 key",
    ],
)
def test_t15_a_signature_of_another_algorithm_is_bad(how):
    with pytest.raises(BadSignatureError):
        verify(Envelope(PAYLOAD, IN_TOTO_TYPE, (confused(how),)), [P256.public])


@dataclass(frozen=True)
class CountingKey:
    """A key that counts how often it is asked."""

    key_id: str
    asked: list

    def verify(self, signature, message):
        self.asked.append(signature)
        return False


def test_the_work_is_bounded_by_signatures_and_keys():
    asked: list = []
    envelope = Envelope(PAYLOAD, IN_TOTO_TYPE, (Signature(b"x" * 64),) * MAX_SIGNATURES)
    with pytest.raises(UnknownKeyError):
        verify(envelope, [CountingKey(str(number), asked) for number in range(5)] * 3)
    assert len(asked) == MAX_SIGNATURES * 5


# --- reading from outside


def test_member_order_white_space_and_the_url_safe_alphabet_are_taken():
    envelope = sign(b"\xfb\xff\xfe?>", IN_TOTO_TYPE, [ED25519])
    fields = wire(envelope)
    safe = str.maketrans("+/", "-_")
    reordered = {
        "signatures": [{"sig": fields["signatures"][0]["sig"].translate(safe), "keyid": ED25519.public.key_id}],
        "payloadType": IN_TOTO_TYPE,
        "payload": fields["payload"].translate(safe),
    }
    assert "_" in reordered["payload"]
    assert parse_envelope(json.dumps(reordered, indent=3).encode()) == envelope


def test_the_key_id_may_be_left_out():
    fields = wire()
    del fields["signatures"][0]["keyid"]
    envelope = parse_envelope(json.dumps(fields).encode())
    assert envelope.signatures[0].keyid == ""
    assert verify(envelope, [ED25519.public])


@pytest.mark.parametrize(
    "accepted", [(), ("application/json",), ("application/vnd.in-toto+JSON",), (IN_TOTO_TYPE + " ",)]
)
def test_t13_a_type_that_was_not_asked_for_is_wrong(accepted):
    with pytest.raises(WrongTypeError, match="is taken here") as caught:
        parse_envelope(sign(PAYLOAD, IN_TOTO_TYPE, [ED25519]).to_bytes(), payload_types=accepted)
    assert caught.value.code == "WRONG_TYPE"


def test_by_default_only_statements_are_taken():
    with pytest.raises(WrongTypeError):
        parse_envelope(sign(PAYLOAD, "application/json", [ED25519]).to_bytes())


def with_fields(**fields) -> bytes:
    return json.dumps({**wire(), **fields}).encode()


def with_signature(**fields) -> bytes:
    return with_fields(signatures=[{**wire()["signatures"][0], **fields}])


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in wire().items() if key != name}).encode()


SOUND = json.dumps(wire())
HOSTILE = {
    "nothing": b"",
    "a list": b"[]",
    "a number": b"1",
    "cut off": SOUND.encode()[:-1],
    "byte order mark": b"\xef\xbb\xbf" + SOUND.encode(),
    "UTF-16": SOUND.encode("utf-16"),
    "two documents": SOUND.encode() * 2,
    "duplicate key": f'{{"payload": "{wire()["payload"]}", {SOUND[1:]}'.encode(),
    "duplicate key, spelled otherwise": f'{{"p\\u0061yload": "{wire()["payload"]}", {SOUND[1:]}'.encode(),
    "duplicate key in a signature": SOUND.replace('"sig":', '"sig": "AAAA", "sig":').encode(),
    "NaN": with_fields(payload=float("nan")),
    "beyond all floats": SOUND.replace('"payloadType"', '"n": 1e999, "payloadType"').encode(),
    "half a surrogate": SOUND.replace(IN_TOTO_TYPE, "\\ud800").encode(),
    "nested 10,000 deep": SOUND.replace('"signatures": ', '"signatures": ' + "[" * 10_000).encode() + b"]" * 10_000,
    "payload missing": without("payload"),
    "type missing": without("payloadType"),
    "signatures missing": without("signatures"),
    "unknown field": with_fields(algorithm="none"),
    "unknown field in a signature": with_signature(alg="HS256"),
    "certificate in a signature": with_signature(cert="-----BEGIN"),
    "payload of another kind": with_fields(payload=["e30="]),
    "type of another kind": with_fields(payloadType=None),
    "signatures as an object": with_fields(signatures={"sig": "AAAA"}),
    "signature as text": with_fields(signatures=["AAAA"]),
    "signature missing": with_fields(signatures=[{"keyid": "a"}]),
    "signature empty": with_signature(sig=""),
    "signature null": with_signature(sig=None),
    "key id null": with_signature(keyid=None),
    "key id a number": with_signature(keyid=1),
    "10,000 signatures": with_fields(signatures=[{"sig": "AAAA"}] * 10_000),
    "one signature too many": with_fields(signatures=[{"sig": "AAAA"}] * (MAX_SIGNATURES + 1)),
    "a million values": with_fields(signatures=[0] * 1_000_000),
    "a long key id": with_signature(keyid="x" * 2**17),
    "a long payload of another alphabet": with_fields(payload="*" * MIB),
    "a long payload with an escape": SOUND.replace('"payload": "', '"payload": "\\u0041' + "A" * MIB).encode(),
    "a payload in a signature": with_signature(payload="A" * MIB),
    "many payloads": b"{" + b'"payload":"",' * 800_000 + SOUND.encode()[1:],
    "too large": SOUND.encode() + b" " * MAX_ENVELOPE_BYTES,
    "a payload too large": with_fields(payload="A" * MAX_ENVELOPE_BYTES),
}
NOT_CANONICAL = {
    "padding missing": "fQ",
    "padding missing, one of two": "fQ=",
    "too much padding": "fQ===",
    "padding inside": "fQ==fQ==",
    "padding alone": "====",
    "stray bits": "fR==",  # decodes as fQ== does
    "stray bits, one byte less": "fX1=",
    "line end": "fX19\n",
    "line end inside": "fX19\r\nfX19",
    "space": " fX19",
    "both alphabets": "-_+/",
    "foreign character": "fX1*",
    "unicode": "fX1\u00e9",
    "wide digits": "fX1\uff19",
    "NUL": "fX1\x00",
    "one character": "f",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_envelope_is_malformed_and_takes_little_memory(data):
    tracemalloc.start()
    try:
        with pytest.raises(MalformedEnvelopeError) as caught:
            parse_envelope(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code == "MALFORMED"
    assert isinstance(caught.value, OphaminError)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    assert peak < 64 * MIB


@pytest.mark.parametrize("text", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
@pytest.mark.parametrize("make", [lambda text: with_fields(payload=text), lambda text: with_signature(sig=text)])
def test_t17_one_meaning_has_one_base64_text(make, text):
    with pytest.raises(MalformedEnvelopeError, match=r"canonical base64|NUL"):
        parse_envelope(make(text))


def test_an_empty_list_of_signatures_is_unsigned():
    with pytest.raises(UnsignedEnvelopeError):
        parse_envelope(with_fields(signatures=[]))


@settings(max_examples=300, deadline=None)
@given(st.integers(0), st.integers(0), st.sampled_from(["change", "drop", "double"]))
def test_a_document_with_one_byte_changed_gives_the_same_payload_or_an_error(place, other, how):
    data = SOUND.encode()
    place %= len(data)
    middle = {"change": changed(data[place : place + 1], 0, other), "drop": b"", "double": data[place : place + 1] * 2}
    document = data[:place] + middle[how] + data[place + 1 :]
    try:
        envelope = parse_envelope(document)
        verify(envelope, [ED25519.public])
    except EnvelopeError:
        return
    assert (envelope.payload, envelope.payload_type) == (PAYLOAD, IN_TOTO_TYPE)


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda child: (
            st.lists(child)
            | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]), child)
        ),
        max_leaves=12,
    )
)
def test_any_json_document_is_an_envelope_or_a_typed_error(value):
    try:
        parse_envelope(json.dumps(value).encode())
    except EnvelopeError:
        return
    assert set(value) == {"payload", "payloadType", "signatures"}


# --- other implementations


@each_algorithm
def test_securesystemslib_verifies_what_is_signed_here(signer):
    envelope = sign(PAYLOAD, IN_TOTO_TYPE, [signer])
    key = SSlibKey.from_crypto(load_pem_public_key(signer.public.to_pem().encode()))
    other = OtherEnvelope.from_dict(wire(envelope))
    assert other.pae() == pae(PAYLOAD, IN_TOTO_TYPE)
    assert list(other.verify([key], 1)) == [signer.public.key_id]


@each_algorithm
def test_what_securesystemslib_signs_verifies_here(signer):
    other = OtherEnvelope(PAYLOAD, IN_TOTO_TYPE, {})
    other.sign(CryptoSigner(load_pem_private_key(signer.to_pem(), None)))
    envelope = parse_envelope(json.dumps(other.to_dict()).encode())
    assert verify(envelope, [signer.public]) == {signer.public.key_id}


def openssl(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(["openssl", *arguments], capture_output=True, timeout=60, check=False, **options)


def openssl_verify(signer: Signer, folder) -> list[str]:
    if signer is ED25519:
        return ["pkeyutl", "-verify", "-pubin", "-inkey", f"{folder}/pub.pem", "-rawin", "-in", f"{folder}/pae",
                "-sigfile", f"{folder}/sig"]  # fmt: skip
    return ["dgst", "-sha256", "-verify", f"{folder}/pub.pem", "-signature", f"{folder}/sig", f"{folder}/pae"]


@pytest.mark.needs("openssl")
@each_algorithm
def test_openssl_verifies_what_is_signed_here_and_nothing_else(signer, tmp_path):
    envelope = parse_envelope(sign(PAYLOAD, IN_TOTO_TYPE, [signer]).to_bytes())
    (tmp_path / "pub.pem").write_text(signer.public.to_pem())
    (tmp_path / "sig").write_bytes(envelope.signatures[0].sig)
    # Put together without our own encoding, as a shell recipe would.
    (tmp_path / "pae").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 21 " + PAYLOAD)
    assert openssl(*openssl_verify(signer, tmp_path)).returncode == 0
    (tmp_path / "pae").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 21 " + PAYLOAD.lower())
    assert openssl(*openssl_verify(signer, tmp_path)).returncode != 0


@pytest.mark.needs("openssl")
@each_algorithm
def test_what_openssl_signs_verifies_here(signer, tmp_path):
    (tmp_path / "key.pem").write_bytes(signer.to_pem())
    (tmp_path / "pae").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 21 " + PAYLOAD)
    if signer is ED25519:
        how = ["pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "pae", "-out", "sig"]
    else:
        how = ["dgst", "-sha256", "-sign", "key.pem", "-out", "sig", "pae"]
    assert openssl(*how, cwd=tmp_path).returncode == 0
    sig = base64.b64encode((tmp_path / "sig").read_bytes()).decode()
    envelope = parse_envelope(with_fields(signatures=[{"sig": sig}]))
    assert verify(envelope, [signer.public]) == {signer.public.key_id}


@given(
    st.binary(max_size=9), st.integers(0, 12), st.sampled_from(["", "A", "B", "/", "-", "_", "=", "==", "\n", " ", "é"])
)
@settings(max_examples=300, deadline=None)
def test_base64_is_taken_in_its_one_spelling_alone(payload, at, put):
    text = base64.b64encode(payload).decode()
    text = text[:at] + put + text[at + 1 :] if put else text
    standard = text if "+" in text or "/" in text else text.replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(standard)
    except ValueError:
        decoded = None
    is_canonical = decoded is not None and base64.b64encode(decoded).decode() == standard
    document = {"payload": text, "payloadType": IN_TOTO_TYPE, "signatures": [{"sig": "AAAA"}]}
    data = json.dumps(document, ensure_ascii=False).encode()
    if is_canonical:
        assert parse_envelope(data).payload == decoded
    else:
        with pytest.raises(MalformedEnvelopeError):
            parse_envelope(data)


@pytest.mark.parametrize("before", [b'"payload":"a\\"', b'"payload":"\\u0061","payload":"\\', b'"payload" : "'])
def test_a_member_that_only_looks_like_the_payload_hides_nothing(before):
    data = (
        b"{"
        + before
        + b'","payload":"e30=","payloadType":"'
        + IN_TOTO_TYPE.encode()
        + b'","signatures":[{"sig":"AA=="}]}'
    )
    with pytest.raises(MalformedEnvelopeError):
        parse_envelope(data)
