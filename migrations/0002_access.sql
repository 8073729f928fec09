-- Sites; who may do what, and where. `store/sqlite/upgrade.rs` fills what SQL cannot: slugs, the audit log's chain.

CREATE TABLE sites (
    id         TEXT PRIMARY KEY,          -- a slug
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Of the camera, or else the device, that it is about, when it was raised; NULL: of no site.
ALTER TABLE alarms ADD COLUMN site TEXT;
CREATE INDEX alarms_of_site ON alarms (site, raised_at DESC, id DESC);

-- Of its alarm, or else its camera or device, when it happened; NULL: of no site.
ALTER TABLE events ADD COLUMN site TEXT;

-- NULL: every site.
ALTER TABLE tokens ADD COLUMN site TEXT;
ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
