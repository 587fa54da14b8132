//! The calls about manifests, whose answers are read within limits. The library reads them whole, and deletes nothing.

use std::time::Duration;

use hyper::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;

use super::asked::Asked;
use super::blob::digest;
use super::challenge;
use super::error::Fault;
use super::manifest::ACCEPTED;
use crate::clients::authorities::{chain, trusting};

/// An address that does not answer by then leaves time for another try.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Nor does a registry pause for longer in what it sends.
pub(super) const READ_PATIENCE: Duration = Duration::from_secs(30);
/// What requests say that they are from.
pub(super) const USER_AGENT: &str = concat!("stationmaster/", env!("CARGO_PKG_VERSION"));
/// What registries take for a manifest.
pub(super) const MANIFEST_BYTES: usize = 4 << 20;
/// More than any token has.
const TOKEN_BYTES: usize = 64 << 10;

/// A way to the manifests of one repository.
pub(super) struct Wire {
    client: Client,
    address: String,
    auth: RegistryAuth,
    asked: Asked,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Wire {
    pub(super) fn new(reference: &Reference, auth: RegistryAuth, asked: Asked) -> Result<Self, Fault> {
        // Even where a registry speaks http, who gives tokens for it may not.
        let tls = trusting(true).map_err(|_| {
            Fault::lasting(
                "no certificate authorities are here, without which no registry is asked: set SSL_CERT_FILE".to_owned(),
            )
        })?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!asked.is_plain)
            .connect_timeout(CONNECT_PATIENCE)
            .read_timeout(READ_PATIENCE)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| Fault::lasting(chain(&error)))?;
        let scheme = if asked.is_plain { "http" } else { "https" };
        let (host, repository) = (reference.resolve_registry(), reference.repository());
        Ok(Self {
            client,
            address: format!("{scheme}://{host}/v2/{repository}/manifests"),
            auth,
            asked,
        })
    }

    /// The manifest of this tag or digest; that it has the digest is looked at.
    pub(super) async fn get(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let request = self
            .request(Method::GET, name)
            .header(header::ACCEPT, ACCEPTED.join(", "));
        let response = self.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(self.asked.status(response.status()));
        }
        let body = self.body(response, MANIFEST_BYTES, "a manifest").await?;
        if name.contains(':') && digest(&body) != name {
            return Err(self.asked.mismatch());
        }
        Ok(body)
    }

    /// Puts a manifest there under a tag or its digest.
    pub(super) async fn put(&self, name: &str, media_type: &'static str, body: Vec<u8>) -> Result<(), Fault> {
        let request = self.request(Method::PUT, name).header(header::CONTENT_TYPE, media_type);
        let response = self.send(request.body(body)).await?;
        let is_taken = response.status().is_success();
        is_taken
            .then_some(())
            .ok_or_else(|| self.asked.status(response.status()))
    }

    /// Asks for its deletion; what is answered, and the beginning of the text.
    pub(super) async fn delete(&self, digest: &str) -> Result<(StatusCode, Vec<u8>), Fault> {
        let response = self.send(self.request(Method::DELETE, digest)).await?;
        let status = response.status();
        let body = self.body(response, TOKEN_BYTES, "an answer").await;
        Ok((status, body.unwrap_or_default()))
    }

    /// What an answer says that is none.
    pub(super) fn fault(&self, status: StatusCode) -> Fault {
        self.asked.status(status)
    }

    fn request(&self, method: Method, name: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/{name}", self.address))
    }

    /// Sends a request, and once more as the registry wants it to be signed: which right it asks for depends on the request.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let again = request.try_clone();
        let response = request.send().await.map_err(|error| self.asked.unreachable(error))?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match (self.authorization(response.headers()).await?, again) {
            (Some(authorization), Some(again)) => {
                let again = again.header(header::AUTHORIZATION, authorization).send().await;
                again.map_err(|error| self.asked.unreachable(error))
            }
            _ => Ok(response),
        }
    }

    async fn authorization(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Fault> {
        let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let challenges: Vec<_> = challenges.filter_map(|value| value.to_str().ok()).collect();
        let signed = |request: RequestBuilder| match &self.auth {
            RegistryAuth::Basic(user, password) => request.basic_auth(user, Some(password)),
            _ => request,
        };
        let bearer = challenges.iter().find_map(|text| challenge::bearer(text));
        let Some((realm, query)) = bearer else {
            let signed = signed(self.client.get(&self.address)).build();
            return Ok(signed
                .ok()
                .and_then(|signed| signed.headers().get(header::AUTHORIZATION).cloned()));
        };
        let realm = reqwest::Url::parse_with_params(realm, query).map_err(|_| self.asked.stranger())?;
        let response = signed(self.client.get(realm)).send().await;
        let response = response.map_err(|error| self.asked.unreachable(error))?;
        if !response.status().is_success() {
            return Err(self.asked.status(response.status()));
        }
        let body = self.body(response, TOKEN_BYTES, "a token").await?;
        let token: Token = serde_json::from_slice(&body).map_err(|_| self.asked.stranger())?;
        let token = token
            .token
            .or(token.access_token)
            .ok_or_else(|| self.asked.stranger())?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| self.asked.stranger())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    async fn body(&self, mut response: Response, limit: usize, what: &str) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.asked.unreachable(error))? {
            if body.len() + chunk.len() > limit {
                return Err(Fault::too_large(what, limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
