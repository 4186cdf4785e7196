//! The tables without whose rows somebody could do more than they may. Nothing starts while one of those rows is damaged.

use crate::installation::INSTALLATION;
use bonafide_core::access::locks::LOCKS;
use bonafide_core::directory::{LIFETIME_POLICY_OF, TOKEN_LIFETIME_POLICIES};
use bonafide_core::keys::INSTALLATION_SECRETS;
use bonafide_core::lifecycle::DEFERRED;
use bonafide_management::operations::OPERATIONS;
use bonafide_store::{Declaration, Store, StoreError};

/// All tables that declare `Absence::Allows`.
const FORBIDDING: [Declaration; 8] = [
    INSTALLATION.declaration(),
    INSTALLATION_SECRETS.declaration(),
    LOCKS.declaration(),
    TOKEN_LIFETIME_POLICIES.declaration(),
    LIFETIME_POLICY_OF.declaration(),
    DEFERRED[0],
    DEFERRED[1],
    OPERATIONS.declaration(),
];

/// Reads them all. The error names a row that is damaged.
pub(crate) fn check(store: &Store) -> Result<(), StoreError> {
    store.check(&FORBIDDING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Names of the tables that declare it in the sources of a folder, tests left out.
    fn declared(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !["tests", "conformance", "target"].contains(&name) {
                declared(&path, found);
            } else if name.ends_with(".rs") {
                let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
                for start in ["Table::new(\"", "Table::indexed(\""] {
                    for declaration in text.split(start).skip(1) {
                        let (table, rest) = declaration.split_once('"').unwrap();
                        if rest.starts_with(",Absence::Allows") {
                            found.insert(table.to_owned());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn du_05_no_table_that_forbids_is_left_out() {
        let mut found = BTreeSet::new();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        declared(crates, &mut found);
        let listed: BTreeSet<String> = FORBIDDING.iter().map(|table| table.name.to_owned()).collect();
        assert_eq!(found, listed);
    }
}
