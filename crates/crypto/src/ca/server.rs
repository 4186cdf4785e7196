//! The authority for the names of our own servers, constrained so that trusting it is harmless.
//!
//! Clients trust a root above it whose private key is gone. Some of them (Java) enforce no constraint of a certificate
//! that they trust, but all enforce those of an authority below it.

use super::authority::{Authority, CaError, is_issued_by};
use super::names::{IpSubnet, ServerName, is_dns_name, is_within, reaches_microsoft};
use crate::p256::P256Key;
use crate::validity::Validity;
use crate::{Certificate, pem, x509};
use bonafide_types::{Lifetime, Secret};
use rcgen::{CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, PublicKeyData, SanType};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The names that a new authority may certify, and its lifetime.
#[derive(Debug, Clone, Copy)]
pub struct ServerCaSpec<'a> {
    /// The name that people see in their trust stores; eight random digits are added.
    pub common_name: &'a str,
    /// DNS names that it may certify, with all names below them. With none, it may certify no DNS name.
    pub permitted_dns: &'a [&'a str],
    /// Addresses that it may certify. With none, it may certify no address.
    pub permitted_ip: &'a [IpSubnet],
    /// The lifetime, in seconds.
    pub lifetime_seconds: u64,
}

/// The authority that signs the certificates of our own servers. None of Microsoft's names can be among what it may certify:
/// those are for an authority of their own, which only who wants them trusts.
pub struct ServerCa {
    authority: Authority,
    /// The root above it. An authority of the time before there were roots has none, and is trusted itself.
    root: Option<Certificate>,
    permitted_dns: Vec<String>,
    permitted_ip: Vec<IpSubnet>,
}

/// A server's certificate with its private key.
pub struct ServerCertificate {
    /// The certificates to present (DER), the server's own first; the one that clients trust is not among them.
    pub chain_der: Vec<Vec<u8>>,
    /// The private key (PKCS #8 DER).
    pub private_key: Secret<Vec<u8>>,
    /// Its life.
    pub lifetime: Lifetime,
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl ServerCa {
    /// Makes a new authority, below a root that never signs anything else.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn create(spec: &ServerCaSpec<'_>, now_seconds: u64) -> Result<Self, CaError> {
        let permitted_dns: Vec<String> = spec.permitted_dns.iter().map(|name| name.to_ascii_lowercase()).collect();
        if let Some(wrong) = permitted_dns.iter().find(|name| !is_dns_name(name) || reaches_microsoft(name)) {
            return Err(CaError::ForbiddenName(wrong.clone()));
        }
        let constraints = constraints(&permitted_dns, spec.permitted_ip);
        let (authority, root) = Authority::create_below_root(
            spec.common_name,
            ExtendedKeyUsagePurpose::ServerAuth,
            Validity::lasting(now_seconds, spec.lifetime_seconds),
            |params| params.name_constraints = Some(constraints.clone()),
        )?;
        Ok(Self { authority, root: Some(root), permitted_dns, permitted_ip: spec.permitted_ip.to_vec() })
    }

    /// Reads an authority back, with its root if it has one; its constraints come from its certificate.
    ///
    /// # Errors
    /// [`CaError::Certificate`] also where the certificate has no name constraints or permits a name of Microsoft's, or is not
    /// of this root.
    pub fn load(pkcs8: &Secret<Vec<u8>>, certificate_der: &[u8], root_der: Option<&[u8]>) -> Result<Self, CaError> {
        let authority = Authority::load(pkcs8, certificate_der)?;
        let root = root_der.map(Certificate::from_der).transpose().map_err(|_| CaError::Certificate)?;
        if root.as_ref().is_some_and(|root| !is_issued_by(authority.certificate(), root)) {
            return Err(CaError::Certificate);
        }
        let (_, parsed) = X509Certificate::from_der(certificate_der).map_err(|_| CaError::Certificate)?;
        let constraints = parsed.name_constraints().map_err(|_| CaError::Certificate)?.ok_or(CaError::Certificate)?;
        let (mut permitted_dns, mut permitted_ip) = (vec![], vec![]);
        for subtree in constraints.value.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) if reaches_microsoft(&name.to_ascii_lowercase()) => {
                    return Err(CaError::Certificate);
                }
                GeneralName::DNSName(name) => permitted_dns.push(name.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => {
                    permitted_ip.push(IpSubnet::from_constraint(bytes).ok_or(CaError::Certificate)?);
                }
                _ => return Err(CaError::Certificate),
            }
        }
        Ok(Self { authority, root, permitted_dns, permitted_ip })
    }

    /// The certificate that clients are to trust: the root's, or the authority's own where it has no root.
    pub fn trust_anchor(&self) -> &Certificate {
        self.root.as_ref().unwrap_or(self.authority.certificate())
    }

    /// The certificate that clients are to trust, as PEM.
    pub fn trust_anchor_pem(&self) -> String {
        pem::encode(pem::CERTIFICATE, self.trust_anchor().der())
    }

    /// The authority's certificate, to be kept with its key.
    pub fn certificate(&self) -> &Certificate {
        self.authority.certificate()
    }

    /// The root's certificate, if there is a root, to be kept with the authority's key.
    pub fn root(&self) -> Option<&Certificate> {
        self.root.as_ref()
    }

    /// The authority's private key (PKCS #8 DER), to be sealed.
    ///
    /// # Errors
    /// [`CaError::Key`].
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, CaError> {
        self.authority.to_pkcs8()
    }

    /// Tells whether it may certify this name. A name that it may not certify would be refused by every client, so
    /// the question is asked before a certificate is made.
    pub fn may_certify(&self, name: &ServerName) -> bool {
        match name {
            ServerName::Dns(name) => self.permitted_dns.iter().any(|permitted| is_within(name, permitted)),
            ServerName::Ip(address) => self.permitted_ip.iter().any(|permitted| permitted.contains(*address)),
        }
    }

    /// The names and addresses that it may certify, in words.
    pub fn scope(&self) -> String {
        let names = self.permitted_dns.iter().map(|name| format!("{name} and below"));
        let addresses = self.permitted_ip.iter().map(ToString::to_string);
        names.chain(addresses).collect::<Vec<_>>().join(", ")
    }

    /// Makes a key and a certificate for a server with these names, each of them once, valid for at most `lifetime_seconds`.
    ///
    /// # Errors
    /// [`CaError`], among them [`CaError::ForbiddenName`] and [`CaError::ForbiddenAddress`].
    pub fn issue_server(
        &self,
        names: &[ServerName],
        now_seconds: u64,
        lifetime_seconds: u64,
    ) -> Result<ServerCertificate, CaError> {
        if names.is_empty() {
            return Err(CaError::NoNames);
        }
        let validity = self.authority.validity(now_seconds, lifetime_seconds)?;
        // Two words, so that nobody takes the common name for a DNS name.
        let mut params = x509::leaf("bonafide server", validity).ok_or(CaError::Unwritable)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = distinct(names).map(|name| self.alt_name(name)).collect::<Result<_, _>>()?;
        let key = P256Key::generate()?;
        let chain_der = self.chain(self.authority.issue(params, &key)?);
        Ok(ServerCertificate { chain_der, private_key: key.to_pkcs8()?, lifetime: validity.lifetime() })
    }

    /// Certifies the key of a signer of attested documents for a name, as a server's: verifiers in Go ask for that. The
    /// certificates to send along, and their life.
    pub(super) fn certify_attestor(
        &self,
        name: &ServerName,
        key: &impl PublicKeyData,
        now_seconds: u64,
        lifetime_seconds: u64,
    ) -> Result<(Vec<Vec<u8>>, Lifetime), CaError> {
        let validity = self.authority.validity(now_seconds, lifetime_seconds)?;
        // Verifiers of Azure's look at the common name, others at the alternative one.
        let mut params = x509::leaf(&name.to_string(), validity).ok_or(CaError::Unwritable)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = vec![self.alt_name(name)?];
        Ok((self.chain(self.authority.issue(params, key)?), validity.lifetime()))
    }

    /// A certificate of this authority with those above it, less the one that clients trust.
    fn chain(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        let above = self.root.is_some().then(|| self.certificate().der().to_vec());
        std::iter::once(own).chain(above).collect()
    }

    fn alt_name(&self, name: &ServerName) -> Result<SanType, CaError> {
        let permitted = self.may_certify(name);
        match name {
            ServerName::Dns(name) if permitted => {
                Ok(SanType::DnsName(name.clone().try_into().map_err(|_| CaError::Unwritable)?))
            }
            ServerName::Ip(address) if permitted => Ok(SanType::IpAddress(*address)),
            ServerName::Dns(name) => Err(CaError::ForbiddenName(name.clone())),
            ServerName::Ip(address) => Err(CaError::ForbiddenAddress(*address)),
        }
    }
}

/// Each name once, in the order in which they come first. Some clients refuse a certificate that repeats one.
fn distinct(names: &[ServerName]) -> impl Iterator<Item = &ServerName> {
    names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)).map(|(_, name)| name)
}

impl fmt::Debug for ServerCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCa")
            .field("permitted_dns", &self.permitted_dns)
            .field("permitted_ip", &self.permitted_ip)
            .finish_non_exhaustive()
    }
}

/// A constraint binds only names of its own kind (RFC 5280), so a kind without a permitted name is excluded whole.
fn constraints(permitted_dns: &[String], permitted_ip: &[IpSubnet]) -> NameConstraints {
    let dns = permitted_dns.iter().cloned().map(GeneralSubtree::DnsName);
    let ip = permitted_ip.iter().map(|subnet| {
        let (address, prefix_bits) = subnet.parts();
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix_bits))
    });
    let mut excluded_subtrees = vec![];
    if permitted_dns.is_empty() {
        excluded_subtrees.push(GeneralSubtree::DnsName(String::new()));
    }
    if permitted_ip.is_empty() {
        for all in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(all, 0)));
        }
    }
    NameConstraints { permitted_subtrees: dns.chain(ip).collect(), excluded_subtrees }
}
