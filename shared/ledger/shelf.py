"""Claims, codes and transfers that the work at hand needs, as facts change them.

Guarantees: the same facts give the same in whatever batches they come; of a lot's
free codes the first one put in stock is taken first. What is not loaded cannot be changed.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from shared.events.ids import code_id
from shared.ledger.claims import (
    Claim,
    ClaimFact,
    CodeFact,
    StockCode,
    claim_after,
    codes_after,
)
from shared.ledger.transfers import Transfer, TransferFact, transfer_after

OF_CLAIMS: tuple[type[Any], ...] = get_args(ClaimFact)
OF_CODES: tuple[type[Any], ...] = get_args(CodeFact)
OF_TRANSFERS: tuple[type[Any], ...] = get_args(TransferFact)


class Shelf:
    """Claims by redemption, codes and transfers by id; `changed` ones are to be written."""

    def __init__(
        self,
        claims: Iterable[Claim] = (),
        codes: Iterable[StockCode] = (),
        transfers: Iterable[Transfer] = (),
    ) -> None:
        self.claims = {claim.redemption_id: claim for claim in claims}
        self.codes = {code.code_id: code for code in codes}
        self.transfers = {transfer.transfer_id: transfer for transfer in transfers}
        self.changed_claims: dict[UUID, Claim] = {}
        self.changed_codes: dict[UUID, StockCode] = {}
        self.changed_transfers: dict[UUID, Transfer] = {}
        self._free: dict[UUID, dict[int, str]] = {}
        for code in sorted(self.codes.values(), key=lambda code: code.place):
            if code.taken_by is None:
                self._free.setdefault(code.lot_id, {})[code.place] = code.code

    def free_codes(self, lot_id: UUID) -> Iterable[str]:
        """Codes of a lot that nobody has taken, in the order in which they are taken."""
        return self._free.get(lot_id, {}).values()

    def known(self, stock: str, codes: Iterable[str]) -> Collection[str]:
        """Those of these codes that were put in this stock before."""
        return [code for code in codes if code_id(stock, code) in self.codes]

    def code_of(self, unit_id: UUID) -> str | None:
        """The code that a unit has taken, if it has one."""
        found = (code.code for code in self.codes.values() if code.taken_by == unit_id)
        return next(found, None)

    def evolve(self, fact: Any, order: int, t: datetime) -> None:
        """Take a fact in; `order` is the version of its account."""
        if isinstance(fact, OF_CLAIMS):
            claim = claim_after(self.claims.get(fact.redemption_id), fact, order, t)
            self.claims[claim.redemption_id] = self.changed_claims[claim.redemption_id] = claim
        elif isinstance(fact, OF_CODES):
            for code in codes_after(self.codes, fact):
                self.codes[code.code_id] = self.changed_codes[code.code_id] = code
                self._shelve(code)
        elif isinstance(fact, OF_TRANSFERS):
            made = transfer_after(self.transfers.get(fact.transfer_id), fact, order, t)
            self.transfers[made.transfer_id] = self.changed_transfers[made.transfer_id] = made

    def _shelve(self, code: StockCode) -> None:
        free = self._free.setdefault(code.lot_id, {})
        if code.taken_by is not None:
            free.pop(code.place, None)
            return
        comes_last = not free or next(reversed(free)) < code.place
        free[code.place] = code.code
        if not comes_last:
            self._free[code.lot_id] = dict(sorted(free.items()))
