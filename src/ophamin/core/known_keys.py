# SPDX-License-Identifier: Apache-2.0
"""Signing keys that show nothing: their private half is published, or everyone can sign for them.

The list is short and grows with what is found in the wild. A key that is not on it may still be known to somebody.
"""

from __future__ import annotations

from typing import Final

__all__ = ["is_known_ed25519", "is_known_p256", "is_small_order"]

_FIELD: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y: Final = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})
"""The y of all eight points of small order: 1 (order 1), -1 (2), 0 (4), and two of order 8; each but +-1 with two x."""

_ED25519: Final = frozenset(
    bytes.fromhex(key)
    for key in (
        "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",  # the seed of 32 zero bytes
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",  # RFC 8032, 7.1, test 1; RFC 8037, A.1
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",  # RFC 8032, 7.1, test 2
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",  # RFC 8032, 7.1, test 3
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",  # RFC 8032, 7.1, test 1024
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",  # RFC 8032, 7.1 and 7.3, test SHA(abc)
        "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",  # RFC 8032, 7.2, foo, bar and foo2
        "0f1d1274943b91415889152e893d80e93275a1fc0b65fd71b4b0dda10ad7d772",  # RFC 8032, 7.2, foo3
        "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",  # RFC 8410, 10.3
    )
)

# A point and its negative share x, and who has the one key has the other.
_P256_X: Final = frozenset(
    int(x, 16)
    for x in (
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",  # the generator: the private key is 1
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",  # RFC 6979, A.2.5
        "7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445",  # RFC 7515, A.3
        "30a0424cd21c2944838a2d75c92b37e76ea20d9f00893a3b4eee8a3c0aafec3e",  # RFC 7517, A.2
        "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238",  # DSSE protocol.md, test vectors
    )
)


def is_known_ed25519(raw: bytes) -> bool:
    """Whether the private half of an Ed25519 key, given by its 32 raw public bytes, is published."""
    return raw in _ED25519


def is_known_p256(x: int) -> bool:
    """Whether the private half of a P-256 key, given by the x of its public point, is published."""
    return x in _P256_X


def is_small_order(raw: bytes) -> bool:
    """Whether 32 raw bytes name an Ed25519 point of order 1, 2, 4 or 8, in any encoding.

    Under such a key a signature can be written down that fits any message, or one in eight, without a private key
    (RFC 8032, 5.1.7 does not ask for the check; see Chalkias, Garillot, Nikolaenko, *Taming the many EdDSAs*, 2020).

    Example:
        >>> is_small_order(bytes([1]) + bytes(31)), is_small_order(bytes([2]) + bytes(31))
        (True, False)
    """
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    return y % _FIELD in _SMALL_ORDER_Y
