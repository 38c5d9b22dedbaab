# SPDX-License-Identifier: Apache-2.0
"""From observations to rows of numbers: the feature specifications of this package, registered by name."""

from __future__ import annotations

from qmpt.features.behavior import BehaviorFeatureSpec
from qmpt.features.multimodal import MultiModalFeatureSpec
from qmpt.features.registry import register_feature_spec
from qmpt.features.signals import NumericFeatureSpec
from qmpt.features.text import TextFeatureSpec

__all__ = ["BehaviorFeatureSpec", "MultiModalFeatureSpec", "NumericFeatureSpec", "TextFeatureSpec"]

register_feature_spec("text_v1", TextFeatureSpec)
register_feature_spec("behavior_v1", BehaviorFeatureSpec)
register_feature_spec("numeric_v1", NumericFeatureSpec)
register_feature_spec("multimodal_v1", MultiModalFeatureSpec)
