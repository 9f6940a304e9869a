-- One ticket for each seat of an order. The second constraint should never be met: a seat that was
-- sold twice does not get a second ticket.
CREATE TABLE tickets (
    order_id uuid NOT NULL,
    seat integer NOT NULL CHECK (seat > 0),
    show_id integer NOT NULL,
    account_id uuid NOT NULL,
    code text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, seat),
    CONSTRAINT one_ticket_for_a_seat UNIQUE (show_id, seat)
);
