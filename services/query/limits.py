"""The limits of the API, in one place; reaching one is an answer with a code of its own."""

from shared.events.topics import MIB, RECORD_BYTES_MAX

BODY_BYTES_MAX = MIB
"""Largest request body, of everything but `POST /events`."""
EVENTS_BYTES_MAX = 8 * MIB
"""Largest body of `POST /events`: 1,000 purchases of 9 lines are some 1.7 MiB."""
EVENTS_MAX = 1_000
EVENT_BYTES_MAX = RECORD_BYTES_MAX - 4 * 1024
"""Largest event in normal form: with its account it must still fit one record of activity."""

PAGE_DEFAULT = 50
PAGE_MAX = 500
"""Rows of one page of entries, lots or expiries."""
CURSOR_LENGTH_MAX = 64
ERRORS_TOLD_MAX = 20
FOUND_LENGTH_MAX = 200

CONNECTIONS_MAX = 8
QUERY_SECONDS = 5.0
"""How long a read may take, waiting for a connection included."""
ACK_SECONDS = 5.0
"""How long Kafka may take to acknowledge; infra measured restarts after `kill -9` of 2 to 4 s."""
READY_SECONDS = 2.0
CATCH_UP_SECONDS = 2.0
"""How long a read waits for the projection to reach a token."""
WAITERS_MAX = 20_000
"""Requests that may wait for a decision, or for a token, at the same time."""
UNACKNOWLEDGED_MAX = 50_000
"""Records that may wait for their acknowledgement; at some 2 KiB each that is 100 MiB."""

LOOK_SECONDS = 0.05
"""How often waiting requests are looked up although no hint came: a NOTIFY can be lost."""
LOOK_CAUSES_MAX = 5_000
"""Waiting requests of one look-up statement."""
RETRY_SECONDS = 0.5
"""Pause before a connection is tried again."""
START_SECONDS = 10.0
"""How long a new connection may take before it is tried anew."""
CLOSE_SECONDS = 1.0
"""How long a lost connection may take to close."""
PROGRAMS_SECONDS = 0.02
"""How often it is looked whether newly published programs have arrived: a look takes 30 µs."""
RETRY_AFTER_SECONDS = 1
"""What a caller is told to wait after 202 and 503."""
TOTALS_SECONDS = 15.0
"""Metrics that cost a scan of all accounts are at most this old."""
STOP_SECONDS = 15
"""How long requests under way may take after the process was told to stop."""
