# SPDX-License-Identifier: Apache-2.0
"""What the records of all results have in common: their form, and the numbers in them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Finite", "Pair", "Record", "Unit"]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Pair = tuple[Finite, Finite]


class Record(BaseModel):
    """A part of a result: it does not change, and has no fields but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
