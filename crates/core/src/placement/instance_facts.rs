//! The facts of the machines that are placed: what `/metadata/instance` says of each, written where one of them changes.

use bonafide_crypto::thumbprint;
use bonafide_store::{Absence, Index, Table};
use bonafide_types::{ResourceUuid, base64url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of a document's digest in its etag. Source: ours; nobody makes two documents with the same.
const ETAG_BYTES: usize = 16;

/// The facts of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceFacts {
    /// The document of the newest api-version.
    pub document: Value,
    /// The resources beside the workload itself that it was made from, by ARM id in lower case, whether they are there
    /// or not.
    pub sources: Vec<String>,
}

impl InstanceFacts {
    /// A name for this state of the document.
    pub fn etag(&self) -> String {
        let digest = thumbprint::sha256(self.document.to_string().as_bytes());
        base64url::encode(&digest[..ETAG_BYTES])
    }
}

/// Facts by workload: of those that are placed, and of no others.
pub const INSTANCE_FACTS: Table<ResourceUuid, InstanceFacts> =
    Table::indexed("instance-facts", Absence::Withholds, |_, facts, entries| {
        for source in &facts.sources {
            entries.many(&INSTANCE_FACTS_FROM, source);
        }
    });

/// The workloads whose facts were made from a resource.
pub const INSTANCE_FACTS_FROM: Index<String, ResourceUuid> = Index::new("instance-facts-from");
