-- What histories and the cockpit ask for, as columns. Times within an alarm come from its timeline.

ALTER TABLE cameras ADD COLUMN building TEXT;
ALTER TABLE devices ADD COLUMN building TEXT;

ALTER TABLE alarms ADD COLUMN kind TEXT NOT NULL DEFAULT 'ebike_in_lift';
ALTER TABLE alarms ADD COLUMN device TEXT;
ALTER TABLE alarms ADD COLUMN building TEXT;        -- of its camera or device, when it was raised
ALTER TABLE alarms ADD COLUMN captured_at INTEGER;
ALTER TABLE alarms ADD COLUMN held_at INTEGER;      -- a lift first reported that it stays
ALTER TABLE alarms ADD COLUMN acted_at INTEGER;     -- a person first acted on it

UPDATE alarms SET
    kind = coalesce(json_extract(body, '$.kind'), kind),
    device = json_extract(body, '$.device'),
    captured_at = (SELECT min(json_extract(value, '$.at')) FROM json_each(body, '$.timeline')
                   WHERE json_extract(value, '$.name') = 'captured'),
    held_at = (SELECT min(json_extract(value, '$.at')) FROM json_each(body, '$.timeline')
               WHERE json_extract(value, '$.name') = 'holding'),
    acted_at = (SELECT min(json_extract(value, '$.at')) FROM json_each(body, '$.timeline')
                WHERE json_extract(value, '$.name') IN ('acknowledged', 'resolved', 'false_alarm'));

CREATE INDEX alarms_of_kind ON alarms (kind, raised_at DESC, id DESC);

CREATE INDEX events_of_uptime ON events (kind, seq) WHERE kind IN ('camera.phase', 'device.state', 'server.started');

-- Each site's escalation list; the server's own when a site has none here.
CREATE TABLE ladders (
    site       TEXT PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    steps      TEXT NOT NULL,                       -- JSON
    updated_at INTEGER NOT NULL
) STRICT;
