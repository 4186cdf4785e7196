//! The certificate by which attested documents are verified, for whoever is shown one (docs/wire/instance.md, "Verifying").

use crate::parts::Parts;
use bonafide_wire::{Answer, Outcome, Reply, Request, Route, Surface, Unserved, path};
use http::{Method, StatusCode};
use std::convert::Infallible;

/// Its path is that of nothing of Azure's: verifiers of Azure's documents have Microsoft's authorities built in.
static ATTESTATION: Route = Route::of_view(Method::GET, "/.well-known/attestation-ca.pem", 0);

/// Tells whether a path is the certificate's.
pub(crate) fn is_published(head: &Request) -> bool {
    path::segments(&head.path).is_ok_and(|segments| segments == [".well-known", "attestation-ca.pem"])
}

/// The surface of all that the installation publishes of itself.
pub(crate) struct Published<'a> {
    pub(crate) parts: &'a Parts,
}

impl Surface for Published<'_> {
    type Need = Infallible;

    fn routes() -> Vec<&'static Route> {
        vec![&ATTESTATION]
    }

    fn handle(&self, request: &Request) -> Outcome<Infallible> {
        if request.method != Method::GET {
            return Outcome::Answer(Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET").into());
        }
        let pem = self.parts.attestation.trust_anchor_pem();
        Outcome::Answer(Reply::bytes(StatusCode::OK, "application/x-pem-file", pem).into())
    }

    fn refuse(&self, _head: &Request, why: Unserved) -> Answer {
        Reply::empty(why.status()).into()
    }
}
