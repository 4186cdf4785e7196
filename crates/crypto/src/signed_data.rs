//! PKCS #7 SignedData (RFC 2315, RFC 5652 version 1): bytes with a signature over them and the certificates of the signer.
//!
//! There are no signed attributes: the signature covers exactly the bytes that are inside (ID-15), and every reader of
//! PKCS #7 can check it. Nothing signed here begins as a SET does, so that it could not be taken for the attributes of
//! another message (RFC 8933).

use crate::SignError;
use x509_parser::prelude::{FromDer, X509Certificate};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, construct_der};

/// Version of SignedData and of a signer that is named by issuer and serial number. Source: RFC 5652 section 5.1.
const VERSION: u8 = 1;
/// `data` and `signedData`. Source: RFC 5652 sections 4 and 5.
const DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 1];
const SIGNED_DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 2];
/// `id-sha256` and `rsaEncryption`. Source: RFC 5754 sections 2.2 and 3.2.
const SHA256: [u64; 9] = [2, 16, 840, 1, 101, 3, 4, 2, 1];
const RSA: [u64; 7] = [1, 2, 840, 113_549, 1, 1, 1];

/// The DER of `content` with its RSA signature (SHA-256) and the signer's chain, its own certificate first.
///
/// # Errors
/// [`SignError::Certificate`] where there is no certificate, or the first is none.
pub(crate) fn write(content: &[u8], signature: &[u8], chain: &[Vec<u8>]) -> Result<Vec<u8>, SignError> {
    let own = chain.first().ok_or(SignError::Certificate)?;
    let (_, own) = X509Certificate::from_der(own).map_err(|_| SignError::Certificate)?;
    Ok(construct_der(|writer| {
        writer.write_sequence(|info| {
            oid(info.next(), &SIGNED_DATA);
            info.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|signed| {
                    signed.next().write_u8(VERSION);
                    signed.next().write_set_of(|algorithms| algorithm(algorithms.next(), &SHA256));
                    signed.next().write_sequence(|inside| {
                        oid(inside.next(), &DATA);
                        inside.next().write_tagged(Tag::context(0), |bytes| bytes.write_bytes(content));
                    });
                    signed.next().write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_set_of(|set| chain.iter().for_each(|der| set.next().write_der(der)));
                    });
                    signed.next().write_set_of(|signers| signer(signers.next(), &own, signature));
                });
            });
        });
    }))
}

fn signer(writer: DERWriter<'_>, own: &X509Certificate<'_>, signature: &[u8]) {
    writer.write_sequence(|signer| {
        signer.next().write_u8(VERSION);
        signer.next().write_sequence(|name| {
            name.next().write_der(own.tbs_certificate.issuer.as_raw());
            name.next().write_bigint_bytes(own.raw_serial(), true);
        });
        algorithm(signer.next(), &SHA256);
        algorithm(signer.next(), &RSA);
        signer.next().write_bytes(signature);
    });
}

/// An algorithm whose parameters are NULL.
fn algorithm(writer: DERWriter<'_>, id: &[u64]) {
    writer.write_sequence(|algorithm| {
        oid(algorithm.next(), id);
        algorithm.next().write_null();
    });
}

fn oid(writer: DERWriter<'_>, id: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(id));
}
