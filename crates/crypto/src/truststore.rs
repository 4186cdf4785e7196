//! A file of trusted authorities for Java: PKCS #12 (RFC 7292).
//!
//! Neither encrypted nor authenticated, as the JDK's own `cacerts` since version 18 (JDK-8275252): certificates are
//! public, and whoever could change the file could make its MAC anew, because everybody knows the password. Java reads
//! the form with any password (a test asks a real one). Written here and not with a library, because those that write
//! PKCS #12 bring a second set of ciphers and hashes with them.

use x509_parser::prelude::{FromDer, X509Certificate};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, construct_der};

/// PFX version 3. Source: RFC 7292 section 4.
const VERSION: u8 = 3;
/// `data`. Source: RFC 2315 section 14.
const DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 1];
/// `certBag`. Source: RFC 7292 section 4.2.
const CERT_BAG: [u64; 9] = [1, 2, 840, 113_549, 1, 12, 10, 1, 3];
/// `x509Certificate`. Source: RFC 2985, `pkcs-9 22 1`.
const X509_CERTIFICATE: [u64; 8] = [1, 2, 840, 113_549, 1, 9, 22, 1];
/// `friendlyName`. Source: RFC 2985.
const FRIENDLY_NAME: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 20];
/// `trustedKeyUsage`: without it Java takes a certificate for one of a chain and does not trust it. Source: JDK,
/// `sun.security.pkcs12.PKCS12KeyStore`.
const TRUSTED_KEY_USAGE: [u64; 8] = [2, 16, 840, 1, 113_894, 746_875, 1, 1];
/// `anyExtendedKeyUsage`. Source: RFC 5280 section 4.2.1.12.
const ANY_USAGE: [u64; 5] = [2, 5, 29, 37, 0];

/// A truststore with these certificates: name (in Java's words, alias) and DER. What is no certificate is left out:
/// Java would refuse the whole file for it.
pub fn write<'a>(trusted: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let bags = construct_der(|writer| {
        writer.write_sequence(|bags| {
            for (name, der) in trusted.filter(|(_, der)| X509Certificate::from_der(der).is_ok()) {
                bag(bags.next(), name, der);
            }
        });
    });
    let contents = construct_der(|writer| writer.write_sequence(|contents| data(contents.next(), &bags)));
    construct_der(|writer| {
        writer.write_sequence(|pfx| {
            pfx.next().write_u8(VERSION);
            data(pfx.next(), &contents);
        });
    })
}

/// `ContentInfo` around bytes.
fn data(writer: DERWriter<'_>, content: &[u8]) {
    writer.write_sequence(|info| {
        info.next().write_oid(&ObjectIdentifier::from_slice(&DATA));
        info.next().write_tagged(Tag::context(0), |bytes| bytes.write_bytes(content));
    });
}

/// `SafeBag` with a certificate that is trusted for everything.
fn bag(writer: DERWriter<'_>, name: &str, der: &[u8]) {
    writer.write_sequence(|bag| {
        bag.next().write_oid(&ObjectIdentifier::from_slice(&CERT_BAG));
        bag.next().write_tagged(Tag::context(0), |value| {
            value.write_sequence(|certificate| {
                certificate.next().write_oid(&ObjectIdentifier::from_slice(&X509_CERTIFICATE));
                certificate.next().write_tagged(Tag::context(0), |bytes| bytes.write_bytes(der));
            });
        });
        bag.next().write_set_of(|attributes| {
            attribute(attributes.next(), &FRIENDLY_NAME, |value| value.write_bmp_string(name));
            attribute(attributes.next(), &TRUSTED_KEY_USAGE, |value| {
                value.write_oid(&ObjectIdentifier::from_slice(&ANY_USAGE));
            });
        });
    });
}

fn attribute(writer: DERWriter<'_>, id: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|attribute| {
        attribute.next().write_oid(&ObjectIdentifier::from_slice(id));
        attribute.next().write_set_of(|values| value(values.next()));
    });
}
