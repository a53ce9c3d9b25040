"""What every answer is, and every answer about an account."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TOKEN = Field(
    description="How far the projection was: `<partition>-<position>`. Send it back in the header "
    "`Tessera-Token` or as `?token=` and no answer will be older.",
    examples=["3-1042"],
)


class Answer(BaseModel):
    """An answer: immutable, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OfAccount(Answer):
    """An answer about an account, with the token at which it was read."""

    program: Annotated[str, Field(examples=["grocer"])]
    member: Annotated[str, Field(examples=["900"])]
    token: Annotated[str, TOKEN]
    as_of: datetime
