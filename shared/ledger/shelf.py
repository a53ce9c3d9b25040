"""Claims, codes, transfers and parcels that the work at hand needs, as facts change them.

Guarantees: the same facts give the same in whatever batches they come; of a lot's
free codes the first one put in stock is taken first. What is not loaded cannot be changed.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar, get_args
from uuid import UUID

from shared.events.ids import code_id
from shared.events.merges import PartMoved, PartTaken
from shared.ledger.claims import (
    Claim,
    ClaimFact,
    ClaimState,
    CodeFact,
    StockCode,
    claim_after,
    codes_after,
)
from shared.ledger.moving import told_moved
from shared.ledger.parcels import Parcel, ParcelFact, parcels_after
from shared.ledger.transfers import Transfer, TransferFact, TransferState, transfer_after

OF_CLAIMS: tuple[type[Any], ...] = get_args(ClaimFact)
OF_CODES: tuple[type[Any], ...] = get_args(CodeFact)
OF_TRANSFERS: tuple[type[Any], ...] = get_args(TransferFact)
OF_PARCELS: tuple[type[Any], ...] = get_args(ParcelFact)
Owned = TypeVar("Owned", Claim, Transfer, Parcel)


class Shelf:
    """Claims by redemption, the others by id; `changed` ones, of all accounts, are to be written.

    A claim or a transfer that has moved to another account is the other account's.
    """

    def __init__(
        self,
        claims: Iterable[Claim] = (),
        codes: Iterable[StockCode] = (),
        transfers: Iterable[Transfer] = (),
        parcels: Iterable[Parcel] = (),
    ) -> None:
        self.claims = {
            claim.redemption_id: claim for claim in claims if claim.state is not ClaimState.MOVED
        }
        self.codes = {code.code_id: code for code in codes}
        self.transfers = {
            transfer.transfer_id: transfer
            for transfer in transfers
            if transfer.state is not TransferState.MOVED
        }
        self.parcels = {parcel.parcel_id: parcel for parcel in parcels}
        self.changed_claims: dict[tuple[str, UUID], Claim] = {}
        self.changed_codes: dict[UUID, StockCode] = {}
        self.changed_transfers: dict[tuple[str, UUID], Transfer] = {}
        self.changed_parcels: dict[UUID, Parcel] = {}
        self._free: dict[UUID, dict[int, str]] = {}
        for code in sorted(self.codes.values(), key=lambda code: code.place):
            if code.taken_by is None:
                self._free.setdefault(code.lot_id, {})[code.place] = code.code

    def claim_of(self, account: str, redemption_id: UUID) -> Claim | None:
        """The claim, if it is loaded and the account's."""
        return _owned(self.claims.get(redemption_id), account)

    def transfer_of(self, account: str, transfer_id: UUID) -> Transfer | None:
        """The transfer, if it is loaded and the account's."""
        return _owned(self.transfers.get(transfer_id), account)

    def parcel_of(self, account: str, parcel_id: UUID) -> Parcel | None:
        """The parcel, if it is loaded and the account's."""
        return _owned(self.parcels.get(parcel_id), account)

    def claims_of(self, account: str) -> list[Claim]:
        """The claims of an account that are loaded and have not moved to another one."""
        claims = self.claims.values()
        return [c for c in claims if c.account == account and c.state is not ClaimState.MOVED]

    def transfers_of(self, account: str) -> list[Transfer]:
        """The transfers of an account that are loaded and have not moved to another one."""
        transfers = self.transfers.values()
        moved = TransferState.MOVED
        return [one for one in transfers if one.account == account and one.state is not moved]

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
            self._put_claim(claim_after(self.claims.get(fact.redemption_id), fact, order, t))
        elif isinstance(fact, OF_CODES):
            for code in codes_after(self.codes, fact):
                self.codes[code.code_id] = self.changed_codes[code.code_id] = code
                self._shelve(code)
        elif isinstance(fact, OF_TRANSFERS):
            self._put_transfer(transfer_after(self.transfers.get(fact.transfer_id), fact, order, t))
        elif isinstance(fact, OF_PARCELS):
            for parcel in parcels_after(self.parcels, fact, order, t):
                self.parcels[parcel.parcel_id] = self.changed_parcels[parcel.parcel_id] = parcel
        if isinstance(fact, PartMoved | PartTaken):
            claims, transfers = told_moved(fact)
            for claim in claims:
                self._put_claim(claim)
            for transfer in transfers:
                self._put_transfer(transfer)

    def _put_claim(self, claim: Claim) -> None:
        self.claims[claim.redemption_id] = claim
        self.changed_claims[claim.account, claim.redemption_id] = claim

    def _put_transfer(self, transfer: Transfer) -> None:
        self.transfers[transfer.transfer_id] = transfer
        self.changed_transfers[transfer.account, transfer.transfer_id] = transfer

    def _shelve(self, code: StockCode) -> None:
        free = self._free.setdefault(code.lot_id, {})
        if code.taken_by is not None:
            del free[code.place]
            return
        comes_last = not free or next(reversed(free)) < code.place
        free[code.place] = code.code
        if not comes_last:
            self._free[code.lot_id] = dict(sorted(free.items()))


def _owned(row: Owned | None, account: str) -> Owned | None:
    return row if row is not None and row.account == account else None
