//! The bindings of an agent, with what is wrong with the file that says what is to be attached.

use crate::bindings::BindingLine;
use serde::{Deserialize, Serialize};

/// All that is attached on a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedBindings {
    /// The bindings.
    pub bindings: Vec<BindingLine>,
    /// Sentences about the configuration: why it is not followed, or which of its bindings are not possible.
    pub notes: Vec<String>,
}
