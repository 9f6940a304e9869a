-- A seat is a row; its primary key is why it cannot be sold twice: one row has one order.
CREATE TABLE shows (
    id integer PRIMARY KEY,
    seats_total integer NOT NULL CHECK (seats_total > 0)
);

CREATE TABLE orders (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    show_id integer NOT NULL REFERENCES shows,
    seats integer[] NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'confirmed', 'declined')),
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz
);
CREATE INDEX orders_by_account ON orders (account_id, created_at DESC, id DESC);
CREATE INDEX orders_pending ON orders (created_at) WHERE status = 'pending';

-- (No foreign key to shows: checking it 620,000 times is half of the first start.)
CREATE TABLE seats (
    show_id integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    order_id uuid REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (show_id, number)
);
CREATE INDEX seats_free ON seats (show_id, number) WHERE order_id IS NULL;
CREATE INDEX seats_by_order ON seats (order_id) WHERE order_id IS NOT NULL;

-- A key belongs to an account, and to the one request it came with first.
CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    order_id uuid NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
