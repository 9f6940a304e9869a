CREATE TABLE accounts (
    id              uuid PRIMARY KEY,
    email           text NOT NULL UNIQUE,  -- normalised: one person's spellings are one account
    password_hash   text NOT NULL,         -- argon2id, with its parameters and salt
    idempotency_key text,                  -- of the request that made the account
    created_at      timestamptz NOT NULL DEFAULT now()
);
