//! Azure's own of its metadata service: its versions, and the name of its server.

use crate::refusal::Refusal;
use bonafide_wire::{Parameters, Reply};
use http::header::{HeaderValue, SERVER};

/// MSAL.NET refuses answers whose `Server` does not name IMDS; the number is one that Azure sends.
const SERVER_NAME: HeaderValue = HeaderValue::from_static("IMDS/150.870.65.512");
/// Every api-version of Azure's metadata service, oldest first ("Azure Instance Metadata Service",
/// learn.microsoft.com, section "Supported API versions").
#[rustfmt::skip]
pub(crate) const VERSIONS: [&str; 35] = [
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02",
    "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01",
    "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
    "2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01",
    "2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
];

/// The same reply as IMDS sends it.
pub(crate) fn signed(mut reply: Reply) -> Reply {
    reply.headers.insert(SERVER, SERVER_NAME);
    reply
}

/// The version that a request for anything but a token names: one of those that Azure has.
pub(crate) fn version(parameters: &Parameters) -> Result<&'static str, Refusal> {
    let asked = parameters.get("api-version");
    VERSIONS.into_iter().find(|version| asked == Some(version)).ok_or(Refusal::ApiVersion)
}
