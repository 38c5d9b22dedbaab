# SPDX-License-Identifier: Apache-2.0
"""With which key a session signs its records, and the envelope that lies beside each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ophamin.core.dsse import IN_TOTO_TYPE, sign
from ophamin.core.environment import GitFacts
from ophamin.core.keyfiles import load_private_key, user_key
from ophamin.core.keys import KeyMaterialError, Signer, read_private_key
from ophamin.trust.statements import proof_statement

if TYPE_CHECKING:
    from ophamin.measuring.trial import Concluded
    from ophamin.plugin.options import Options

__all__ = ["KEY", "KEY_FILE", "Sealing", "choose_key", "user_key_folder"]

KEY_FILE = "OPHAMIN_SIGNING_KEY_FILE"
KEY = "OPHAMIN_SIGNING_KEY"


@dataclass(frozen=True, slots=True)
class Sealing:
    """How the records of a session are signed.

    Attributes:
        signer: None leaves them unsigned.
        told: in words, for the header.
    """

    signer: Signer | None
    told: str

    def envelope(self, one: Concluded, project: GitFacts) -> bytes | None:
        """The DSSE envelope of a record; None without a key.

        The statement is about the whole record, its observations, the commit and its tree.
        """
        if self.signer is None:
            return None
        digest = one.record.evidence[0].detail["observations_sha256"]
        known = bool(project.commit and project.tree)
        statement = proof_statement(
            one.record,
            digest,
            project.commit if known else None,
            project.tree if known else None,
            dirty=project.dirty is not False,
        )
        return sign(statement.data, IN_TOTO_TYPE, [self.signer]).to_bytes()


def choose_key(options: Options, environ: Mapping[str, str], *, in_ci: bool) -> Sealing:
    """The key of a session: as an option or the environment gives it, else the user's own, and in CI none.

    Raises:
        KeyMaterialError: the key that was given cannot be used, or the user's own one cannot be made.
    """
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
