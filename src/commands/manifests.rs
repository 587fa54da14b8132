//! `manifests`: the CRDs and webhook configurations of one installation, as YAML for server-side apply.

use std::fs;
use std::io::{self, Write};

use anyhow::{Context, bail};
use axum::http::Uri;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::crds::yaml;
use crate::api;
use crate::api::registration::{Authority, Place, Pods, Registration};
use crate::cli::ManifestsArgs;
use crate::gateway::Hooks;

/// Prints everything.
///
/// # Errors
/// The URL, the Service or the CA file is of no use.
pub fn run(args: &ManifestsArgs) -> anyhow::Result<()> {
    let registration = registration(args)?;
    let mut text = String::new();
    for crd in api::crds() {
        text += &yaml(&registration.converted(crd))?;
    }
    text += &yaml(&registration.mutating())?;
    text += &yaml(&registration.validating())?;
    io::stdout().write_all(text.as_bytes()).context("cannot print")
}

/// From flags to places.
///
/// # Errors
/// The URL, the Service or the CA file is of no use.
pub fn registration(args: &ManifestsArgs) -> anyhow::Result<Registration> {
    let service = |flag, service| service_at(service, args.service_port).with_context(|| format!("{flag} {service}"));
    let place = match (&args.webhook_url, &args.service) {
        (Some(url), _) => Place::Url(base(url)?),
        (None, Some(name)) => service("--service", name)?,
        (None, None) => bail!("say --webhook-url or --service"),
    };
    let conversion = match &args.conversion_service {
        Some(name) => service("--conversion-service", name)?,
        None => place.clone(),
    };
    let authority = match (&args.ca_file, &args.cert_manager) {
        (Some(file), _) => Authority::Pem(certificates(file)?),
        (None, Some(certificate)) => {
            pair(certificate).with_context(|| format!("--cert-manager {certificate}"))?;
            Authority::CertManager(certificate.clone())
        }
        (None, None) => Authority::Roots,
    };
    Ok(Registration {
        pods: pods(args, &place),
        place,
        conversion,
        authority,
    })
}

/// A server that has to be asked about its own pods could never come back.
fn pods(args: &ManifestsArgs, place: &Place) -> Pods {
    let own = match place {
        Place::Service { namespace, .. } => Some(namespace.clone()),
        Place::Url(_) => None,
    };
    let Hooks {
        labels,
        annotations,
        all,
        namespaces,
        excluded,
    } = args.pods.hooks.hooks();
    Pods {
        labels,
        annotations,
        all,
        namespaces: namespaces
            .and_then(|selector| selector.match_expressions)
            .unwrap_or_default(),
        excluded: own.into_iter().chain(excluded).collect(),
    }
}

/// The API server takes nothing but https, and each webhook adds its own path.
fn base(url: &str) -> anyhow::Result<String> {
    let parsed: Uri = url.parse().with_context(|| format!("--webhook-url {url}"))?;
    let plain = parsed.path() == "/" && parsed.query().is_none() && !url.contains(['#', '@']);
    if parsed.scheme_str() != Some("https") || !plain {
        bail!("--webhook-url {url}: say https://HOST:PORT without a path");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn service_at(text: &str, port: u16) -> anyhow::Result<Place> {
    let (namespace, name) = pair(text)?;
    Ok(Place::Service {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        port,
    })
}

fn pair(text: &str) -> anyhow::Result<(&str, &str)> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace, name))
        }
        _ => bail!("say NAMESPACE/NAME"),
    }
}

/// A file that is not PEM would only be noticed at the first call of a webhook.
fn certificates(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let pem = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(pem),
        _ => bail!("{} holds no PEM certificate", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_https_without_a_path() {
        assert_eq!(base("https://127.0.0.1:8443").unwrap(), "https://127.0.0.1:8443");
        assert_eq!(base("https://a.b/").unwrap(), "https://a.b");
        for url in [
            "http://a",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "a:443",
            "",
        ] {
            assert!(base(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_service_has_a_namespace() {
        assert_eq!(pair("a/b").unwrap(), ("a", "b"));
        for text in ["a", "/a", "a/", "a/b/c", ""] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
