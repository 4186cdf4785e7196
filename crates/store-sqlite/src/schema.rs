//! The tables of a store, and the check that a file has these and nothing else: all that is in a schema can do something of
//! its own with each write, and somebody could have put it into a backup.

use rusqlite::{Connection, params};

/// The data format that this program writes, and the newest that it can read. The tables of format 1 were the same, and
/// its values had no MACs.
pub(crate) const FORMAT: i64 = 2;

/// The tables by name, each as SQLite keeps its text. The text is part of the data format.
const TABLES: [(&str, &str); 5] = [
    (
        "meta",
        "CREATE TABLE meta(
        id INTEGER PRIMARY KEY CHECK (id = 1),
        format INTEGER NOT NULL,
        epoch BLOB NOT NULL,
        revision INTEGER NOT NULL,
        compacted INTEGER NOT NULL
    )",
    ),
    // A rowid table: with WITHOUT ROWID, values of 1 KiB made commits two to four times slower.
    (
        "kv",
        "CREATE TABLE kv(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL, value BLOB NOT NULL)",
    ),
    // position = revision * 4096 + n, for the n-th change of a revision: appended, never scattered.
    ("log", "CREATE TABLE log(position INTEGER PRIMARY KEY, key BLOB NOT NULL)"),
    ("commits", "CREATE TABLE commits(id BLOB PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID"),
    (
        "audit",
        "CREATE TABLE audit(number INTEGER PRIMARY KEY, revision INTEGER NOT NULL, record BLOB NOT NULL, hash BLOB NOT NULL)",
    ),
];
/// The table that a backup has besides those of a store, with its text.
pub(crate) const BACKUP_TABLE: (&str, &str) = ("backup", "CREATE TABLE backup(made_at INTEGER NOT NULL)");
/// The index of `kv` by key. SQLite names it, and keeps no text of it.
const INDEX: &str = "sqlite_autoindex_kv_1";

/// Makes the tables of a new store.
pub(crate) fn create(connection: &mut Connection, epoch: [u8; 16]) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    TABLES.iter().try_for_each(|(_, sql)| tx.execute(sql, []).map(drop))?;
    tx.execute("INSERT INTO meta VALUES (1, ?1, ?2, 0, 0)", params![FORMAT, epoch])?;
    tx.commit()
}

/// Makes the format of an older store this one's, so that older programs refuse it by that name from now on.
pub(crate) fn raise_format(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE meta SET format = ?1 WHERE format < ?1", [FORMAT]).map(drop)
}

/// The reason why the schema is not that of a store, or of a backup; `None` when it is.
pub(crate) fn difference(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut select = connection.prepare("SELECT type, name, sql FROM sqlite_schema")?;
    let mut rows = select.query([])?;
    let mut tables = 0;
    while let Some(row) = rows.next()? {
        let (kind, name, sql): (String, String, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_known = match (kind.as_str(), sql.as_deref()) {
            ("table", Some(sql)) if TABLES.contains(&(name.as_str(), sql)) => {
                tables += 1;
                true
            }
            ("table", Some(sql)) => (name.as_str(), sql) == BACKUP_TABLE,
            ("index", None) => name == INDEX,
            _ => false,
        };
        if !is_known {
            return Ok(Some(format!("its {kind} '{name}' is not one of a store")));
        }
    }
    Ok((tables < TABLES.len()).then(|| "a table is missing".to_owned()))
}
