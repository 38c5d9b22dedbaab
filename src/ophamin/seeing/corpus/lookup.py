# SPDX-License-Identifier: Apache-2.0
"""Corpora by name: ``sentences``, ``jsonl:data/prompts.jsonl,text=body``, ``git``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from ophamin.core.plugins import Registry, UnknownPluginError
from ophamin.errors import ClaimError, nearest_name
from ophamin.seeing.corpus.base import CORPORA, Corpus, as_corpus
from ophamin.seeing.spec import accepted_keywords, build_with_options, parse_options, parse_value

__all__ = ["CorpusFactory", "get_corpus", "list_corpora", "register_corpus_factory"]

CorpusFactory: TypeAlias = Callable[..., Corpus]
"""Called with the root (a path or None) and the options as keyword arguments."""

_FACTORIES: Final[Registry[Any]] = Registry("corpus", object, "", accepts_classes=True)
_NEXT_OPTION: Final = re.compile(r",(?=[A-Za-z_][A-Za-z0-9_]*=)")
_OPTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_HIDDEN: Final = frozenset({"root", "label"})


def get_corpus(spec: str, root: Path | None = None) -> Corpus:
    """The corpus that a text names; nothing is read yet.

    Args:
        spec: ``name``, ``name:path`` or ``name:path,key=value``; a path with a part such as ``,a=`` cannot be written.
        root: where relative paths count from, and where a corpus without a path looks; by default the current folder.

    Raises:
        UnknownPluginError: no corpus has that name; it is a ValueError, and says the nearest one.
        ClaimError: the path is missing, or an option cannot be honoured; the accepted ones are named.

    Example:
        >>> get_corpus("sentences").count()
        60
        >>> get_corpus("jsonl:data/x.jsonl,text=body").name
        'jsonl:data/x.jsonl'
    """
    name, colon, tail = spec.strip().partition(":")
    if not name or (colon and not tail.strip()):
        raise ClaimError(f"{spec!r} names no corpus; write name, name:path or name:path,key=value")
    path, texts = _split(tail, spec)
    factory = _factory(name)
    what = f"corpus {name!r}"
    if not callable(factory):
        if tail:
            raise ClaimError(f"{what} was registered ready-made and takes no path and no options; leave out {tail!r}")
        return as_corpus(factory)
    if not path and getattr(factory, "needs_root", False):
        raise ClaimError(f"{what} needs a path; write {name}:PATH")
    accepted = accepted_keywords(factory)
    options = {key: _typed(value, accepted.get(key, "")) for key, value in texts.items()}
    if path and "label" in accepted and not options.get("label"):
        factory = _with_label(factory, _label(path))
    where = root if not path else (Path(path) if root is None else root / path)
    return as_corpus(build_with_options(what, factory, options, where, hidden=_HIDDEN))


def list_corpora() -> list[str]:
    """The names of all known corpora, sorted; nothing is imported for it."""
    return sorted({*CORPORA.names(), *_FACTORIES.names()})


def register_corpus_factory(name: str, factory: CorpusFactory) -> None:
    """Let `get_corpus` know a corpus of this process.

    Args:
        name: by which it is known; without colon or comma.
        factory: a class or function that takes the root and the options.

    Raises:
        ClaimError: another corpus has that name, or the name cannot be written in a spec.
    """
    if not name or set(name) & set(":,= "):
        raise ClaimError(f"{name!r} cannot name a corpus; leave out colons, commas, equals signs and spaces")
    if not callable(factory):
        raise ClaimError(f"{factory!r} cannot be called; give a class or a function that makes a corpus")
    if name in CORPORA or (name in _FACTORIES and _FACTORIES[name] is not factory):
        raise ClaimError(f"a corpus is named {name!r} already; choose another name")
    _FACTORIES.register(factory, name)


def _factory(name: str) -> Any:
    if name in _FACTORIES:
        return _FACTORIES[name]
    if name in CORPORA:
        return CORPORA[name]
    raise UnknownPluginError(f"no corpus is named {name!r}; {nearest_name(name, list_corpora())}")


def _split(tail: str, spec: str) -> tuple[str, dict[str, str]]:
    parts = _NEXT_OPTION.split(tail)
    path = "" if _OPTION.match(parts[0]) else parts.pop(0).strip()
    return path, parse_options(parts, spec)


def _typed(text: str, annotation: str) -> int | float | bool | str:
    """A value as its parameter has it: a field that is named 1 stays text."""
    return text if "str" in annotation else parse_value(text)


def _label(path: str) -> str:
    """The path as it was written, for records; of an absolute one only the last part."""
    written = Path(path)
    return written.name if written.is_absolute() else written.as_posix()


def _with_label(factory: CorpusFactory, label: str) -> CorpusFactory:
    from functools import wraps

    @wraps(factory)
    def labelled(*args: Any, **options: Any) -> Corpus:
        return factory(*args, label=label, **options)

    return labelled
