from enum import Enum
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter


class Unit(str, Enum):
    cm = "cm"
    m = "m"


class Draw(BaseModel):
    action: Literal["draw"]
    width: int = Field(gt=0, le=100)
    height: int = Field(gt=0, le=100)
    unit: Unit = Unit.cm


class Clear(BaseModel):
    action: Literal["clear"]


Command = TypeAdapter(Annotated[Draw | Clear, Field(discriminator="action")])
