//! Carries requests to an S3 server, and keeps what it complains of: its status and a code that is known, and no word of its
//! own, since what it sends could be anything.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::http::StatusCode;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::Client;
use reqwest::redirect::Policy;

use crate::clients::authorities::{chain, trusting};

/// An address that does not answer by then leaves time for the next.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// No page of a list is larger, and no object may be.
const ANSWER_BYTES: usize = 16 << 20;
/// Of a complaint as much is read.
const COMPLAINT_BYTES: usize = 64 << 10;
/// Codes that help whoever reads them.
const CODES: [&str; 11] = [
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "NoSuchBucket",
    "NoSuchKey",
    "PermanentRedirect",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "SlowDown",
];

/// The last complaint, shared with whoever asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<Option<String>>>);

impl Faults {
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Sends requests, directly and nowhere else.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    client: Client,
    faults: Faults,
}

impl Wire {
    /// Trusts the system's authorities, where that matters.
    pub(super) fn new(is_secure: bool, faults: &Faults) -> Result<Self, String> {
        let client = Client::builder()
            .tls_backend_preconfigured(trusting(is_secure)?)
            .https_only(is_secure)
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_PATIENCE)
            .build();
        Ok(Self {
            client: client.map_err(|error| chain(&error))?,
            faults: faults.clone(),
        })
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = HttpService::call(&self.client, request).await;
        let (head, body) = answer.inspect_err(|error| self.unreachable(error))?.into_parts();
        if head.status.is_success() {
            self.faults.set(None);
            let faults = self.faults.clone();
            let limited = Limited::new(body, ANSWER_BYTES).map_err(move |error| broken(&faults, error));
            return Ok(HttpResponse::from_parts(head, HttpResponseBody::new(limited)));
        }
        let complaint = Limited::new(body, COMPLAINT_BYTES).collect().await;
        let complaint = complaint.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        self.faults.set(Some(fault(head.status, code(&complaint))));
        Ok(HttpResponse::from_parts(head, HttpResponseBody::from(String::new())))
    }

    fn unreachable(&self, error: &HttpError) {
        let cause = error.source().map_or_else(String::new, chain);
        self.faults.set(Some(format!("the S3 server does not answer: {cause}")));
    }
}

/// An answer that breaks off, or does not end.
fn broken(faults: &Faults, error: Box<dyn Error + Send + Sync>) -> HttpError {
    faults.set(Some(
        "the answer of the S3 server breaks off, or is too large".to_owned(),
    ));
    HttpError::new_boxed(HttpErrorKind::Interrupted, error)
}

impl HttpService for Wire {
    fn call<'life0, 'async_trait>(
        &'life0 self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.answer(request))
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// The code of a complaint, if it is one that is known.
fn code(complaint: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(complaint);
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    CODES.into_iter().find(|known| *known == code)
}

fn fault(status: StatusCode, code: Option<&str>) -> String {
    let code_told = code.map_or_else(String::new, |code| format!(" ({code})"));
    match (status, code) {
        (StatusCode::NOT_FOUND, Some("NoSuchBucket")) => "there is no such bucket".to_owned(),
        (StatusCode::NOT_FOUND, _) => "there is no such object".to_owned(),
        (StatusCode::UNAUTHORIZED, _) | (_, Some("InvalidAccessKeyId" | "SignatureDoesNotMatch")) => {
            format!("the S3 server refuses the credentials{code_told}: look at accessKeyId and secretAccessKey")
        }
        (StatusCode::FORBIDDEN, _) => format!("the S3 server allows no access{code_told}"),
        _ => format!("the S3 server answered {status}{code_told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_told_in_words_of_ours() {
        let xml = |code: &str| format!("<?xml?><Error><Code>{code}</Code><Message>secret</Message></Error>");
        for (status, sent, expected) in [
            (404, "NoSuchKey", "there is no such object"),
            (404, "NoSuchBucket", "there is no such bucket"),
            (404, "", "there is no such object"),
            (403, "AccessDenied", "the S3 server allows no access (AccessDenied)"),
            (403, "root:x:0:0", "the S3 server allows no access"),
            (
                403,
                "SignatureDoesNotMatch",
                "the S3 server refuses the credentials (SignatureDoesNotMatch): look at accessKeyId and secretAccessKey",
            ),
            (500, "InternalError", "the S3 server answered 500 Internal Server Error"),
            (
                503,
                "SlowDown",
                "the S3 server answered 503 Service Unavailable (SlowDown)",
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(fault(status, code(xml(sent).as_bytes())), expected);
        }
        assert_eq!(code(b"<Code>NoSuchKey"), None);
    }
}
