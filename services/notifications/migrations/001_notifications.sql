-- What each subscriber does with an order's events. The keys make a second copy impossible.
CREATE TABLE email_outbox (
    order_id uuid NOT NULL,
    kind text NOT NULL,
    account_id uuid NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind)
);

CREATE TABLE text_outbox (
    order_id uuid NOT NULL,
    kind text NOT NULL,
    account_id uuid NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind)
);

-- Revenue in minor units (cents), of confirmed orders.
CREATE TABLE statistics (
    show_id integer PRIMARY KEY,
    placed bigint NOT NULL,
    confirmed bigint NOT NULL,
    declined bigint NOT NULL,
    revenue bigint NOT NULL,
    currency text NOT NULL
);
