//! `GET /metadata/loadbalancer`. No load balancer sends anything to a machine here, so there is nothing to tell of it, and
//! the answer is Azure's for a machine behind none (docs/wire/instance.md, "Load balancer").

use crate::azures::version;
use crate::dialect::Asked;
use crate::refusal::{DocumentError, Refusal};
use bonafide_wire::{Parameters, Reply};

/// The path.
pub(crate) const PATH: &str = "/metadata/loadbalancer";
/// The oldest api-version that has it. Source: "Retrieve load balancer metadata by using IMDS", learn.microsoft.com.
const OLDEST: &str = "2020-10-01";

/// The refusal that a request deserves.
pub(crate) fn show(asked: &Asked<'_>) -> Result<Reply, Refusal> {
    let parameters = Parameters::parse(asked.query)?;
    if parameters.get("api-version").is_none_or(str::is_empty) {
        return Err(DocumentError::NoApiVersion.into());
    }
    if version(&parameters)? < OLDEST {
        return Err(Refusal::ApiVersion);
    }
    Err(DocumentError::NoLoadBalancer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_behind_no_load_balancer_is_told_so() {
        let show = |query| show(&Asked { workload: None, query, body: b"" }).unwrap_err();
        assert_eq!(show("api-version=2020-10-01"), DocumentError::NoLoadBalancer.into());
        assert_eq!(show(""), DocumentError::NoApiVersion.into());
        assert_eq!(show("api-version=2020-09-01"), Refusal::ApiVersion);
    }
}
