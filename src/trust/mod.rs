//! Trust: a certificate authority for development and the serving certificate that it signs. Pure apart from the
//! random numbers in keys; files are read and written elsewhere.

mod inspect;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

pub use inspect::{Unfit, inspect};

/// Clocks that are slow by up to this much accept the certificate at once.
const BACK_DATE: Duration = Duration::minutes(5);
/// Both certificates end together, because the authority's key is not kept.
const LIFE: Duration = Duration::days(365);
/// How our authorities are called; a digest of the key follows, so that no two have the same name.
const AUTHORITY: &str = "stationmaster development CA ";
/// X.509's limit for a common name.
const COMMON_NAME: usize = 64;

/// Three files: whom to trust, what to serve, and the key for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// `ca.crt`, PEM.
    pub authority: String,
    /// `tls.crt`, PEM.
    pub certificate: String,
    /// `tls.key`, PEM. The authority's own key exists nowhere.
    pub key: String,
}

/// Why no certificate can be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A host that no certificate can be for.
    #[error("{0:?} is neither a host name nor an IP address")]
    Host(String),
    /// What the library says.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
}

/// A new authority and a certificate for `hosts` signed by it.
///
/// # Errors
/// One of the hosts is not one.
pub fn bundle(hosts: &[String], now: OffsetDateTime) -> Result<Bundle, Error> {
    if let Some(host) = hosts.iter().find(|host| !is_host(host)) {
        return Err(Error::Host(host.clone()));
    }
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let params = authority(&authority_key, now);
    let authority = params.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = leaf(hosts, now)?.signed_by(&key, &issuer)?.pem();
    Ok(Bundle {
        authority,
        certificate,
        key: key.serialize_pem(),
    })
}

fn authority(key: &KeyPair, now: OffsetDateTime) -> CertificateParams {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(key.public_key_raw()));
    let name = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    let mut params = valid(CertificateParams::default(), now);
    params.distinguished_name = common_name(&format!("{AUTHORITY}{name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(hosts: &[String], now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = valid(CertificateParams::new(hosts)?, now);
    // Nobody reads it any more, but an empty subject would make the alternative names critical.
    let name = hosts
        .iter()
        .find(|host| host.len() <= COMMON_NAME)
        .map_or("stationmaster", String::as_str);
    params.distinguished_name = common_name(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn valid(mut params: CertificateParams, now: OffsetDateTime) -> CertificateParams {
    params.not_before = now - BACK_DATE;
    params.not_after = now + LIFE;
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// An address, or labels of letters, digits and dashes with dots between them; the first may be `*`.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        inner && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    host.parse::<std::net::IpAddr>().is_ok() || (host.len() <= 253 && name.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_host_is_refused() {
        for host in ["https://a", "a:443", "a b", "", ".a", "a..b", "-a", "[::1]"] {
            let refused = bundle(&[host.to_owned()], OffsetDateTime::UNIX_EPOCH);
            assert!(matches!(refused, Err(Error::Host(named)) if named == host), "{host}");
        }
    }

    #[test]
    fn names_and_addresses_are_hosts() {
        for host in ["localhost", "a.b-c.svc", "*.example.com", "127.0.0.1", "::1"] {
            assert!(is_host(host), "{host}");
        }
    }
}
