-- The two tables that make "at least once" have its effect exactly once.

-- What this service has decided and must tell: written in the effect's own transaction.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL
);

-- Which events have had their effect here: written in the effect's own transaction.
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_age ON inbox (received_at);

-- Who may do what only one instance at a time does. A lease runs out by itself, so a process that
-- is killed, paused or cut off is replaced; the term tells its late words from its successor's.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    term bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
