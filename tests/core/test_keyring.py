# SPDX-License-Identifier: Apache-2.0
"""The key ring: exact reading, and when a key counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ophamin.core.keyring import MAX_KEYS, MAX_RING_BYTES, KeyRing, KeyRingError, RingKey
from ophamin.core.keys import KeyFormatError, KeyMaterialError, KeyPublicError, generate_key
from ophamin.errors import OphaminError

KEY = generate_key().public
OTHER = generate_key("ecdsa-p256").public
PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def table(key=KEY, **fields) -> dict:
    return {"id": key.key_id, "public": key.to_pem(), "roles": ["seal"], **fields}


def ring(*tables) -> KeyRing:
    return KeyRing.from_tables(list(tables) or [table()])


def toml(**fields) -> str:
    pem = KEY.to_pem().replace("\n", "\\n")
    lines = {"id": f'"{KEY.key_id}"', "public": f'"{pem}"', "roles": '["seal"]', **fields}
    return "schema = 1\n[[key]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


# --- reading


def test_a_ring_is_read_from_toml():
    made = KeyRing.from_toml(toml(valid_from='"2026-11-01"', valid_until='"2027-06-30"', roles='["seal", "lock"]'))
    assert [key.key_id for key in made] == [KEY.key_id]
    assert made.get(KEY.key_id) == RingKey(
        public=KEY,
        roles=frozenset({"seal", "lock"}),
        valid_from=datetime(2026, 11, 1, tzinfo=UTC),
        valid_until=datetime(2027, 7, 1, tzinfo=UTC),  # the last day counts whole
    )


def test_a_ring_may_be_empty():
    assert len(KeyRing.from_toml("schema = 1")) == 0
    assert KeyRing().get(KEY.key_id) is None


def test_keys_are_found_by_full_id_and_by_role():
    made = ring(table(), table(OTHER, roles=["seal", "gate"]))
    assert made.get(OTHER.key_id).public == OTHER
    assert made.get(OTHER.key_id[:12]) is None
    assert [key.public for key in made.with_role("seal")] == [KEY, OTHER]
    assert [key.public for key in made.with_role("gate")] == [OTHER]
    assert made.with_role("sea") == ()


def test_a_public_key_may_be_fetched_by_name():
    asked = []

    def fetch(name):
        asked.append(name)
        return KEY.to_pem().encode()

    made = KeyRing.from_tables([table(public="keys/ci-2026.pub.pem")], fetch=fetch)
    assert made.get(KEY.key_id).public == KEY
    assert asked == ["keys/ci-2026.pub.pem"]


def test_without_a_way_to_fetch_names_are_refused():
    with pytest.raises(KeyRingError, match=r"'keys/ci\.pem' names a file, but this ring may hold no names"):
        ring(table(public="keys/ci.pem"))


REFUSED = {
    "id missing": ({"public": KEY.to_pem(), "roles": ["seal"]}, "id is missing"),
    "public missing": ({"id": KEY.key_id, "roles": ["seal"]}, "public is missing"),
    "roles missing": ({"id": KEY.key_id, "public": KEY.to_pem()}, "roles is missing"),
    "unknown field": (table(role="seal"), "'role' is unknown; the fields are id, public"),
    "no table": ("key", "a str stands where a table belongs"),
    "another key's id": (table(id=OTHER.key_id), f"{OTHER.key_id} is stated, but the key has {KEY.key_id}"),
    "short id": (table(id=KEY.key_id[:12]), f"no key id of 64 hex digits; the key has {KEY.key_id}"),
    "capital id": (table(id=KEY.key_id.upper()), "no key id"),
    "id a number": (table(id=1), "no key id"),
    "public a number": (table(public=1), "a int stands where text belongs"),
    "no roles": (table(roles=[]), "at least one name"),
    "roles as text": (table(roles="seal"), "list of at least one name"),
    "a capital role": (table(roles=["Seal"]), "'Seal' is no role"),
    "a role with a line end": (table(roles=["seal\n"]), "is no role"),
    "a role that is a number": (table(roles=[1]), "is no role"),
    "a long role": (table(roles=["s" * 33]), "at most 32 characters"),
    "no date": (table(valid_from="soon"), "no ISO 8601 date"),
    "a day that is none": (table(valid_from="2026-02-30"), "no ISO 8601 date"),
    "a time without an offset": (table(valid_until="2026-11-01T00:00:00"), "no offset from UTC"),
    "a naive time": (table(revoked_at=datetime(2026, 1, 1)), "no offset from UTC"),  # noqa: DTZ001 - the point of it
    "a date that is a number": (table(valid_from=20261101), "a int is no date"),
    "a date that is a truth": (table(valid_from=True), "a bool is no date"),
    "after the calendar": (table(valid_until="9999-12-31"), "outside the calendar"),
    "before the calendar": (table(valid_from="0001-01-01T00:00:00+23:59"), "outside the calendar"),
    "never valid": (table(valid_from="2027-01-01", valid_until="2026-12-31"), "the key is never valid"),
}


@pytest.mark.parametrize(("entry", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_written_as_it_has_to_be_is_refused_with_its_place(entry, problem):
    with pytest.raises(KeyRingError, match=r"^key\[1\]") as caught:
        ring(table(OTHER), entry)
    assert problem in str(caught.value)
    assert isinstance(caught.value, OphaminError)


def test_an_id_stands_once():
    with pytest.raises(KeyRingError, match="stands twice; join its roles"):
        ring(table(), table(roles=["gate"]))


def test_a_private_key_in_the_ring_is_refused():
    signer = generate_key()
    with pytest.raises(KeyFormatError, match=r"key\[0\]\.public: this is a private key; keep it secret"):
        ring(table(signer.public, public=signer.to_pem().decode()))


@pytest.mark.parametrize(
    "public",
    [
        "ophamin-scenario-proof-key",
        # RFC 8410, section 10.1
        "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
        # the neutral point
        "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ],
)
def test_t16_a_key_that_everybody_can_sign_for_does_not_enter_the_ring(public):
    with pytest.raises(KeyPublicError, match=r"key\[0\]\.public") as caught:
        ring(table(public=public if "-key" in public else PEM.format(public)))
    assert caught.value.code == "KEY_PUBLIC"


@pytest.mark.parametrize("tables", [{}, "key", None, 1])
def test_keys_are_a_list_of_tables(tables):
    with pytest.raises(KeyRingError, match="write "):
        KeyRing.from_tables(tables)


def test_the_number_of_keys_is_limited():
    with pytest.raises(KeyRingError, match=f"{MAX_KEYS + 1} keys; the limit is {MAX_KEYS}"):
        KeyRing.from_tables([table()] * (MAX_KEYS + 1))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "schema is missing"),
        ("schema = 2", "2 is unknown; this reads 1"),
        ("schema = true", "True is unknown"),
        ("schema = 1.0", "1.0 is unknown"),
        ('schema = "1"', "'1' is unknown"),
        ("schema = 1\n[policy]\n", "'policy' is unknown"),
        ("schema = 1\nkey = 1", "stands where tables belong"),
        ("schema = 1\nschema = 1", "no TOML"),
        ("schema = ", "no TOML"),
        ("schema = 1\nx = " + "[" * 10_000, "no TOML"),
        ("#" * (MAX_RING_BYTES + 1), f"the limit is {MAX_RING_BYTES}"),
    ],
)
def test_a_text_that_is_no_ring_is_refused(text, problem):
    with pytest.raises(KeyRingError) as caught:
        KeyRing.from_toml(text)
    assert problem in str(caught.value)


@settings(max_examples=80)
@given(
    st.dictionaries(
        st.sampled_from(["id", "public", "roles", "valid_from", "valid_until", "revoked_at"]),
        st.none() | st.integers() | st.text() | st.datetimes() | st.dates() | st.lists(st.text()),
    )
)
def test_any_table_is_a_key_or_a_typed_error(fields):
    try:
        made = ring({**table(), **fields})
    except KeyMaterialError:
        return
    assert made.get(KEY.key_id).public == KEY


# --- time


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ('"2026-11-23"', (2026, 11, 23, 0), (2026, 11, 24, 0)),
        ("2026-11-23", (2026, 11, 23, 0), (2026, 11, 24, 0)),
        ('"2026-11-23T08:00:00Z"', (2026, 11, 23, 8), (2026, 11, 23, 8)),
        ("2026-11-23T08:00:00+02:00", (2026, 11, 23, 6), (2026, 11, 23, 6)),
    ],
)
def test_dates_are_whole_days_in_utc_and_times_are_exact(written, first, last):
    assert KeyRing.from_toml(toml(valid_from=written)).keys[0].valid_from == datetime(*first, tzinfo=UTC)
    assert KeyRing.from_toml(toml(valid_until=written)).keys[0].valid_until == datetime(*last, tzinfo=UTC)
    assert KeyRing.from_toml(toml(revoked_at=written)).keys[0].revoked_at == datetime(*first, tzinfo=UTC)


@pytest.mark.parametrize("witnessed", [False, True])
@pytest.mark.parametrize(
    ("moment", "status"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), "not_yet_valid"),
        (datetime(2026, 11, 1, tzinfo=UTC), "valid"),
        (datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=2))), "not_yet_valid"),
        (datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC), "valid"),
        (datetime(2027, 7, 1, tzinfo=UTC), "expired"),
    ],
)
def test_a_key_counts_from_its_first_to_its_last_day(moment, status, witnessed):
    key = ring(table(valid_from="2026-11-01", valid_until="2027-06-30")).keys[0]
    assert key.status(moment, witnessed=witnessed) == status


def test_a_key_without_dates_is_valid():
    assert ring().keys[0].status(NOW, witnessed=False) == "valid"


@pytest.mark.parametrize(
    ("moment", "witnessed", "status"),
    [
        (NOW - timedelta(seconds=1), True, "valid"),
        (NOW, True, "revoked"),
        (NOW + timedelta(days=1), True, "revoked"),
        (NOW - timedelta(days=100), False, "revoked"),  # nobody else says that it was made before
    ],
)
def test_a_revoked_key_counts_only_where_somebody_else_says_it_was_before(moment, witnessed, status):
    key = ring(table(revoked_at=NOW)).keys[0]
    assert key.status(moment, witnessed=witnessed) == status


def test_revoked_is_said_before_expired():
    key = ring(table(valid_until="2026-01-01", revoked_at="2025-01-01")).keys[0]
    assert key.status(NOW, witnessed=True) == "revoked"


def test_a_moment_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="no offset from UTC"):
        ring().keys[0].status(datetime(2026, 1, 1), witnessed=False)  # noqa: DTZ001 - the point of it
