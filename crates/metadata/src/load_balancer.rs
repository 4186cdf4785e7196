//! `GET /metadata/loadbalancer`: the public addresses of a machine and the rules by which load balancers reach it
//! (docs/wire/instance.md, "Load balancer"). It has one form in all its versions, and no elements of its own.

use crate::azures::version;
use crate::refusal::{DocumentError, Refusal};
use bonafide_wire::Parameters;
use bytes::Bytes;
use serde_json::{Value, json};

/// The path.
pub(crate) const PATH: &str = "/metadata/loadbalancer";
/// The member that it is in, of the document that the control plane gives, and of the answer.
pub(crate) const MEMBER: &str = "loadbalancer";
/// The oldest api-version that has it. Source: "Retrieve load balancer metadata by using IMDS", learn.microsoft.com.
const OLDEST: &str = "2020-10-01";

/// The answer to a request.
pub(crate) fn show(load_balancer: Option<&Value>, query: &str) -> Result<Bytes, Refusal> {
    let parameters = Parameters::parse(query)?;
    if parameters.get("api-version").is_none_or(str::is_empty) {
        return Err(DocumentError::NoApiVersion.into());
    }
    if version(&parameters)? < OLDEST {
        return Err(Refusal::ApiVersion);
    }
    // Azure's cloud provider for Kubernetes says "json".
    let format = parameters.get("format").unwrap_or_default();
    if !format.is_empty() && !format.eq_ignore_ascii_case("json") {
        return Err(DocumentError::LoadBalancerFormat.into());
    }
    let shown = load_balancer.ok_or(DocumentError::NoLoadBalancer)?;
    Ok(json!({ MEMBER: shown }).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_behind_no_load_balancer_is_told_so() {
        let show = |query| show(None, query).unwrap_err();
        assert_eq!(show("api-version=2020-10-01"), DocumentError::NoLoadBalancer.into());
        assert_eq!(show(""), DocumentError::NoApiVersion.into());
        assert_eq!(show("api-version=2020-09-01"), Refusal::ApiVersion);
    }

    #[test]
    fn every_version_from_the_first_on_has_the_same_as_json_and_nothing_else() {
        let told = json!({ "publicIpAddresses": [] });
        for query in ["api-version=2020-10-01", "format=JSON&api-version=2025-04-07", "api-version=2021-05-01&format="]
        {
            assert_eq!(show(Some(&told), query).unwrap(), r#"{"loadbalancer":{"publicIpAddresses":[]}}"#);
        }
        let text = show(Some(&told), "api-version=2020-10-01&format=text");
        assert_eq!(text, Err(DocumentError::LoadBalancerFormat.into()));
    }
}
