# SPDX-License-Identifier: Apache-2.0
"""Statements: what an envelope says of which artifacts, as in-toto Statement v1.

A statement about a proof carries the whole record; its subjects are the commit, the tree, the files and the data that
the record speaks of. Statements are built and read here; signatures are the matter of `ophamin.core.dsse`, and whether
commit and tree are the right ones is for the verifier. Sources: in-toto attestation framework, Statement v1,
ResourceDescriptor v1, DigestSet v1, test-result v0.1, https://github.com/in-toto/attestation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, NoReturn

from ophamin.core import strictjson
from ophamin.core.canonical import NotCanonicalError
from ophamin.core.records import record_text
from ophamin.core.text import visible
from ophamin.errors import OphaminError
from ophamin.measuring.proof.record import EmpiricalProofRecord

__all__ = [
    "AUDIT",
    "HEAD",
    "LOCK",
    "MAX_STATEMENT_BYTES",
    "OBSERVATIONS_NAME",
    "OWN_TYPES",
    "PROOF",
    "PROOF_NAME",
    "STATEMENT_TYPE",
    "TEST_RESULT",
    "MalformedStatementError",
    "Statement",
    "StatementError",
    "StatementMismatchError",
    "Subject",
    "WrongPredicateError",
    "check_matches",
    "check_same_file",
    "git_subjects",
    "make_statement",
    "make_test_result",
    "proof_record",
    "proof_statement",
    "read_statement",
]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PROOF: Final = "urn:ophamin:attestation:proof:v1"
AUDIT: Final = "urn:ophamin:attestation:audit:v1"
LOCK: Final = "urn:ophamin:attestation:lock:v1"
HEAD: Final = "urn:ophamin:attestation:head:v1"
OWN_TYPES: Final = (PROOF, AUDIT, LOCK, HEAD)
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"

PROOF_NAME: Final = "proof.json"
OBSERVATIONS_NAME: Final = "observations.json"
"""The observations file as it is before it is packed: the digest is over these bytes."""

MAX_STATEMENT_BYTES: Final = strictjson.MAX_BYTES + 2**19
"""A record of the largest size and its subjects; in base64 that fits into an envelope."""

MAX_SUBJECTS: Final = 1024

_TEST_LISTS: Final = {
    "VALIDATED": "passedTests",
    "INCONCLUSIVE": "warnedTests",
    "REFUTED": "failedTests",
    "ERROR": "failedTests",
}
_STATEMENT_FIELDS: Final = frozenset({"_type", "subject", "predicateType", "predicate"})
_SUBJECT_FIELDS: Final = frozenset({"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"})
_PREDICATE_FIELDS: Final = {PROOF: ("record", "observations_sha256")}
_GIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DIGESTS: Final = {"sha256": _SHA256, "gitCommit": _GIT, "gitTree": _GIT}
_ANY: Final = re.compile(r".*", re.DOTALL)


class StatementError(OphaminError, ValueError):
    """A statement was refused; ``code`` says why, as one word."""

    code: ClassVar[Literal["MALFORMED", "WRONG_TYPE", "MISMATCH"]]


class MalformedStatementError(StatementError):
    """The bytes are no Statement v1, or its predicate is not of the form that its type fixes."""

    code = "MALFORMED"


class WrongPredicateError(StatementError):
    """The statement is well-formed, but its predicate is of a type that was not asked for."""

    code = "WRONG_TYPE"


class StatementMismatchError(StatementError):
    """Two things that have to be the same are not: predicate and subject, or predicate and file."""

    code = "MISMATCH"


@dataclass(frozen=True, slots=True)
class Subject:
    """One artifact, named by what it contains.

    Attributes:
        name: a label for people; nothing is matched by it but the files of our own statements.
        digests: algorithm to lower-case hex; other algorithms than sha256, gitCommit and gitTree are not looked at.
        dirty: whether the work tree differed from the commit when this digest was taken.
    """

    name: str
    digests: Mapping[str, str]
    dirty: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The resource descriptor."""
        descriptor: dict[str, Any] = {"name": self.name, "digest": dict(self.digests)}
        return {**descriptor, "annotations": {"dirty": True}} if self.dirty else descriptor


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it is signed; made by `make_statement` or `read_statement`, and nowhere else.

    Attributes:
        predicate_type: what kind of statement this is.
        subjects: the artifacts it speaks of; at least one.
        predicate: what it says.
        data: the exact bytes that are signed.
        unknown: paths of fields that this version does not know; kept in ``data``, and to be shown.
    """

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any]
    data: bytes = field(repr=False)
    unknown: tuple[str, ...] = ()

    def digests(self, algorithm: str) -> tuple[str, ...]:
        """All digests of one algorithm, in the order of the subjects; a verifier asks for exactly one commit."""
        return tuple(one.digests[algorithm] for one in self.subjects if algorithm in one.digests)

    def digest_of(self, name: str) -> str | None:
        """The SHA-256 of the one subject of that name; None where there is none.

        Raises:
            StatementMismatchError: several subjects have the name.
        """
        found = [one.digests.get("sha256") for one in self.subjects if one.name == name]
        if len(found) > 1:
            raise StatementMismatchError(f"{len(found)} subjects are named {visible(name)!r}; there is one at most")
        return found[0] if found else None


def make_statement(predicate_type: str, subjects: Iterable[Subject], predicate: Mapping[str, Any]) -> Statement:
    """Build a statement of any kind; it is read back at once, so that what is written can be read.

    Raises:
        MalformedStatementError: it would not be a Statement v1, or readers would not agree on a value in it.
        NotCanonicalError: the predicate holds a value without a JSON form.

    Example:
        >>> head = Subject("head.json", {"sha256": "ab" * 32})
        >>> make_statement(HEAD, [head], {}).data.decode()[:65]
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predic'
    """
    whole = {
        "_type": STATEMENT_TYPE,
        "subject": [one.to_dict() for one in subjects],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }
    return read_statement(record_text(whole).encode("ascii"), predicate_types=(predicate_type,))


def read_statement(data: bytes, *, predicate_types: Collection[str] = OWN_TYPES) -> Statement:
    """Read a statement strictly: the payload of a verified envelope.

    Args:
        data: the bytes that were verified, not a copy decoded a second time; at most `MAX_STATEMENT_BYTES`.
        predicate_types: the kinds that are taken, compared exactly.

    Raises:
        MalformedStatementError: not strict JSON, a needed field missing or of the wrong form, a digest that is none.
        WrongPredicateError: the kind is none of ``predicate_types``.

    Example:
        >>> read_statement(b'{"_type": "https://in-toto.io/Statement/v0.1"}')
        Traceback (most recent call last):
        ...
        ophamin.trust.statements.MalformedStatementError: _type: 'https://in-toto.io/Statement/v0.1' is not ...
    """
    try:
        whole = strictjson.loads(data, max_bytes=MAX_STATEMENT_BYTES, what="statement")
    except strictjson.StrictJSONError as error:
        raise MalformedStatementError(str(error)) from error
    if not isinstance(whole, dict):
        _malformed("statement", f"a {type(whole).__name__} stands where an object belongs")
    if whole.get("_type") != STATEMENT_TYPE:
        _malformed("_type", f"{visible(str(whole.get('_type'))[:60])!r} is not {STATEMENT_TYPE}; make it anew as one")
    kind, predicate, listed = whole.get("predicateType"), whole.get("predicate"), whole.get("subject")
    if not isinstance(kind, str) or not kind:
        _malformed("predicateType", "missing, empty or no text; name the kind of statement")
    if not isinstance(predicate, dict):
        _malformed("predicate", "missing or no object; every kind known here has one")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SUBJECTS:
        _malformed("subject", f"not a list of 1 to {MAX_SUBJECTS} artifacts; name what the statement is about")
    unknown = [name for name in whole if name not in _STATEMENT_FIELDS]
    subjects = tuple(_read_subject(item, f"subject[{index}]", unknown) for index, item in enumerate(listed))
    if kind not in predicate_types:
        wanted = " or ".join(sorted(predicate_types)) or "none"
        raise WrongPredicateError(f"the statement is of the kind {visible(kind[:120])!r}; {wanted} is taken here")
    unknown += [f"predicate.{name}" for name in predicate if name not in _PREDICATE_FIELDS.get(kind, predicate)]
    return Statement(kind, subjects, predicate, data, tuple(unknown))


def git_subjects(commit: str | None, tree: str | None, *, dirty: bool = False) -> tuple[Subject, ...]:
    """The subjects for a commit and a tree; none outside a repository.

    Args:
        commit: 40 or 64 hex digits; None together with the tree.
        tree: the digest of the tree that was tried.
        dirty: whether that tree differs from the commit's.

    Raises:
        MalformedStatementError: one of the two is missing.
    """
    if commit is None and tree is None:
        return ()
    if commit is None or tree is None:
        _malformed("subject", f"commit {commit} and tree {tree} belong together; give both or neither")
    return Subject("commit", {"gitCommit": commit}), Subject("tree", {"gitTree": tree}, dirty)


def proof_statement(
    record: EmpiricalProofRecord,
    observations_sha256: str | None,
    commit: str | None,
    tree: str | None,
    *,
    dirty: bool = False,
) -> Statement:
    """The statement about one proof: the whole record, and digests of everything it speaks of.

    Args:
        record: as it is written to ``proof.json``.
        observations_sha256: digest of the unpacked observations; None where there are none.
        commit: see `git_subjects`.
        tree: see `git_subjects`.
        dirty: see `git_subjects`.

    Raises:
        MalformedStatementError: a digest is none.
    """
    text = record.dumps().encode("ascii")
    files = [Subject(PROOF_NAME, {"sha256": hashlib.sha256(text).hexdigest()})]
    if observations_sha256 is not None:
        files.append(Subject(OBSERVATIONS_NAME, {"sha256": observations_sha256}))
    data = [
        Subject(f"data/{one.name}", {"sha256": one.content_hash})
        for one in record.datasets
        if _SHA256.fullmatch(one.content_hash)  # older records name data by other things than a digest
    ]
    predicate = {"record": record.to_dict(), "observations_sha256": observations_sha256}
    return make_statement(PROOF, (*git_subjects(commit, tree, dirty=dirty), *files, *data), predicate)


def proof_record(statement: Statement, *, read: EmpiricalProofRecord | None = None) -> EmpiricalProofRecord:
    """The record inside a statement about a proof; its id is checked, and that the subjects name its files.

    Whether the subject ``proof.json`` is this record is for `check_matches`, since the digest of a file depends on the
    order in which free maps stand in it. ``read`` is the record, where it was read from the same text already.

    Raises:
        WrongPredicateError: the statement is about something else.
        MalformedStatementError: the predicate is of another form, or its record is none.
        StatementMismatchError: no single subject is named ``proof.json``, or the observations of subject and predicate
            differ.
    """
    if statement.predicate_type != PROOF:
        raise WrongPredicateError(f"a statement of the kind {visible(statement.predicate_type[:120])!r} is no proof")
    for name in _PREDICATE_FIELDS[PROOF]:
        if name not in statement.predicate:
            _malformed("predicate", f"{name} is missing")
    if statement.digest_of(PROOF_NAME) is None:
        raise StatementMismatchError(f"no subject is named {PROOF_NAME}; the statement speaks of no record file")
    stated, named = statement.predicate["observations_sha256"], statement.digest_of(OBSERVATIONS_NAME)
    if stated != named:
        problem = f"the predicate has the observations {visible(str(stated)[:70])}, the subjects have {named}"
        raise StatementMismatchError(f"{problem}; do not use the statement")
    try:
        return EmpiricalProofRecord.from_dict(statement.predicate["record"]) if read is None else read
    except ValueError as error:
        raise MalformedStatementError(f"predicate.record: {visible(str(error))}") from error


def check_matches(statement: Statement, proof_json: bytes) -> EmpiricalProofRecord:
    """Check that ``proof.json`` on disk is the record of the statement, and return that record.

    The file has to be the signed one byte for byte, and to say what the predicate says, every number in the same form.

    Raises:
        StatementError: see `proof_record`; a `StatementMismatchError` where the file is another one.
    """
    record = proof_record(statement)
    check_same_file(statement, proof_json)
    return record


def check_same_file(statement: Statement, proof_json: bytes, *, is_read: bool = False) -> None:
    """Check that ``proof.json`` on disk is the signed file, and says what the predicate says, if not read from it.

    Raises:
        StatementMismatchError: it is another file, or the predicate holds another record.
    """
    found, signed = hashlib.sha256(proof_json).hexdigest(), statement.digest_of(PROOF_NAME)
    if found != signed:
        raise StatementMismatchError(f"{PROOF_NAME} has the digest {found}, but {signed} is signed; reject the file")
    if is_read:
        return
    try:
        content = record_text(strictjson.loads(proof_json, what=PROOF_NAME))
    except (strictjson.StrictJSONError, NotCanonicalError) as error:
        raise StatementMismatchError(f"the signed file is no record: {visible(str(error))}") from error
    if content != record_text(statement.predicate["record"]):
        raise StatementMismatchError(
            f"{PROOF_NAME} is the signed file, but the predicate holds another record; do not use the statement"
        )


def make_test_result(
    outcomes: Mapping[str, str],
    configuration: Sequence[Subject],
    commit: str,
    tree: str,
    *,
    dirty: bool = False,
    url: str | None = None,
) -> Statement:
    """The same verdicts in the words of others: the in-toto predicate test-result v0.1.

    VALIDATED is passed, INCONCLUSIVE warned, REFUTED and ERROR failed; the result is the worst. It has no room for
    numbers, and others take WARNED for acceptable, so no gate of ours reads it.

    Args:
        outcomes: names of scenarios to VALIDATED, INCONCLUSIVE, REFUTED or ERROR; at least one.
        configuration: what was configured by, such as the lock file.
        commit: see `git_subjects`.
        tree: see `git_subjects`.
        dirty: see `git_subjects`.
        url: where the run can be looked at.

    Raises:
        MalformedStatementError: there is no outcome, or an unknown one.

    Example:
        >>> made = make_test_result({"a": "VALIDATED", "b": "INCONCLUSIVE"}, [], "ab" * 20, "cd" * 20)
        >>> made.predicate["result"], made.predicate["warnedTests"]
        ('WARNED', ['b'])
    """
    if not outcomes:
        _malformed("outcomes", "0 outcomes; a run without a claim has no result")
    lists: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for name, outcome in outcomes.items():
        if outcome not in _TEST_LISTS:
            _malformed("outcomes", f"{visible(outcome)!r} is none of {', '.join(_TEST_LISTS)}")
        lists[_TEST_LISTS[outcome]].append(name)
    result = "FAILED" if lists["failedTests"] else "WARNED" if lists["warnedTests"] else "PASSED"
    predicate: dict[str, Any] = {"result": result, "configuration": [one.to_dict() for one in configuration], **lists}
    if url is not None:
        predicate["url"] = url
    return make_statement(TEST_RESULT, git_subjects(commit, tree, dirty=dirty), predicate)


def _read_subject(item: Any, path: str, unknown: list[str]) -> Subject:
    if not isinstance(item, dict):
        _malformed(path, f"a {type(item).__name__} stands where an artifact belongs")
    name, digests, annotations = item.get("name", ""), item.get("digest"), item.get("annotations", {})
    if not isinstance(name, str) or not isinstance(annotations, dict):
        _malformed(path, "name is text and annotations is an object")
    if not isinstance(digests, dict) or not digests:
        _malformed(path, "an artifact has at least one digest; its name shows nothing")
    for algorithm, value in digests.items():
        if not isinstance(value, str) or not _DIGESTS.get(algorithm, _ANY).fullmatch(value):
            shown = f"{visible(algorithm[:60])} {visible(str(value)[:70])!r}"
            _malformed(path, f"the digest {shown} is no lower-case hex of its length; take it anew")
    unknown += [f"{path}.{field_name}" for field_name in item if field_name not in _SUBJECT_FIELDS]
    return Subject(name, digests, annotations.get("dirty") is True)


def _malformed(path: str, problem: str) -> NoReturn:
    raise MalformedStatementError(f"{path}: {problem}")
