//! How the steps speak to registries: patiently, as they may be away for a moment.

use std::time::Duration;

use tokio::time::sleep;

use crate::cli::RegistryArgs;
use crate::clients::registry::{Credentials, CredentialsError, Registries, RegistryError};

/// A registry is asked so often.
const TRIES: u32 = 10;
/// With so much time between.
const PAUSE: Duration = Duration::from_secs(1);

/// Registries as the flags say.
///
/// # Errors
/// There are no credentials where there should be some.
pub(super) fn registries(args: &RegistryArgs) -> Result<Registries, CredentialsError> {
    let credentials = Credentials::read(&args.registry_config)?;
    Ok(Registries::new(credentials, &args.plain_http))
}

/// What comes of an operation in the end.
///
/// # Errors
/// It fails in a way that does not pass, or every time.
pub(super) async fn persistently<T>(operation: impl AsyncFn() -> Result<T, RegistryError>) -> Result<T, RegistryError> {
    for _ in 1..TRIES {
        match operation().await {
            Err(error) if error.may_pass() => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
    operation().await
}
