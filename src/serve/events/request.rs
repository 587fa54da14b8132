//! Events out of a request: its mode, its limits, and how they are read.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, header};

use super::answer::Refusal;
use crate::api::cloud_event::{self, CloudEvent, Mode};
use crate::serve::body;
use crate::serve::memory::{Held, Memory};

/// Longest body of one event.
const EVENT_BYTES: usize = 64 << 10;
/// Longest batch.
const BATCH_BYTES: usize = 1 << 20;
/// How long a sender may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The events of a request: one, unless it is a batch; and the memory that is counted for them.
pub(super) async fn read(
    memory: &Memory,
    request: Request,
    takes_batches: bool,
) -> Result<(Mode, Vec<CloudEvent>, Held), Refusal> {
    let (parts, body) = request.into_parts();
    let mode = mode(&parts.headers)?;
    let limit = match mode {
        Mode::Batched if !takes_batches => return Err(Refusal::NoSink),
        Mode::Batched => BATCH_BYTES,
        Mode::Binary | Mode::Structured => EVENT_BYTES,
    };
    let body = body::read(memory, body, limit, PATIENCE).await?;
    let events = match mode {
        Mode::Structured => vec![cloud_event::structured(&body)?],
        Mode::Batched => cloud_event::batch(&body)?,
        Mode::Binary => {
            let headers = parts.headers.iter();
            let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
            vec![cloud_event::binary(headers, &body)?]
        }
    };
    Ok((mode, events, body.read()))
}

fn mode(headers: &HeaderMap) -> Result<Mode, Refusal> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings
        .map(header::HeaderValue::as_bytes)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
    {
        return Err(Refusal::Encoding);
    }
    let mut content_types = headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = match content_types.next() {
        Some(_) if content_types.next().is_some() => return Err(Refusal::Formats),
        Some(value) => Some(value.to_str().map_err(|_| Refusal::Format)?),
        None => None,
    };
    Mode::of(content_type).ok_or(Refusal::Format)
}
