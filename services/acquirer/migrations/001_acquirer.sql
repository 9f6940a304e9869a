-- The ledger: one line a key, whoever sends it, however often, to whichever instance.
CREATE TABLE charges (
    key text PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    reference text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    card text NOT NULL,
    status text NOT NULL CHECK (status IN ('captured', 'declined')),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- How the acquirer behaves, for all its instances: one row, made by the first who turns a knob.
CREATE TABLE knobs (
    id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    latency_ms integer NOT NULL,
    jitter_ms integer NOT NULL,
    error_rate double precision NOT NULL,
    hang_rate double precision NOT NULL
);
