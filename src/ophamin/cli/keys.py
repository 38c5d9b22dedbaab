# SPDX-License-Identifier: Apache-2.0
"""``ophamin key``: make a key that signs records, look at one, and say whom to trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from ophamin.cli.output import fail, note, say, shown_path

if TYPE_CHECKING:
    from ophamin.core.keys import PublicKey

__all__ = ["app"]

LABEL: Final = 11

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def key() -> None:
    """Keys: make one that signs records, look at it, and say in the trust policy whose signatures count.

    \b
    Example:
      ophamin key new ci.pem
      ophamin key show ci.pem --public > ci.pub.pem
      ophamin key trust ci.pub.pem --role seal --write
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters


@app.command("new")
def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; nothing is overwritten.")],
    algorithm: Annotated[
        Literal["ed25519", "ecdsa-p256"], typer.Option(help="P-256 for those who verify with cosign.")
    ] = "ed25519",
) -> None:
    """Make a private key in a file that only you can read.

    Keep it out of the repository: CI gets it as a secret, in OPHAMIN_SIGNING_KEY. To sign on your own machine you need
    none, since the first `pytest --ophamin` makes one for you.

    \b
    Example:
      ophamin key new ~/keys/ci.pem
      ophamin key new cosign.pem --algorithm ecdsa-p256
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.core.keyfiles import save_private_key
    from ophamin.core.keys import generate_key

    signer = generate_key(algorithm)
    save_private_key(signer, file)
    _say_key(signer.public, file)
    note(f"give others its public half: ophamin key show {shown_path(file)} --public")


@app.command("show")
def show_key(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A private or public key in PEM; default: your own.", show_default=False),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Print the public half in PEM, and nothing else.")] = False,
) -> None:
    """Show a key: its id, its algorithm and where it is. The private half is never printed.

    \b
    Example:
      ophamin key show
      ophamin key show ci.pem --public > ci.pub.pem
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    path = file or _own_key_file()
    found = _public_half(path)
    if public:
        say(found.to_pem().rstrip("\n"))
    else:
        _say_key(found, path)


@app.command("trust")
def trust_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A public key in PEM, or your own private one.")],
    role: Annotated[str, typer.Option(help="seal: signs what it decided again. self: signs what it measured.")],
    until: Annotated[
        str, typer.Option(metavar="DATE", help="Its last day, such as 2027-06-30.", show_default=False)
    ] = "",
    write: Annotated[bool, typer.Option("--write", help="Add it to the policy.")] = False,
    policy_file: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Default: ophamin-trust.toml.", show_default=False),
    ] = None,
) -> None:
    """Print the table that makes the trust policy take a key's signatures; --write adds it there.

    A key in the role seal gives level L2, and belongs to a job that runs none of the project's code; in the role self
    it gives L1. What counts is the policy of the protected branch, so the change takes effect once it is merged.

    \b
    Example:
      ophamin key trust ci.pub.pem --role seal --until 2027-06-30 --write
    """  # noqa: D301 - the mark before the example is a backspace, not the two characters
    from ophamin.errors import nearest_name
    from ophamin.trust.policy import ROLE_LEVELS

    if role not in ROLE_LEVELS:
        fail(f"{role!r} is no role; {nearest_name(role, ROLE_LEVELS)}")
    found = _public_half(file)
    table = _table(found, role, until)
    if write:
        target = policy_file or _project_policy()
        _add(table, target)
        note(f"added {found.key_id[:12]} to {shown_path(target)} as {role}; commit that file")
        return
    _checked(f"schema = 1\n\n{table}")
    say(table.rstrip("\n"))


def _say_key(found: PublicKey, path: Path) -> None:
    for label, value in (("id", found.key_id), ("algorithm", found.algorithm), ("place", shown_path(path))):
        say(f"{label:<{LABEL}}{value}")


def _own_key_file() -> Path:
    from ophamin.core.keyfiles import USER_KEY_NAME
    from ophamin.plugin.signing import user_key_folder

    path = user_key_folder() / USER_KEY_NAME
    if not path.exists():
        fail(f"you have no key in {path} yet; the first pytest --ophamin makes one, or name a file")
    return path


def _public_half(path: Path) -> PublicKey:
    """The public key in a file, or that of a private one, which has to be safe from others."""
    from ophamin.core.keyfiles import load_private_key
    from ophamin.core.keys import MAX_KEY_BYTES, KeyMaterialError, read_public_key

    if not path.is_file():
        fail(f"{path}: no such file; name a key in PEM")
    with path.open("rb") as handle:
        data = handle.read(MAX_KEY_BYTES + 1)
    if b"PRIVATE KEY-----" in data:
        return load_private_key(path).public
    try:
        return read_public_key(data)
    except KeyMaterialError as error:
        fail(f"{path}: {error}")


def _project_policy() -> Path:
    from ophamin.settings import project_root
    from ophamin.trust.policy import POLICY_NAME

    return project_root(Path.cwd()) / POLICY_NAME


def _table(found: PublicKey, role: str, until: str) -> str:
    import json

    lines = [
        "[[key]]",
        f'id = "{found.key_id}"',
        f'public = """\n{found.to_pem()}"""',
        f'roles = ["{role}"]',
        *([f"valid_until = {json.dumps(until)}"] if until else []),
    ]
    return "\n".join(lines) + "\n"


def _add(table: str, target: Path) -> None:
    """Put the table at the end of the policy; what would then be no policy is not written."""
    from ophamin.core.files import write_atomic
    from ophamin.trust.policy import TrustPolicy

    if target.exists() or target.is_symlink():
        TrustPolicy.load(target)
        before = target.read_text(encoding="utf-8")
    else:
        before = "schema = 1\n"
    whole = f"{before.rstrip()}\n\n{table}"
    _checked(whole, target.parent)
    write_atomic(target, whole.encode("utf-8"))


def _checked(text: str, folder: Path | None = None) -> None:
    from ophamin.trust.policy import TrustPolicy

    TrustPolicy.from_toml(text, fetch=None if folder is None else lambda name: (folder / name).read_bytes())
