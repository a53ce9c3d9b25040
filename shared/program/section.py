"""What all parts of a program document are: immutable, and strict about their fields."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a program document: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
