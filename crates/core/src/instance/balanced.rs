//! `loadbalancer`: the public addresses of a machine, and the rules by which load balancers reach it.

use serde_json::{Value, json};

/// An address at which others see a machine, and the machine's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) frontend: String,
    pub(crate) private: String,
}

/// A way into a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inbound {
    pub(crate) at: Mapped,
    /// In lower case.
    pub(crate) protocol: String,
    pub(crate) frontend_port: u64,
    pub(crate) backend_port: u64,
}

/// The work of load balancers for a machine.
#[derive(Debug, Default)]
pub(crate) struct Balanced {
    pub(crate) public: Vec<Mapped>,
    pub(crate) inbound: Vec<Inbound>,
    pub(crate) outbound: Vec<Mapped>,
    /// True where the machine is behind one, even one without a rule.
    pub(crate) is_behind: bool,
}

impl Balanced {
    /// The member `loadbalancer`, where there is anything to tell. Ports are numbers. Source: "Retrieve load balancer metadata
    /// using Azure Instance Metadata Service", learn.microsoft.com.
    pub(super) fn show(&self) -> Option<Value> {
        if !self.is_behind && self.public.is_empty() {
            return None;
        }
        let pair = |at: &Mapped| json!({ "frontendIpAddress": at.frontend, "privateIpAddress": at.private });
        let rule = |rule: &Inbound| {
            json!({
                "frontendIpAddress": rule.at.frontend,
                "protocol": rule.protocol,
                "frontendPort": rule.frontend_port,
                "backendPort": rule.backend_port,
                "privateIpAddress": rule.at.private,
            })
        };
        Some(json!({
            "publicIpAddresses": self.public.iter().map(pair).collect::<Vec<_>>(),
            "inboundRules": self.inbound.iter().map(rule).collect::<Vec<_>>(),
            "outboundRules": self.outbound.iter().map(pair).collect::<Vec<_>>(),
        }))
    }
}
