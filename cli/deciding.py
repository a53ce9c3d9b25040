"""The deciding services by name: those whose tables are a fold of a fact topic."""

from collections.abc import Callable, Mapping
from typing import Any

from services.earn.service import Earn
from services.redeem.service import Redeem
from shared.stream.service import Service

SERVICES: Mapping[str, Callable[[], Service[Any]]] = {"earn": Earn, "redeem": Redeem}
