-- What was told stays for a day: a restore begins with an empty Kafka, and tells it again.
ALTER TABLE outbox ADD COLUMN told_at timestamptz;
CREATE INDEX outbox_untold ON outbox (position) WHERE told_at IS NULL;
CREATE INDEX outbox_told ON outbox (told_at) WHERE told_at IS NOT NULL;
-- Each row is marked once and removed once; the relay's query passes what is dead of it, so not much is.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
