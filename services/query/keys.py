"""Idempotency keys: where a write's key stands, what it may be, and how the API documents it."""

import re
from typing import Any

from fastapi import Request

from services.query.problems import Code, Problem
from shared.events.base import ID_LENGTH_MAX

KEY = "Idempotency-Key"
_KEY = re.compile(rf"(?=[\x20-\x7e]{{1,{ID_LENGTH_MAX}}}\Z)[!-~](?:[ -~]*[!-~])?")
KEY_PROBLEMS = (Code.IDEMPOTENCY_KEY_MISSING, Code.IDEMPOTENCY_KEY_INVALID)


def idempotency_key(request: Request) -> str:
    """The key of a write. Raises Problem."""
    keys = request.headers.getlist(KEY)
    if not keys:
        raise Problem(Code.IDEMPOTENCY_KEY_MISSING)
    if len(keys) > 1 or _KEY.fullmatch(keys[0]) is None:
        raise Problem(Code.IDEMPOTENCY_KEY_INVALID)
    return keys[0]


def key_parameter(example: str) -> dict[str, Any]:
    """The OpenAPI of the header."""
    return {
        "parameters": [
            {
                "name": KEY,
                "in": "header",
                "required": True,
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": ID_LENGTH_MAX,
                    "pattern": "^[!-~]([ -~]*[!-~])?$",
                },
                "description": "The same key and body are done once, and answered alike",
                "example": example,
            }
        ]
    }
