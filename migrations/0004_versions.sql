-- Whoever changes a site, a person or an escalation list says which version they saw.

ALTER TABLE sites ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE people ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ladders ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
