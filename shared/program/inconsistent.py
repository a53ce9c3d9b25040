"""Problems between the fields of a program document, and the way to the field in the wrong."""

from pydantic_core import PydanticCustomError


def inconsistent(message: str, *within: str | int) -> PydanticCustomError:
    """A problem between fields; `within` is the way to the one that is in the wrong."""
    return PydanticCustomError("inconsistent", "{message}", {"message": message, "within": within})
