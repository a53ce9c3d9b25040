"""Reading an account: every answer is one statement, so one snapshot, and carries its token.

Guarantees: never older than the token that the caller sends back, nor than what this process has
answered before; else it waits, and then says so. A token that the ledger cannot have given out is
the caller's mistake. What dates have brought about is computed here, at
read time, with the numbers of `shared.ledger.reading`, sweep or no sweep.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.query.arrivals import Arrivals
from services.query.connections import Database, Lifeline
from services.query.limits import CATCH_UP_SECONDS, READY_SECONDS
from services.query.problems import Code, Problem
from services.query.tokens import Served, Token
from shared.events.topics import LEDGER
from shared.stream.kafka import KafkaLog
from shared.stream.log import LogUnavailable, Place
from shared.stream.records import partition_of_account

# Arguments of every statement: $1 account, $2 partition, $3 the clock. The instant of an answer is
# the clock's, but never before the account's last fact: another machine's clock may be ahead.
FROM = """
FROM redeem.stream_position p
LEFT JOIN redeem.account a ON a.key = $1
CROSS JOIN LATERAL (SELECT greatest($3::timestamptz, a.last_at) AS as_of) at
"""
WHERE = f"WHERE p.topic = '{LEDGER.name}' AND p.partition = $2"
_UNSETTLED = "EXISTS (SELECT FROM redeem.debit WHERE account = $1 AND settles_at <= at.as_of)"
"""Whether a hold has lapsed or a write-off is due: then `settling` says what the account holds."""
_OPEN = "account = $1 AND free > 0 AND (expires_at IS NULL OR expires_at > at.as_of)"
_INTO = "CASE WHEN a.status = 'closed' THEN a.merged_into END AS merged_into"
"""The account that has everything of this one, once nothing is left in it."""

BALANCES = f"""
SELECT p.seq AS position, at.as_of, a.version, {_UNSETTLED} AS unsettled,
  l.available, l.pending, a.held, a.due AS deficit,
  a.earned, a.redeemed, a.expired + a.free - l.available - l.pending AS expired,
  a.clawed_back, a.written_off, a.added, a.deducted, a.received, a.sent,
  {_INTO}, l.next_at, l.next_points
{FROM}
CROSS JOIN LATERAL (
  SELECT coalesce(sum(active), 0)::bigint AS available,
    coalesce(sum(pending), 0)::bigint AS pending, min(expires_at) AS next_at,
    (array_agg(active + pending ORDER BY expires_at))[1] AS next_points
  FROM (
    SELECT expires_at,
      coalesce(sum(free) FILTER (WHERE active_from <= at.as_of), 0)::bigint AS active,
      coalesce(sum(free) FILTER (WHERE active_from > at.as_of), 0)::bigint AS pending
    FROM redeem.lot WHERE {_OPEN} GROUP BY expires_at
  ) by_date
) l
{WHERE}
"""  # noqa: S608

ENTRIES = f"""
SELECT p.seq AS position, at.as_of, a.version, e.entry, e.type, e.decided_at, e.points, e.balance,
  e.cause, e.fact
{FROM}
LEFT JOIN LATERAL (
  SELECT version AS entry, type, decided_at, points, balance, cause, fact
  FROM redeem.decision WHERE account = $1 AND version < $4 ORDER BY version DESC LIMIT $5
) e ON true
{WHERE}
ORDER BY e.entry DESC
"""  # noqa: S608
"""$4: entries before this version; $5: how many."""

LOTS = f"""
SELECT p.seq AS position, at.as_of, a.version, {_UNSETTLED} AS unsettled, l.*
{FROM}
LEFT JOIN LATERAL (
  SELECT lot_id, brand, receipt_id, original, free, used, expired, clawed, occurred_at, active_from,
    expires_at, sliding, awaits, "order"
  FROM redeem.lot
  WHERE {_OPEN} AND (coalesce(expires_at, '9999-01-01Z'), "order", lot_id)
    > ($4::timestamptz, $5::bigint, $6::uuid)
  ORDER BY coalesce(expires_at, '9999-01-01Z'), "order", lot_id LIMIT $7
) l ON true
{WHERE}
ORDER BY coalesce(l.expires_at, '9999-01-01Z'), l."order", l.lot_id
"""  # noqa: S608
"""$4, $5, $6: lots after this date, order and id; $7: how many."""

EXPIRIES = f"""
SELECT p.seq AS position, at.as_of, a.version, {_UNSETTLED} AS unsettled, l.expires_at,
  l.points, l.pending, l.total
{FROM}
LEFT JOIN LATERAL (
  SELECT * FROM (
    SELECT expires_at, sum(free)::bigint AS points,
      coalesce(sum(free) FILTER (WHERE active_from > at.as_of), 0)::bigint AS pending,
      (sum(sum(free)) OVER (ORDER BY expires_at))::bigint AS total
    FROM redeem.lot WHERE {_OPEN} AND expires_at IS NOT NULL GROUP BY expires_at
  ) by_date
  WHERE expires_at > $4::timestamptz ORDER BY expires_at LIMIT $5
) l ON true
{WHERE}
ORDER BY l.expires_at
"""  # noqa: S608
"""$4: dates after this one; $5: how many."""

RECEIPTS = f"""
SELECT p.seq AS position, at.as_of, a.version, e.*
{FROM}
LEFT JOIN LATERAL (
  SELECT wanted.receipt, d.type, d.fact, r.waiting, r.assessed, l.*
  FROM unnest($4::uuid[]) AS wanted (receipt)
  LEFT JOIN earn.decision d ON d.cause = wanted.receipt AND d.account = $1
  LEFT JOIN earn.receipt r ON r.receipt = wanted.receipt AND r.account = $1
  LEFT JOIN LATERAL (
    SELECT sum(original)::bigint AS original, sum(free)::bigint AS free,
      sum(used)::bigint AS used, sum(expired)::bigint AS expired, sum(clawed)::bigint AS clawed
    FROM redeem.lot
    WHERE lot_id = wanted.receipt OR lot_id IN (
      SELECT (part ->> 'lot_id')::uuid FROM json_array_elements(d.fact::json -> 'parts') part
    )
  ) l ON true
  WHERE d.cause IS NOT NULL OR r.receipt IS NOT NULL
) e ON true
{WHERE}
"""  # noqa: S608
"""$4: the receipts' ids in each brand that they may be of."""

DECISION = f"""
SELECT p.seq AS position, at.as_of, a.version, p.inputs,
  d.cause, d.account, d.seq, d.type, d.body, d.decided_at, d.balance, d.fact
{FROM}
LEFT JOIN redeem.decision d ON d.cause = $4 AND d.account = $1
{WHERE}
"""
"""$4: the decision's cause: the request's id."""


HOLDS = f"""
SELECT p.seq AS position, at.as_of, a.version, h.*
{FROM}
LEFT JOIN LATERAL (
  SELECT debit_id, original, amount, value_minor, money, state, made_at, lapses_at, "order"
  FROM redeem.debit
  WHERE account = $1 AND state = 'open' AND lapses_at > at.as_of
  UNION ALL
  SELECT debit_id, original, amount, value_minor, money, state, made_at, lapses_at, "order"
  FROM redeem.debit
  WHERE debit_id = $4 AND account = $1 AND state IS NOT NULL
    AND NOT (state = 'open' AND lapses_at > at.as_of)
) h ON $4::uuid IS NULL OR h.debit_id = $4
{WHERE}
ORDER BY h."order"
"""  # noqa: S608
"""$4: one hold, in whatever state; null: the open ones, oldest first."""


_CLAIM = """
SELECT redemption_id, reward, state, points, brand, code, program_version, reason, made_at,
  changed_at, "order"
FROM redeem.claim WHERE account = $1 AND state <> 'moved'
"""

CLAIM = f"""
SELECT p.seq AS position, at.as_of, a.version, {_INTO}, c.*
{FROM}
LEFT JOIN LATERAL ({_CLAIM} AND redemption_id = $4) c ON true
{WHERE}
"""
"""$4: the redeemed reward."""

CLAIMS = f"""
SELECT p.seq AS position, at.as_of, a.version, c.*
{FROM}
LEFT JOIN LATERAL (
  {_CLAIM} AND ("order", redemption_id) < ($4::bigint, $5::uuid)
  ORDER BY "order" DESC, redemption_id DESC LIMIT $6
) c ON true
{WHERE}
ORDER BY c."order" DESC, c.redemption_id DESC
"""
"""$4, $5: those before this order and id, which two of them never share; $6: how many."""

TRANSFER = f"""
SELECT p.seq AS position, at.as_of, a.version, {_INTO}, t.*
{FROM}
LEFT JOIN LATERAL (
  SELECT transfer_id, "to", state, points, reason, made_at, changed_at
  FROM redeem.transfer WHERE account = $1 AND state <> 'moved' AND transfer_id = $4
) t ON true
{WHERE}
"""  # noqa: S608
"""$4: the transfer."""

MERGE = f"""
SELECT p.seq AS position, at.as_of, a.version, {_INTO}, m.*
{FROM}
LEFT JOIN LATERAL (
  SELECT parcel_id AS merge_id, "to", reason, made_at, changed_at, NULL::bigint AS points,
    CASE WHEN EXISTS (
      SELECT FROM redeem.parcel part WHERE account = $1 AND kind = 'part' AND state = 'open'
    ) THEN 'open' ELSE state END AS state
  FROM redeem.parcel WHERE account = $1 AND kind = 'merge' AND parcel_id = $4
) m ON true
{WHERE}
"""  # noqa: S608
"""$4: the merge."""


class Snapshot(NamedTuple):
    """Rows of one statement, and where the projection stood; no rows: nothing is folded yet."""

    token: Token
    rows: Sequence[Any]

    @property
    def is_open(self) -> bool:
        """Whether the account has had its first fact."""
        return bool(self.rows) and self.rows[0]["version"] is not None


class Reader:
    """Reads of one account."""

    def __init__(
        self, database: Database, arrivals: Arrivals, log: Lifeline[KafkaLog], partitions: int
    ) -> None:
        self.served = Served()
        self._log = log
        self._database = database
        self._arrivals = arrivals
        self._partitions = partitions

    async def read(
        self, statement: str, account: str, *arguments: object, tokens: Sequence[Token] = ()
    ) -> Snapshot:
        """One snapshot, not older than any of the tokens. Raises Problem, StoreUnavailable."""
        partition = partition_of_account(account, self._partitions)
        snapshot = await self._read(statement, account, partition, arguments)
        named = [token.position for token in tokens if token.partition == partition]
        least = max(named, default=0)
        if snapshot.token.position < least:
            await self._check_given_out(Token(partition, least))
        least = max(least, self.served.at(partition))
        if snapshot.token.position < least:
            wanted = Token(partition, least)
            if await self._arrivals.reached(wanted, CATCH_UP_SECONDS):
                snapshot = await self._read(statement, account, partition, arguments)
            if snapshot.token.position < least:
                raise Problem(
                    Code.NOT_CAUGHT_UP, position=snapshot.token.position, token=str(wanted)
                )
        self.served.note(snapshot.token)
        return snapshot

    async def _check_given_out(self, token: Token) -> None:
        """Raises `token_malformed` for a position that the log is known not to have reached."""
        log = self._log.made
        place = Place(LEDGER.name, token.partition)
        if log is None:
            return
        try:
            async with asyncio.timeout(READY_SECONDS):
                end = (await log.bounds([place]))[place].end
        except (LogUnavailable, TimeoutError):
            return
        if token.position > end:
            raise Problem(Code.TOKEN_MALFORMED, f"the ledger has no position {token} yet")

    async def _read(
        self, statement: str, account: str, partition: int, arguments: Sequence[object]
    ) -> Snapshot:
        rows = await self._database.fetch(
            statement, account, partition, datetime.now(UTC), *arguments
        )
        return Snapshot(Token(partition, rows[0]["position"] if rows else 0), rows)
