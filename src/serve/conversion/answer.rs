//! ConversionReview on the wire: decode the question, convert each object, write the answer in one piece. Objects are
//! neither decoded nor copied on the way, so that an answer costs little more than reading the question.

use std::fmt;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::json;
use serde_json::value::RawValue;

use super::question::{self, Question};
use super::target;
use crate::api::review::CONVERSION_API_VERSION;
use crate::dispatch::convert::Members;
use crate::serve::connection::SEND_BYTES;

/// What is handed to a connection at once: it copies what it is given.
const CHUNK: usize = 64 << 10;

/// The answer to a ConversionReview.
#[derive(Debug)]
pub struct Answer {
    /// A ConversionReview with a response.
    pub body: Vec<u8>,
    /// Repeated from the question; empty where that has none that can be read.
    pub uid: String,
    /// How many objects were converted.
    pub objects: usize,
    /// Why none was.
    pub fault: Option<String>,
}

/// Answers a ConversionReview. What is no such review gets an answer that says so.
#[must_use]
pub fn answer(body: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(body) else {
        return Answer::undecodable(body, "the body is not UTF-8");
    };
    // Nearly always every object has members, and then it is read only once.
    let question = question::read(text, |object: Members<'_>, to| target::split(text, object, to));
    match question.or_else(|_| question::read::<&RawValue>(text, target::raw)) {
        Ok(question) => Answer::to(question),
        Err(error) => Answer::undecodable(body, error),
    }
}

impl Answer {
    fn to(question: Question) -> Self {
        let Question {
            api_version,
            uid,
            answer: mut body,
            objects,
            fault,
        } = question;
        let uid = uid.unwrap_or_default();
        if api_version != CONVERSION_API_VERSION {
            return Self::refused(
                &uid,
                format!("apiVersion is {api_version:?}, not {CONVERSION_API_VERSION:?}"),
            );
        }
        if let Some(fault) = fault {
            return Self::refused(&uid, fault.to_string());
        }
        body.extend_from_slice(b"]}}");
        Self {
            body,
            uid,
            objects,
            fault: None,
        }
    }

    fn undecodable(body: &[u8], fault: impl fmt::Display) -> Self {
        Self::refused(
            &crate::serve::decode::uid(body),
            format!("not a ConversionReview: {fault}"),
        )
    }

    fn refused(uid: &str, fault: String) -> Self {
        let body = json!({
            "apiVersion": CONVERSION_API_VERSION,
            "kind": "ConversionReview",
            "response": {"uid": uid, "result": {"status": "Failure", "message": fault}},
        });
        Self {
            body: body.to_string().into_bytes(),
            uid: uid.to_owned(),
            objects: 0,
            fault: Some(fault),
        }
    }

    /// The answer in one word, for logs and metrics.
    pub(super) fn decision(&self) -> &'static str {
        if self.fault.is_some() { "refuse" } else { "convert" }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let length = self.body.len();
        let bytes = Bytes::from(self.body);
        let body = if length <= CHUNK {
            Body::from(bytes)
        } else {
            Body::from_stream(stream::iter(chunks(bytes)))
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, length.into());
        response
    }
}

/// The same bytes in slices of one allocation; the last are copied, so that what still waits in a connection when
/// nothing is left to send does not keep the whole of it.
fn chunks(mut bytes: Bytes) -> impl Iterator<Item = Result<Bytes, std::convert::Infallible>> {
    std::iter::from_fn(move || {
        let last = bytes.len() <= SEND_BYTES + CHUNK;
        let chunk = bytes.split_to(bytes.len().min(CHUNK));
        let chunk = if last { Bytes::copy_from_slice(&chunk) } else { chunk };
        (!chunk.is_empty()).then_some(Ok(chunk))
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    fn told(body: &str) -> Value {
        serde_json::from_slice(&answer(body.as_bytes()).body).expect("an answer is JSON")
    }

    fn message(body: &str) -> String {
        let answer = told(body);
        assert_eq!(answer["response"]["result"]["status"], "Failure");
        assert_eq!(answer["response"].get("convertedObjects"), None);
        assert_eq!(answer["response"]["uid"], "u\"1");
        answer["response"]["result"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }

    fn review(version: &str, objects: &str) -> String {
        format!(
            r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview",
            "request":{{"uid":"u\"1","desiredAPIVersion":"{version}","objects":[{objects}]}}}}"#
        )
    }

    const TEMPLATE: &str = r#"{"apiVersion":"dispatcher.ivan.vc/v1alpha1","kind":"JobTemplate","metadata":{}}"#;

    #[test]
    fn objects_come_back_in_their_order() {
        let objects = format!(r#"{TEMPLATE}, null ,{{"kind":"x"}}, {TEMPLATE}"#);
        let answer = told(&review("dispatcher.ivan.vc/v1beta1", &objects));
        let template = json!({"apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate", "metadata": {}});
        let expected = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "response": {
                "uid": "u\"1",
                "result": {"status": "Success"},
                "convertedObjects": [template, null, {"kind": "x"}, template],
            },
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_list_costs_its_length_and_no_more() {
        let objects = vec![TEMPLATE; 50].join(",");
        let review = review("dispatcher.ivan.vc/v1beta1", &objects);
        let answer = answer(review.as_bytes());
        assert!(
            answer.body.capacity() <= review.len() + review.len() / 16 + 200,
            "{} bytes for {}",
            answer.body.capacity(),
            review.len()
        );
    }

    #[test]
    fn members_may_come_in_any_order() {
        let review = format!(
            r#"{{"request":{{"objects":[{TEMPLATE}],"desiredAPIVersion":"dispatcher.ivan.vc/v1beta1","uid":"u"}},
            "apiVersion":"apiextensions.k8s.io/v1"}}"#
        );
        let answer = told(&review);
        assert_eq!(answer["response"]["uid"], "u");
        assert_eq!(
            answer["response"]["convertedObjects"],
            json!([{"apiVersion": "dispatcher.ivan.vc/v1beta1", "kind": "JobTemplate", "metadata": {}}])
        );
    }

    #[test]
    fn workers_are_converted_by_their_own_domain() {
        let worker = |version: &str, date: &str| {
            format!(
                r#"{{"apiVersion":"api.worker-release/{version}","kind":"WorkerRelease","metadata":{{}},"spec":{{"compatibilityDate":"{date}"}}}}"#
            )
        };
        let objects = format!(
            "{},null,{}",
            worker("v1alpha1", "01/31/2026"),
            worker("v1beta1", "2026-01-31")
        );
        let answer = told(&review("api.worker-release/v1beta1", &objects));
        let converted = &answer["response"]["convertedObjects"];
        assert_eq!(converted[0]["spec"]["compatibilityDate"], "2026-01-31");
        assert_eq!(
            (&converted[1], &converted[2]["spec"]),
            (&Value::Null, &converted[0]["spec"])
        );
        let fault = message(&review("api.worker-release/v1beta1", TEMPLATE));
        assert!(
            fault.starts_with("no conversion from \"dispatcher.ivan.vc/v1alpha1\" to api.worker-release: "),
            "{fault}"
        );
    }

    #[test]
    fn an_empty_list_is_converted() {
        let answer = told(&review("dispatcher.ivan.vc/v1beta1", ""));
        assert_eq!(answer["response"]["convertedObjects"], json!([]));
    }

    #[test]
    fn what_nobody_knows_is_refused_with_the_reason() {
        let known = "known are v1alpha1 and v1beta1 of dispatcher.ivan.vc, api.worker-deployment, api.worker-release, \
                     api.worker-bundle, api.worker-account";
        for (review, expected) in [
            (
                review("dispatcher.ivan.vc/v2", ""),
                format!("no conversion from or to \"dispatcher.ivan.vc/v2\": {known}"),
            ),
            (
                review("v1", TEMPLATE),
                format!("no conversion from or to \"v1\": {known}"),
            ),
        ] {
            assert_eq!(message(&review), expected);
        }
        let review = review("dispatcher.ivan.vc/v1beta1", TEMPLATE).replace("k8s.io/v1\"", "k8s.io/v1beta1\"");
        assert_eq!(
            message(&review),
            r#"apiVersion is "apiextensions.k8s.io/v1beta1", not "apiextensions.k8s.io/v1""#
        );
    }

    #[test]
    fn the_uid_of_a_broken_review_comes_back() {
        let whole = review("dispatcher.ivan.vc/v1beta1", TEMPLATE);
        for broken in [whole[..whole.len() - 5].to_owned(), whole.replace("objects", "objets")] {
            assert!(message(&broken).starts_with("not a ConversionReview: "), "{broken}");
        }
    }

    #[tokio::test]
    async fn a_large_answer_arrives_whole() {
        let body: Vec<u8> = (0..CHUNK * 3 + 7)
            .map(|index| u8::try_from(index % 251).unwrap())
            .collect();
        let answer = Answer {
            body: body.clone(),
            uid: String::new(),
            objects: 0,
            fault: None,
        };
        let response = answer.into_response();
        assert_eq!(response.headers()[header::CONTENT_LENGTH], body.len().to_string());
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
    }
}
