-- When the next step of its site's escalation list falls due, as things stand; NULL: never. `store/sqlite/ladders.rs`.
ALTER TABLE alarms ADD COLUMN escalates_at INTEGER;
CREATE INDEX alarms_to_escalate ON alarms (escalates_at) WHERE closed = 0;
