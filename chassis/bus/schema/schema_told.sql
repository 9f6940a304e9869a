-- What was told stays for a day: a restore begins with an empty Kafka, and tells it again.
ALTER TABLE outbox ADD COLUMN told_at timestamptz;
CREATE INDEX outbox_untold ON outbox (position) WHERE told_at IS NULL;
CREATE INDEX outbox_told ON outbox (told_at) WHERE told_at IS NOT NULL;
