-- restore.sh runs this in each database of a backup, before any service is there: Kafka begins empty.
-- What was told is told again, and the inboxes let through what had no effect yet. Their marks count
-- from now on, lest those of an old backup be forgotten before that. Of a backup from before there was a
-- `told_at` nothing can be told again.

-- No standby is there to wait for; the others begin as copies of this.
SET synchronous_commit = local;

DO $$ BEGIN
  IF EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'outbox' AND column_name = 'told_at') THEN
    UPDATE outbox SET told_at = NULL WHERE told_at IS NOT NULL;
  END IF;
  IF EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'inbox') THEN
    UPDATE inbox SET received_at = now();
  END IF;
END $$;
