//! Decisions about hosts, which are an operator's and not the agent's: the control socket passes the orders on.

use bonafide_types::HostId;
use serde::{Deserialize, Serialize};

/// An order about hosts. A host is named by its name or id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostOrder {
    /// Tell which there are.
    List,
    /// Let one join again that is disabled or frozen.
    Enable(String),
    /// Refuse one whatever it asks.
    Disable(String),
}

/// A host, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostLine {
    /// Its id.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: HostState,
    /// From when on it is frozen.
    pub since: Option<String>,
    /// When a certificate was issued to it last.
    pub certificate_issued_at: Option<String>,
}

/// The state of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostState {
    /// It may ask for anything.
    Enabled,
    /// An operator disabled it.
    Disabled,
    /// Two hosts used its certificates, and no operator has decided.
    Frozen,
}

/// Carries orders about hosts out, with the rights of the operator. It may wait; a refusal is text for the person who
/// gave the order.
pub trait HostDecisions: Send + Sync + 'static {
    /// The hosts that the order was about, as they are now.
    fn obey(&self, order: &HostOrder) -> Result<Vec<HostLine>, String>;
}
