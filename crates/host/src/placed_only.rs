//! Workloads on a machine whose control plane is elsewhere: those that are placed here, and no others.

use crate::agent::AgentRuntime;
use crate::placer::Placer;
use bonafide_types::{ResourceId, ResourceUuid, enumerate_some};
use bonafide_wire::hosts::Workload;
use std::sync::Arc;

/// Knows the workloads that are placed on this host, and places none: that takes an operator's rights, which a host has not.
pub struct PlacedOnly(Arc<AgentRuntime>);

impl PlacedOnly {
    /// Those of this agent.
    pub fn of(agent: Arc<AgentRuntime>) -> Self {
        Self(agent)
    }
}

impl Placer for PlacedOnly {
    fn resolve(&self, wanted: &str) -> Result<ResourceUuid, String> {
        let id = ResourceId::parse(wanted).ok();
        let is_meant = |workload: &Workload| match &id {
            Some(id) => workload.resource_id == *id,
            None => workload.resource_id.is_named(wanted),
        };
        let found: Vec<Workload> = self.0.core.workloads().into_iter().filter(is_meant).collect();
        match found.as_slice() {
            [one] => Ok(one.id),
            [] => Err(match self.0.wants_decision() {
                Some(decision) => decision.to_owned(),
                None => format!(
                    "'{wanted}' is not placed on this host; whoever may write it places it: \
                     bonafide host place --workload ID --host NAME; {}",
                    self.choice()
                ),
            }),
            several => {
                let ids = enumerate_some(several.iter().map(|workload| &workload.resource_id));
                Err(format!("several workloads here have that name; give the whole id of one: {ids}"))
            }
        }
    }

    fn choice(&self) -> String {
        match self.0.core.workloads().as_slice() {
            [] => "no workload is placed here yet".to_owned(),
            here => {
                format!("placed here are: {}", enumerate_some(here.iter().map(|workload| workload.resource_id.name())))
            }
        }
    }

    fn place(&self, workload: ResourceUuid) -> Result<bool, String> {
        match self.0.core.workloads().iter().any(|here| here.id == workload) {
            true => Ok(false),
            false => {
                Err("it is not placed on this host any more: bonafide host place --workload ID --host NAME".to_owned())
            }
        }
    }

    fn take_away(&self, _workload: ResourceUuid) -> Result<(), String> {
        Ok(())
    }
}
