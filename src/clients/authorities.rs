//! Which certificate authorities a door trusts.

use hyper_rustls::ConfigBuilderExt;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// Trusts the system's authorities, where that matters.
///
/// # Errors
/// It does, and there are none; the text completes "what is asked …".
pub(super) fn trusting(is_secure: bool) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let nobody = "is https, and no certificate authorities are here: set SSL_CERT_FILE, or say http";
    let builder = if is_secure {
        builder.with_native_roots().map_err(|_| nobody.to_owned())?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

/// The client says little itself; the cause that helps is further down.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
