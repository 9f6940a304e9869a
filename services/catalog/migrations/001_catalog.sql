-- What is on, and where: changes when the season does.
CREATE TABLE venues (
    id integer PRIMARY KEY,
    name text NOT NULL,
    city text NOT NULL,
    capacity integer NOT NULL
);

CREATE TABLE shows (
    id integer PRIMARY KEY,
    title text NOT NULL,
    venue_id integer NOT NULL REFERENCES venues,
    starts_at timestamptz NOT NULL,
    price_amount integer NOT NULL,
    price_currency text NOT NULL,
    seats_total integer NOT NULL
);

-- The read model of what orders tells: changes with every order, so by itself, with room on each
-- page for the row's next version.
CREATE TABLE availability (
    show_id integer PRIMARY KEY REFERENCES shows,
    seats_left integer NOT NULL
) WITH (fillfactor = 25);
