# SPDX-License-Identifier: Apache-2.0
"""Keys in text: their ids, what is refused, and other implementations."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import SSlibKey

from ophamin.core.keys import (
    MAX_KEY_BYTES,
    KeyAlgorithmError,
    KeyFormatError,
    KeyMaterialError,
    KeyPassphraseError,
    KeyPublicError,
    generate_key,
    read_private_key,
    read_public_key,
)
from ophamin.core.known_keys import is_small_order
from ophamin.core.signing import PUBLIC_KEYS
from ophamin.errors import OphaminError

P = 2**255 - 19
ALGORITHMS = ("ed25519", "ecdsa-p256")
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def private_pem(key, form=PrivateFormat.PKCS8, encryption=NoEncryption()) -> bytes:  # noqa: B008 - a constant
    return key.private_bytes(Encoding.PEM, form, encryption)


def public_pem(key) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def ed25519_pem(raw: bytes) -> bytes:
    """A PEM of 32 public bytes, whatever they are: RFC 8410, section 4."""
    der = bytes.fromhex("302a300506032b6570032100") + raw
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


def from_base64url(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "="), "big")


# --- ids and forms


@each_algorithm
def test_a_key_signs_and_its_public_half_verifies(algorithm):
    signer = generate_key(algorithm)
    assert signer.public.algorithm == algorithm
    assert signer.public.verify(signer.sign(b"m"), b"m")
    assert not signer.public.verify(signer.sign(b"m"), b"n")
    assert not generate_key(algorithm).public.verify(signer.sign(b"m"), b"m")


@each_algorithm
def test_two_new_keys_differ(algorithm):
    assert generate_key(algorithm).public != generate_key(algorithm).public


@each_algorithm
def test_a_key_comes_back_from_its_text(algorithm):
    signer = generate_key(algorithm)
    assert read_private_key(signer.to_pem()).public == signer.public
    assert read_private_key(signer.to_pem().decode()).public == signer.public
    assert read_public_key(signer.public.to_pem()) == signer.public
    assert signer.public.verify(read_private_key(signer.to_pem()).sign(b"m"), b"m")


@each_algorithm
def test_the_key_id_is_that_of_securesystemslib(algorithm):
    signer = generate_key(algorithm)
    other = SSlibKey.from_crypto(load_pem_public_key(signer.public.to_pem().encode()))
    assert signer.public.key_id == other.keyid


def test_the_key_id_of_ed25519_needs_no_package():
    public = generate_key().public
    der = base64.b64decode(public.to_pem().split("-----")[2])  # the key is its last 32 bytes: RFC 8410, section 4
    description = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": der[-32:].hex()}}
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    assert public.key_id == hashlib.sha256(text.encode()).hexdigest()


@each_algorithm
def test_a_signer_shows_its_private_half_nowhere(algorithm):
    signer = generate_key(algorithm)
    shown = repr(signer) + str(signer) + repr(signer.public)
    assert signer.public.key_id in shown
    assert "PRIVATE" not in shown
    assert "_key" not in shown
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(signer)


def test_an_unknown_algorithm_is_not_generated():
    with pytest.raises(KeyAlgorithmError, match="'rsa' is not supported; use ed25519 or ecdsa-p256"):
        generate_key("rsa")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL, PrivateFormat.OpenSSH])
def test_the_common_private_forms_are_read(form):
    key = ec.generate_private_key(ec.SECP256R1())
    assert read_private_key(private_pem(key, form)).public == read_public_key(public_pem(key.public_key()))


def test_an_openssh_key_signs_envelopes_too():
    key = ed25519.Ed25519PrivateKey.generate()
    assert read_private_key(private_pem(key, PrivateFormat.OpenSSH)).public.algorithm == "ed25519"


def test_the_module_loads_without_cryptography():
    code = "import ophamin.core.dsse, ophamin.core.keyring, sys; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


# --- passphrases


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_needs_its_own_passphrase(form):
    text = private_pem(ec.generate_private_key(ec.SECP256R1()), form, BestAvailableEncryption(b"right"))
    assert read_private_key(text, passphrase=b"right")
    with pytest.raises(KeyPassphraseError, match="is encrypted; give its passphrase"):
        read_private_key(text)
    with pytest.raises(KeyPassphraseError, match="does not open"):
        read_private_key(text, passphrase=b"wrong")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_a_passphrase_for_a_plain_key_is_an_error(form):
    with pytest.raises(KeyPassphraseError, match="give no passphrase"):
        read_private_key(private_pem(ed25519.Ed25519PrivateKey.generate(), form), passphrase=b"needless")


# --- what is refused


OTHER_KEYS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "DSA": lambda: dsa.generate_private_key(2048),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
}


@pytest.mark.parametrize("make", OTHER_KEYS.values(), ids=OTHER_KEYS)
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_key_of_another_algorithm_is_told_by_name(make):
    key = make()
    with pytest.raises(KeyAlgorithmError, match="give an Ed25519 or an ECDSA P-256 key"):
        read_private_key(private_pem(key))
    with pytest.raises(KeyAlgorithmError, match="give an Ed25519 or an ECDSA P-256 key"):
        read_public_key(public_pem(key.public_key()))


@pytest.mark.parametrize(
    ("read", "kind", "der"),
    [
        (read_private_key, "PRIVATE KEY", "300b020100300406022a030400"),
        (read_public_key, "PUBLIC KEY", "300a300406022a0303020005"),
    ],
    ids=["private", "public"],
)
def test_an_algorithm_that_nobody_knows_is_an_algorithm_error(read, kind, der):
    # PKCS #8 and SubjectPublicKeyInfo around the object id 1.2.3
    text = f"-----BEGIN {kind}-----\n{base64.b64encode(bytes.fromhex(der)).decode()}\n-----END {kind}-----\n"
    with pytest.raises(KeyAlgorithmError, match="unknown"):
        read(text)


NO_KEYS = {
    "nothing": b"",
    "plain text": b"secret",
    "NUL": b"\x00" * 40,
    "half a surrogate": "\ud800",
    "a certificate": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "an empty private key": b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    "a damaged private key": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "a damaged openssh key": b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    "a damaged public key": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "an invented kind": b"-----BEGIN MAGIC PRIVATE KEY-----\nAAAA\n-----END MAGIC PRIVATE KEY-----\n",
    "cut off": generate_key().to_pem()[:60],
    "a point off the curve": public_pem(generate_key("ecdsa-p256").public._key)[:-40]
    + b"AAAA==\n-----END PUBLIC KEY-----\n",
    "short raw bytes": ed25519_pem(b"\x05" * 31),
    "too long": b"#" * (MAX_KEY_BYTES + 1),
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
@pytest.mark.parametrize("read", [read_private_key, read_public_key])
def test_what_is_no_key_is_a_format_error(read, text):
    with pytest.raises(KeyFormatError) as caught:
        read(text)
    assert isinstance(caught.value, OphaminError)
    assert isinstance(caught.value, ValueError)


def test_the_size_limit_is_64_kib():
    signer = generate_key()
    assert read_private_key(signer.to_pem().ljust(MAX_KEY_BYTES)).public == signer.public
    with pytest.raises(KeyFormatError, match="65537 bytes; a key has at most 65536"):
        read_private_key(signer.to_pem().ljust(MAX_KEY_BYTES + 1))


@each_algorithm
def test_one_half_in_the_place_of_the_other_is_refused(algorithm):
    signer = generate_key(algorithm)
    with pytest.raises(KeyFormatError, match="this is a private key; keep it secret"):
        read_public_key(signer.to_pem())
    with pytest.raises(KeyFormatError, match="this is a private key; keep it secret"):
        read_public_key(signer.public.to_pem().encode() + signer.to_pem())
    with pytest.raises(KeyFormatError, match="no private key"):
        read_private_key(signer.public.to_pem())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PUBLIC KEY"]))
def test_any_bytes_in_pem_are_a_key_or_a_typed_error(der, kind):
    text = f"-----BEGIN {kind}-----\n{base64.b64encode(der).decode()}\n-----END {kind}-----\n"
    for read in (read_private_key, read_public_key):
        with pytest.raises(KeyMaterialError):
            read(text)


def test_an_error_never_shows_the_key():
    signer = generate_key()
    damaged = signer.to_pem().replace(b"MC4", b"MC5")
    with pytest.raises(KeyMaterialError) as caught:
        read_private_key(damaged)
    assert damaged.split(b"\n")[1].decode() not in str(caught.value)


# --- keys that everybody has


ED25519_SEEDS = {
    "zero": "00" * 32,
    "one byte": "2a" * 32,
    # RFC 8032, section 7.1
    "test 1": "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "test 2": "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "test 3": "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "test 1024": "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    "test SHA(abc)": "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    # RFC 8032, section 7.2
    "foo": "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
    "foo3": "ab9c2853ce297ddab85c993b3ae14bcad39b2c682beabc27d6d4eb20711d6560",
    # RFC 8410, section 10.3
    "RFC 8410": "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
}
P256_SECRETS = {
    "one": 1,
    "minus one": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550,
    "RFC 6979, A.2.5": 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721,
    "RFC 7515, A.3": from_base64url("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"),
    "RFC 7517, A.2": from_base64url("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"),
    "DSSE": 97358161215184420915383655311931858321456579547487070936769975997791359926199,
}


@pytest.mark.parametrize("seed", ED25519_SEEDS.values(), ids=ED25519_SEEDS)
def test_a_published_ed25519_key_is_refused(seed):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    with pytest.raises(KeyPublicError) as caught:
        read_private_key(private_pem(key))
    assert caught.value.code == "KEY_PUBLIC"
    if seed != ED25519_SEEDS["one byte"]:
        with pytest.raises(KeyPublicError):
            read_public_key(public_pem(key.public_key()))


@pytest.mark.parametrize("secret", P256_SECRETS.values(), ids=P256_SECRETS)
def test_a_published_p256_key_is_refused(secret):
    key = ec.derive_private_key(secret, ec.SECP256R1())
    with pytest.raises(KeyPublicError):
        read_private_key(private_pem(key))
    with pytest.raises(KeyPublicError):
        read_public_key(public_pem(key.public_key()))


@pytest.mark.parametrize("key", sorted(PUBLIC_KEYS), ids=lambda key: key.decode())
@pytest.mark.parametrize("around", ["{}", "{}\n", " {} "])
@pytest.mark.parametrize("read", [read_private_key, read_public_key])
def test_t01_a_published_sealing_key_is_refused_as_public(read, key, around):
    with pytest.raises(KeyPublicError, match="stands in public source"):
        read(around.format(key.decode()))


# --- points of small order, by arithmetic on the curve of RFC 8032, section 5.1


D = -121665 * pow(121666, -1, P) % P


def added(one, other):
    (x1, y1), (x2, y2) = one, other
    cross = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P) % P,
    )


def xs_of(y):
    """Both x of the points with that y; none where it is on no point."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square:
        root = root * pow(2, (P - 1) // 4, P) % P
    return {root, -root % P} if root * root % P == square else set()


def times_8(point):
    for _ in range(3):
        point = added(point, point)
    return point


def encoded(y, sign=0):
    return (y | sign << 255).to_bytes(32, "little")


def small_points():
    """All eight points of order 1, 2, 4 and 8, as eightths of the neutral one: cofactor times a point cleared of it."""
    order = 2**252 + 27742317777372353535851937790883648493
    y = 2
    while True:
        for x in xs_of(y):
            point, result, scalar = (x, y), (0, 1), order
            while scalar:
                result = added(result, point) if scalar & 1 else result
                point, scalar = added(point, point), scalar >> 1
            multiples = {(0, 1)}
            step = result
            while step != (0, 1):
                multiples.add(step)
                step = added(step, result)
            if len(multiples) == 8:
                return multiples
        y += 1


def test_t16_all_points_of_small_order_are_refused_in_every_encoding():
    points = small_points()
    assert {times_8(point) for point in points} == {(0, 1)}
    spellings = {y + extra for _, y in points for extra in (0, P) if y + extra < 2**255}
    assert len(spellings) == 7  # y of 0 and 1 have a second spelling, beyond the prime
    for y in spellings:
        for sign in (0, 1):
            assert is_small_order(encoded(y, sign))
            with pytest.raises(KeyPublicError, match="small order"):
                read_public_key(ed25519_pem(encoded(y, sign)))


def test_all_other_points_are_not_of_small_order():
    for y in range(2, 200):
        assert is_small_order(encoded(y)) == any(times_8((x, y)) == (0, 1) for x in xs_of(y))
    assert not is_small_order(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw())


def test_t16_needs_its_defence():
    # Why they are refused: the library below takes the neutral point as a key.
    neutral = ed25519.Ed25519PublicKey.from_public_bytes(encoded(1))
    for message in (b"VALIDATED", b"REFUTED"):
        neutral.verify(encoded(1) + bytes(32), message)
