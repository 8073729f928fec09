//! What a change of the schema needs beyond SQL, for the rows that were there before it.

use rusqlite::{Connection, params};

use super::{audit, ladders};
use crate::{base::SiteId, store::StoreError};

/// Completes migration number `number`, within its transaction.
pub(super) fn after(number: usize, db: &Connection) -> Result<(), StoreError> {
    match number {
        2 => sites(db).and_then(|()| audit::chain_all(db)),
        5 => ladders::reschedule_all(db),
        _ => Ok(()),
    }
}

/// Sites were free texts: each becomes a slug, with the first text it came from as its name.
fn sites(db: &Connection) -> Result<(), StoreError> {
    for table in ["cameras", "devices"] {
        let mut statement = db.prepare(&format!(
            "SELECT site, min(created_at) FROM {table} WHERE site IS NOT NULL GROUP BY site ORDER BY 2, 1"
        ))?;
        let texts: Vec<(String, i64)> =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        for (text, at) in texts {
            let slug = SiteId::slug_of(&text);
            let slug = slug.as_ref().map(SiteId::as_str);
            db.execute(&format!("UPDATE {table} SET site = ?2 WHERE site = ?1"), params![text, slug])?;
            if slug.is_some() {
                db.execute(
                    "INSERT OR IGNORE INTO sites (id, name, created_at) VALUES (?1, ?2, ?3)",
                    params![slug, text.trim(), at],
                )?;
            }
        }
    }
    db.execute_batch(
        "UPDATE alarms SET site = CASE WHEN camera IS NULL
             THEN (SELECT site FROM devices WHERE devices.id = json_extract(alarms.body, '$.device'))
             ELSE (SELECT site FROM cameras WHERE cameras.id = alarms.camera) END;
         UPDATE events SET site = CASE WHEN alarm IN (SELECT id FROM alarms)
             THEN (SELECT site FROM alarms WHERE alarms.id = events.alarm) WHEN camera IS NULL
             THEN (SELECT site FROM devices WHERE devices.id = events.device)
             ELSE (SELECT site FROM cameras WHERE cameras.id = events.camera) END;",
    )?;
    Ok(())
}
