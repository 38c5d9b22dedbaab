# SPDX-License-Identifier: Apache-2.0
"""With which key a session signs its records, and the envelopes that lie beside each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.environment import GitFacts
from ophamin.core.keyfiles import load_private_key, load_secret, user_key
from ophamin.core.keys import KeyMaterialError, Signer, read_private_key
from ophamin.plugin.folder import ENVELOPE, PROOF, TEST_RESULT
from ophamin.trust.audits import AUDIT_ENVELOPE_NAME, audit_statement
from ophamin.trust.statements import Subject, make_test_result, proof_statement

if TYPE_CHECKING:
    from ophamin.auditing.audit_record import AuditRecord
    from ophamin.measuring.trial import Concluded
    from ophamin.plugin.options import Options

__all__ = ["HMAC_KEY_FILE", "KEY", "KEY_FILE", "Sealing", "choose_key", "user_key_folder"]

KEY_FILE = "OPHAMIN_SIGNING_KEY_FILE"
KEY = "OPHAMIN_SIGNING_KEY"
HMAC_KEY_FILE = "OPHAMIN_HMAC_KEY_FILE"
"""Names the file of a shared secret, for those who still check the seal of the 1.0 wire."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How the records of a session are signed.

    Attributes:
        signer: None leaves them unsigned.
        told: in words, for the header.
        secret: of the HMAC seal inside each record; empty leaves it out.
    """

    signer: Signer | None
    told: str
    secret: bytes = b""

    def sealed(self, one: Concluded) -> Concluded:
        """The concluded claim with the HMAC seal of the 1.0 wire, where there is a secret for it."""
        return replace(one, record=one.record.sign(self.secret)) if self.secret else one

    def envelopes(self, one: Concluded, text: bytes, project: GitFacts, lock: str) -> dict[str, bytes]:
        """The DSSE envelopes of a record by their file names; none without a key.

        One statement is about the whole record, its observations, the commit and its tree. The other says no more than
        passed, warned or failed, in the words of in-toto's test-result predicate, and only of a known commit.

        Args:
            one: the concluded claim.
            text: its record as it is written.
            project: the commit and the state of the tree.
            lock: SHA-256 of the lock file; empty without one.
        """
        if self.signer is None:
            return {}
        known = bool(project.commit and project.tree)
        commit, tree = (project.commit, project.tree) if known else (None, None)
        dirty = project.dirty is not False
        digest = one.record.evidence[0].detail["observations_sha256"]
        statements = {ENVELOPE: proof_statement(one.record, digest, commit, tree, dirty=dirty)}
        if commit and tree:
            used = [Subject(PROOF, {"sha256": hashlib.sha256(text).hexdigest()})]
            if lock:
                used.append(Subject("ophamin.lock", {"sha256": lock}))
            outcome = {one.plan.metadata.name: one.record.verdict.outcome}
            statements[TEST_RESULT] = make_test_result(outcome, used, commit, tree, dirty=dirty)
        return {name: sign(made.data, IN_TOTO_TYPE, [self.signer]).to_bytes() for name, made in statements.items()}

    def audit_envelopes(self, audit: AuditRecord, text: bytes, project: GitFacts) -> dict[str, bytes]:
        """The DSSE envelope of an audit by its file name; none without a key.

        Args:
            audit: the record.
            text: it, as it is written.
            project: the commit and the state of the tree.
        """
        if self.signer is None:
            return {}
        known = bool(project.commit and project.tree)
        commit, tree = (project.commit, project.tree) if known else (None, None)
        made = audit_statement(audit.to_dict(), text, commit, tree, dirty=project.dirty is not False)
        return {AUDIT_ENVELOPE_NAME: sign(made.data, IN_TOTO_TYPE, [self.signer]).to_bytes()}


def choose_key(options: Options, environ: Mapping[str, str], *, in_ci: bool) -> Sealing:
    """The key of a session: as an option or the environment gives it, else the user's own, and in CI none.

    Raises:
        KeyMaterialError: the key or the secret that was given cannot be used, or the user's own key cannot be made.
    """
    sealing = _signing(options, environ, in_ci=in_ci)
    if not environ.get(HMAC_KEY_FILE):
        return sealing
    secret = load_secret(Path(environ[HMAC_KEY_FILE]))
    return replace(sealing, secret=secret, told=f"{sealing.told}; HMAC seal inside")


def _signing(options: Options, environ: Mapping[str, str], *, in_ci: bool) -> Sealing:
    if options.key_file is not None:
        return _given(load_private_key(options.key_file), "as given")
    if environ.get(KEY_FILE):
        return _given(load_private_key(Path(environ[KEY_FILE])), f"from {KEY_FILE}")
    if environ.get(KEY):
        return _given(read_private_key(environ[KEY]), f"from {KEY}")
    if in_ci:
        return Sealing(None, "unsigned (L0): no key in CI")
    folder = user_key_folder()
    try:
        signer, created = user_key(folder)
    except KeyMaterialError as error:
        return Sealing(None, f"unsigned (L0): {error}")
    made = ", made just now" if created else ""
    return Sealing(signer, f"self-signed (L1), key {signer.public.key_id[:8]} in {_shown(folder)}{made}")


def user_key_folder() -> Path:
    """Where the user's own key lies."""
    from platformdirs import user_config_path

    return user_config_path("ophamin", appauthor=False)


def _given(signer: Signer, how: str) -> Sealing:
    return Sealing(signer, f"self-signed (L1), key {signer.public.key_id[:8]} {how}")


def _shown(folder: Path) -> str:
    home = Path.home()
    return f"~/{folder.relative_to(home).as_posix()}" if folder.is_relative_to(home) else str(folder)
