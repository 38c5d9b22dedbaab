# SPDX-License-Identifier: Apache-2.0
"""``ophamin seal``: decide the records of a run again, and sign them where none of the project's code runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from ophamin.cli.output import fail, note, on_terminal, say_fields, say_json, shown_path, terminal
from ophamin.errors import OphaminError, RecordWriteError

if TYPE_CHECKING:
    from ophamin.core.keys import Signer
    from ophamin.trust.policy import TrustPolicy
    from ophamin.trust.seal import Examination, Examined

__all__ = ["seal", "take_signing_key"]

EXIT_UNTRUSTED: Final = 4
EXIT_BROKEN: Final = 5
SHORT_ID: Final = 12


def seal(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run wrote its records to.")],
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="The private key that signs.", show_default=False),
    ] = None,
    policy_file: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Whose keys to take; default: ophamin-trust.toml."),
    ] = None,
    key_files: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="A public key to take, or an HMAC secret.", show_default=False),
    ] = None,
    commit: Annotated[
        str, typer.Option(metavar="ID", help="The commit that was tried; default: the one checked out here.")
    ] = "",
    no_git: Annotated[bool, typer.Option("--no-git", help="Compare and sign no commit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide again and sign nothing; needs no key.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sign the records of a run, after deciding each of them again. Nothing of the project is imported or run.

    Use it in a job of its own, with ophamin installed and the project not, since a test can read any key that its own
    process has. All records are checked first, and all are signed or none. The key comes from --key-file, else
    from the file in OPHAMIN_SIGNING_KEY_FILE, else from OPHAMIN_SIGNING_KEY. Its signature gives L2 where the trust
    policy has the key in the role seal.

    Ends with 0 when all is signed, 2 when the command or the key cannot be used, 3 when something of the run is missing
    or cannot be decided again, 4 when a record cannot be trusted, 5 when the sealing itself failed. A sound REFUTED
    record is signed like any other.

    \b
    Example:
      ophamin seal proofs/latest --key-file seal.pem
      ophamin seal proofs/latest --dry-run
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.settings import project_root
    from ophamin.trust.seal_isolation import require_isolation
    from ophamin.trust.verification import exit_code

    signer = take_signing_key(key_file, os.environ)
    root = project_root(Path.cwd())
    require_isolation(root, folder)
    if signer is None and not dry_run:
        fail("no key to sign with; give --key-file or OPHAMIN_SIGNING_KEY, or --dry-run to sign nothing")
    policy, secrets = _policy(policy_file, key_files or [], signer)
    if signer is not None:
        _check_key(signer, policy)
    found = _examined(folder, policy, secrets, *_commit_and_tree(root, commit, no_git=no_git))
    is_signed = found.is_sound and signer is not None and not dry_run
    if is_signed and signer is not None:
        _sign(found, signer)
    if as_json:
        say_json(_plain(found, signer if is_signed else None))
    else:
        _print(found)
        note(_summary(found, signer if is_signed else None))
    raise typer.Exit(exit_code(one.code for one in found.files))


def take_signing_key(key_file: Path | None, environ: MutableMapping[str, str]) -> Signer | None:
    """The key that is given, on the command line or in the environment; taken out of the environment in any case.

    Raises:
        KeyMaterialError: it cannot be used.

    Example:
        >>> environ = {"OPHAMIN_SIGNING_KEY": ""}
        >>> take_signing_key(None, environ) is None, environ
        (True, {})
    """
    from ophamin.core.keyfiles import load_private_key
    from ophamin.core.keys import read_private_key
    from ophamin.plugin.signing import KEY, KEY_FILE

    named, text = environ.pop(KEY_FILE, ""), environ.pop(KEY, "")
    if key_file is not None:
        return load_private_key(key_file)
    if named:
        return load_private_key(Path(named))
    return read_private_key(text) if text else None


def _policy(file: Path | None, key_files: list[Path], signer: Signer | None) -> tuple[TrustPolicy, tuple[bytes, ...]]:
    """The policy with the keys that are given, and the one that signs: what it sealed before may be sealed again."""
    from ophamin.cli.trusted_keys import given_keys, load_policy, ring_key, with_keys

    keys, secrets = given_keys(key_files)
    own = [] if signer is None else [ring_key(signer.public)]
    return with_keys(load_policy(file), [*keys, *own]), secrets


def _check_key(signer: Signer, policy: TrustPolicy) -> None:
    """Refuse a key that the policy knows as invalid, and say what its signature will be worth."""
    key_id = signer.public.key_id
    known = policy.ring.get(key_id)
    if known is None or "seal" not in known.roles:
        note(f"the trust policy has no key {key_id[:SHORT_ID]} in the role seal; until it has, this gives no L2")
        return
    status = known.status(datetime.now(UTC), witnessed=False)
    if status != "valid":
        fail(f"the key {key_id[:SHORT_ID]} is {status.replace('_', ' ')}; sign with another, or mend the policy")


def _commit_and_tree(root: Path, commit: str, *, no_git: bool) -> tuple[str | None, str | None]:
    from ophamin.core.environment import git_facts

    if no_git:
        if commit:
            fail("--commit names a commit and --no-git compares none; give one of them")
        return None, None
    facts = git_facts(root)
    if not facts.commit or not facts.tree:
        fail(f"git knows no commit in {shown_path(root)}; run in a checkout of what was tried, or give --no-git")
    return _resolved(root, commit) if commit else (facts.commit, facts.tree)


def _resolved(root: Path, commit: str) -> tuple[str, str]:
    """The full ids of a commit and of its tree."""
    from ophamin.seeing.corpus.git_process import GitRepository
    from ophamin.seeing.substrate.checkout import Checkout

    found = Checkout(commit, root)
    return found.commit, GitRepository(found.top or root).ask("rev-parse", "--verify", f"{found.commit}^{{tree}}")


def _examined(
    folder: Path, policy: TrustPolicy, secrets: tuple[bytes, ...], commit: str | None, tree: str | None
) -> Examination:
    from ophamin.trust.seal import examine_run

    now = datetime.now(UTC)
    try:
        return examine_run(folder, policy, commit=commit, tree=tree, now=now, read_audit=_read_audit, secrets=secrets)
    except (OphaminError, OSError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a run that was not examined must not be signed
        _broken(f"the examination failed: {type(error).__name__}: {error}; report this with the records")


def _sign(found: Examination, signer: Signer) -> None:
    from ophamin.trust.seal import SealError, seal_run

    try:
        seal_run(found, signer, read_audit=_read_audit)
    except SealError as error:
        fail(str(error), code=EXIT_UNTRUSTED)
    except RecordWriteError as error:
        _broken(str(error))


def _read_audit(data: bytes) -> Mapping[str, Any]:
    """An audit record in its wire form, read as strictly as the codec reads one.

    Raises:
        ValueError: it is none, its parts do not agree, or the bytes are not the ones that ophamin writes for it.
    """
    from ophamin.auditing.audit_record import MAX_BYTES, AuditRecord
    from ophamin.core import strictjson

    record = AuditRecord.from_dict(strictjson.loads(data, max_bytes=MAX_BYTES, what="audit.json"))
    if problems := record.validate():
        raise ValueError(problems[0])
    if record.dumps().encode("ascii") != data:
        raise ValueError("audit.json is not written as ophamin writes it; get it anew")
    return record.to_dict()


def _print(found: Examination) -> None:
    """One line for each record and audit, and for whatever is not sound."""
    shown = [one for one in found.files if one.kind in {"proof", "audit"} or one.code != "OK"]
    if not on_terminal():
        for one in shown:
            say_fields((one.code, one.kind, one.outcome, shown_path(one.path), one.words))
        return
    from rich.text import Text

    for one in shown:
        is_ok = one.code == "OK"
        told = f"{one.outcome or one.kind:<12} {one.claim or shown_path(one.path)}"
        line = Text.assemble((f"{one.code:<13}", "green" if is_ok else "red"), f" {told if is_ok else _problem(one)}")
        terminal().print(line, no_wrap=is_ok, overflow="ellipsis" if is_ok else "fold", crop=is_ok)


def _problem(one: Examined) -> str:
    return f"{shown_path(one.path)}: {one.words}"


def _summary(found: Examination, signer: Signer | None) -> str:
    """What became of the run, in one line."""
    counts = Counter(one.outcome for one in found.files if one.kind == "proof" and one.outcome)
    verdicts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "no records"
    audits = sum(one.kind == "audit" for one in found.files)
    told = verdicts + (f", {audits} audits" if audits > 1 else ", 1 audit" if audits else "")
    wrong = sum(one.code != "OK" for one in found.files)
    if wrong:
        return f"nothing signed: {wrong} of {len(found.files)} files are not sound ({told})"
    if signer is None:
        return f"decided again and not signed (L0): {told}"
    what = f"at {found.commit[:SHORT_ID]}" if found.commit else "of no commit"
    return f"sealed by {signer.public.key_id[:SHORT_ID]} {what}: {told}, and the head"


def _plain(found: Examination, signer: Signer | None) -> dict[str, Any]:
    return {
        "sealed": signer is not None,
        "key": signer and signer.public.key_id,
        "commit": found.commit,
        "tree": found.tree,
        "head": found.head and found.head.digest,
        "files": [
            {
                "path": one.path.as_posix(),
                "kind": one.kind,
                "code": one.code.value,
                "words": one.words,
                "verdict": one.outcome or None,
                "claim": one.claim or None,
                "sha256": one.digest or None,
            }
            for one in found.files
        ],
    }


def _broken(message: str) -> NoReturn:
    fail(message, code=EXIT_BROKEN)
