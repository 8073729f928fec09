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

CREATE TABLE people (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL UNIQUE,      -- the name in lower case: what a log-in is compared with
    password   TEXT NOT NULL,             -- Argon2id, PHC form
    grants     TEXT NOT NULL,             -- JSON [{"role": …, "site": … or null}, …]
    disabled   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER                    -- to the minute
) STRICT;

CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,          -- SHA-256 of a 256-bit random secret
    person     TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_used  INTEGER NOT NULL           -- to the minute
) STRICT;
CREATE INDEX sessions_of_person ON sessions (person, created_at);

-- Each line's hash covers the line and the hash of the line before it: `access/chain.rs`.
ALTER TABLE audit ADD COLUMN hash BLOB NOT NULL DEFAULT x'';

-- The newest line that was pruned: where the chain of those that are left begins. One row at most.
CREATE TABLE audit_anchor (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    id   INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
