# SPDX-License-Identifier: Apache-2.0
r"""Reflexivity \(\hat R_{norm}\) of a pattern: what it says about its own thinking, and what its trajectory shows.

The score is a weighted mean of parts in [0, 1]. It is relative to the word lists, the windows and the kinds of evidence
that were there; it is no measure of consciousness, and its text part can be raised by vocabulary. The parts of the
trajectory need answers that come out right, not words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from qmpt.data.models import Observation
from qmpt.features.encoders import encoder_name
from qmpt.features.tokens import text_of
from qmpt.features.versions import version_string
from qmpt.metrics.evidence import Assessment, Part, assess, check_one_pattern, settings_from
from qmpt.metrics.reflexivity_dynamics import (
    calibration_part,
    consistency_part,
    mutual_information_part,
    revision_part,
)
from qmpt.metrics.reflexivity_settings import ReflexivitySettings
from qmpt.metrics.reflexivity_text import classified_part, lexical_part

__all__ = ["ReflexivityEstimator"]


class ReflexivityEstimator(BaseModel):
    """Estimates the reflexivity of one pattern from its observations.

    The ``score`` methods give a number or raise `InsufficientEvidence`; the ``evaluate`` methods always give a record
    with parts, coverage, intervals, and the reason where there is no number.

    Attributes:
        config: keys of `qmpt.metrics.reflexivity_settings.ReflexivitySettings`; what is not given has its default.
        classifier: text -> number in [0, 1], in the place of ``lexical_v1``.
        encoder: texts -> array of shape (texts, dimensions), for the consistency of goals.

    Raises:
        ConfigError: the configuration has an unknown key, or a value out of its range.

    Example:
        >>> seen = [
        ...     Observation(obs_id=str(i), pattern_id="a", timestamp=i, modality="prediction",
        ...                 payload={"p": 0.9 if i % 2 else 0.1, "outcome": bool(i % 2)})
        ...     for i in range(40)
        ... ]
        >>> estimator = ReflexivityEstimator(config={"beta_text": 0.6, "beta_dyn": 0.4})
        >>> round(estimator.score_dyn(seen), 2), estimator.evaluate_dyn(seen).coverage
        (0.96, 0.25)
        >>> estimator.evaluate(seen).reason
        'the coverage is 0.40 of at least 0.60; missing: text (0 words of text; at least 50 are needed)'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    semver: ClassVar[str] = "1.0.0"

    config: dict[str, Any] = Field(default_factory=dict)
    classifier: Callable[[str], float] | None = Field(default=None, exclude=True)
    encoder: Callable[[list[str]], Any] | None = Field(default=None, exclude=True)
    _settings: ReflexivitySettings = PrivateAttr()

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        classifier: Callable[[str], float] | None = None,
        encoder: Callable[[list[str]], Any] | None = None,
    ) -> None:
        settings = settings_from(ReflexivitySettings, config or {})
        super().__init__(config=dict(config or {}), classifier=classifier, encoder=encoder)
        self._settings = settings

    @property
    def reflexivity_model_version(self) -> str:
        """What is stored beside each score: the name of the text score, and the digest of everything it depends on."""
        resolved = self._settings.model_dump()
        resolved |= {name: encoder_name(hook) for name, hook in self._hooks().items()}
        return version_string(f"reflexivity_{self._settings.text_model}", self.semver, resolved)

    def score_text(self, obs: list[Observation]) -> float:
        r"""\(R_{text}\) in [0, 1].

        Raises:
            InsufficientEvidence: fewer than 50 words of text.
            DataError: observations of several patterns, or an unreadable payload.
        """
        return self._alone(self.evaluate_text(obs)).require()

    def score_dyn(self, obs: list[Observation]) -> float:
        r"""\(R_{dyn}\) in [0, 1], the mean of the parts that are there.

        Raises:
            InsufficientEvidence: no part has enough observations.
            DataError: observations of several patterns, or an unreadable payload.
        """
        return self.evaluate_dyn(obs).require()

    def score(self, obs: list[Observation]) -> float:
        r"""\(\hat R_{norm}\) in [0, 1].

        Raises:
            InsufficientEvidence: the parts that are there have less than the least coverage.
            DataError: observations of several patterns, or an unreadable payload.
        """
        return self.evaluate(obs).require()

    def evaluate_text(self, obs: list[Observation]) -> Part:
        """The part ``text``, from all texts in the order of time."""
        check_one_pattern(obs)
        texts = [text_of(one) for one in sorted(obs, key=lambda one: one.timestamp) if one.modality == "text"]
        if self.classifier is not None:
            return classified_part(texts, self.classifier)
        return lexical_part(texts, seed=self._settings.seed)

    def evaluate_dyn(self, obs: list[Observation]) -> Assessment:
        """The parts ``mi``, ``calibration``, ``revision`` and ``consistency``, of equal weight."""
        check_one_pattern(obs)
        chosen = self._settings
        parts = [
            mutual_information_part(obs, permutations=chosen.permutations, seed=chosen.seed),
            calibration_part(obs, seed=chosen.seed),
            revision_part(obs, steps=chosen.revision_steps),
            consistency_part(obs, per_window=chosen.goals_per_window, encode=self.encoder, seed=chosen.seed),
        ]
        return assess("dynamic reflexivity", parts, least_coverage=0.0)

    def evaluate(self, obs: list[Observation]) -> Assessment:
        """The score with its two parts; the parts of the trajectory are in the detail of ``dyn``."""
        text = self.evaluate_text(obs)
        weighed = replace(text, weight=self._settings.beta_text)
        dynamic = self.evaluate_dyn(obs).as_part("dyn", self._settings.beta_dyn)
        return assess("reflexivity", [weighed, dynamic], least_coverage=self._settings.least_coverage)

    def _alone(self, part: Part) -> Assessment:
        return assess("text reflexivity", [part], least_coverage=0.0)

    def _hooks(self) -> dict[str, Callable[..., Any]]:
        hooks = {"classifier": self.classifier, "encoder": self.encoder}
        return {name: hook for name, hook in hooks.items() if hook is not None}
