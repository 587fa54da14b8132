//! Is a bundle that was made earlier still of use?

use std::net::IpAddr;

use rcgen::KeyPair;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::X509Certificate;

use super::{AUTHORITY, Bundle};

/// Why a bundle has to be made anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Somebody else's certificate: not ours to replace.
    #[error("the certificate was not made by this command")]
    Foreign,
    /// Certificate, key and authority are not of one making.
    #[error("certificate, key and authority do not belong together")]
    Mixed,
    /// A host is missing.
    #[error("it is not for {0}")]
    Host(String),
    /// Less than a third of its life is left.
    #[error("it ends on {0}")]
    Old(String),
}

/// Accepts a bundle that serves `hosts` for at least a third of its life; returns its last day.
///
/// # Errors
/// The bundle is somebody else's, or has to be made anew.
pub fn inspect(bundle: &Bundle, hosts: &[String], now: OffsetDateTime) -> Result<String, Unfit> {
    let certificate = pem(&bundle.certificate).ok_or(Unfit::Foreign)?;
    let certificate = certificate.parse_x509().map_err(|_| Unfit::Foreign)?;
    if !certificate.issuer().to_string().contains(AUTHORITY) {
        return Err(Unfit::Foreign);
    }
    if !belong_together(&certificate, bundle) {
        return Err(Unfit::Mixed);
    }
    if let Some(host) = hosts.iter().find(|host| !names(&certificate, host)) {
        return Err(Unfit::Host(host.clone()));
    }
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    let last_day = until.date().to_string();
    if now < from || until - now < (until - from) / 3 {
        return Err(Unfit::Old(last_day));
    }
    Ok(last_day)
}

fn pem(text: &str) -> Option<Pem> {
    Some(parse_x509_pem(text.as_bytes()).ok()?.1)
}

fn belong_together(certificate: &X509Certificate<'_>, bundle: &Bundle) -> bool {
    let Some(authority) = pem(&bundle.authority) else {
        return false;
    };
    let signed = authority
        .parse_x509()
        .is_ok_and(|authority| authority.subject() == certificate.issuer());
    let public = &*certificate.public_key().subject_public_key.data;
    signed && KeyPair::from_pem(&bundle.key).is_ok_and(|key| key.public_key_raw() == public)
}

fn names(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let octets = match host.parse() {
        Ok(IpAddr::V4(address)) => Some(address.octets().to_vec()),
        Ok(IpAddr::V6(address)) => Some(address.octets().to_vec()),
        Err(_) => None,
    };
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
        return false;
    };
    alternatives.value.general_names.iter().any(|name| match name {
        GeneralName::DNSName(name) => *name == host,
        GeneralName::IPAddress(address) => octets.as_deref() == Some(*address),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::trust::bundle;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn hosts() -> Vec<String> {
        ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_fresh_bundle_is_kept() {
        let bundle = bundle(&hosts(), NOW).unwrap();
        assert_eq!(inspect(&bundle, &hosts(), NOW), Ok("1971-01-01".to_owned()));
        assert_eq!(inspect(&bundle, &hosts()[1..], NOW), Ok("1971-01-01".to_owned()));
        assert_eq!(
            inspect(&bundle, &hosts(), NOW - Duration::minutes(4)),
            Ok("1971-01-01".to_owned())
        );
    }

    #[test]
    fn a_bundle_in_its_last_third_is_not() {
        let bundle = bundle(&hosts(), NOW).unwrap();
        assert!(inspect(&bundle, &hosts(), NOW + Duration::days(240)).is_ok());
        let old = Err(Unfit::Old("1971-01-01".to_owned()));
        assert_eq!(inspect(&bundle, &hosts(), NOW + Duration::days(250)), old);
        assert_eq!(inspect(&bundle, &hosts(), NOW - Duration::hours(1)), old);
    }

    #[test]
    fn another_host_needs_another_certificate() {
        let bundle = bundle(&hosts(), NOW).unwrap();
        for host in ["example.com", "127.0.0.2"] {
            assert_eq!(
                inspect(&bundle, &[host.to_owned()], NOW),
                Err(Unfit::Host(host.to_owned()))
            );
        }
    }

    #[test]
    fn parts_of_two_bundles_do_not_make_one() {
        let (one, other) = (bundle(&hosts(), NOW).unwrap(), bundle(&hosts(), NOW).unwrap());
        let mixed_key = Bundle {
            key: other.key,
            ..one.clone()
        };
        let mixed_authority = Bundle {
            authority: other.authority,
            ..one.clone()
        };
        let no_key = Bundle {
            key: String::new(),
            ..one
        };
        for mixed in [mixed_key, mixed_authority, no_key] {
            assert_eq!(inspect(&mixed, &hosts(), NOW), Err(Unfit::Mixed));
        }
    }

    #[test]
    fn a_strangers_certificate_is_known_as_such() {
        let key = KeyPair::generate().unwrap();
        let stranger = rcgen::CertificateParams::new(hosts())
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let bundle = Bundle {
            authority: stranger.pem(),
            certificate: stranger.pem(),
            key: key.serialize_pem(),
        };
        assert_eq!(inspect(&bundle, &hosts(), NOW), Err(Unfit::Foreign));
        let text = Bundle {
            certificate: "hello".to_owned(),
            ..bundle
        };
        assert_eq!(inspect(&text, &hosts(), NOW), Err(Unfit::Foreign));
    }
}
