//! The answer to an AdmissionReview on the wire. Every answer is HTTP 200 and repeats the uid, but for the one that
//! leaves the decision to the failure policy.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::decode::Undecodable;
use crate::api::review::{ADMISSION_API_VERSION, AdmissionRequest, Cause, PatchOperation, Verdict};

/// HTTP's and the API server's code of what cannot be answered now.
const UNAVAILABLE: u16 = StatusCode::SERVICE_UNAVAILABLE.as_u16();

/// What most patches take.
const PATCH: usize = 2 << 10;
/// What most answers take besides.
const REST: usize = 512;

/// Why there is no verdict about an object.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is no fault of the object.
    Forbidden(String),
    /// The object is not what its kind says.
    Undecodable(String),
    /// Nothing can be said now. A denial would bind whatever the webhook's failure policy says, so that this is none:
    /// the policy decides.
    Unavailable(String),
}

/// What the API server is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: AdmissionResponse<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionResponse<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    /// As JSON; goes in as base64 in the end, since that can be large and has nothing to escape.
    #[serde(skip)]
    patch: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// An error as the API server reads it from a webhook: it repeats the message of a Status, and no other text of a 503.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'s, 'a> {
    api_version: &'static str,
    kind: &'static str,
    status: &'static str,
    #[serde(flatten)]
    of: &'s Status<'a>,
}

#[derive(Debug, Serialize)]
struct Details<'a> {
    name: &'a str,
    group: &'a str,
    kind: &'a str,
    causes: Vec<Cause>,
}

impl<'a> Answer<'a> {
    /// What was decided about a request.
    pub(super) fn to<O>(request: &'a AdmissionRequest<'_, O>, decided: Result<Verdict, Refusal>) -> Self {
        let mut response = AdmissionResponse::new(&request.uid);
        match decided {
            Ok(verdict) => {
                response.warnings = verdict.warnings;
                if verdict.causes.is_empty() {
                    response.allowed = true;
                    response.patch = patch(&verdict.patch);
                } else {
                    response.status = Some(Status::invalid(request, verdict.causes));
                }
            }
            Err(refusal) => response.status = Some(Status::of(refusal)),
        }
        Self::of(response)
    }

    /// Nothing has to be decided.
    pub(super) fn allowed(uid: &'a str) -> Self {
        let mut response = AdmissionResponse::new(uid);
        response.allowed = true;
        Self::of(response)
    }

    /// The review itself is not one.
    pub(super) fn invalid(undecodable: &'a Undecodable) -> Self {
        let mut response = AdmissionResponse::new(&undecodable.uid);
        response.status = Some(Status::plain(400, "BadRequest", undecodable.fault.clone()));
        Self::of(response)
    }

    /// The uid that is repeated.
    pub(super) fn uid(&self) -> &str {
        self.response.uid
    }

    /// What the log hears of a refusal. An error that quotes what could not be decoded could quote a payload.
    pub(super) fn faults(&self) -> Option<&str> {
        let status = self.response.status.as_ref()?;
        match status.code {
            400 => Some("cannot be decoded"),
            UNAVAILABLE => Some(&status.message),
            _ => status.details.as_ref().map(|_| status.message.as_str()),
        }
    }

    /// Allowed without a word.
    pub(super) fn is_plain(&self) -> bool {
        let response = &self.response;
        response.allowed && response.patch.is_none() && response.warnings.is_empty()
    }

    /// The answer in one word, for logs and metrics.
    pub(super) fn decision(&self) -> &'static str {
        match &self.response.status {
            None if self.response.patch.is_some() => "patch",
            None => "allow",
            Some(status) if status.code == 400 => "invalid",
            Some(status) if status.code == UNAVAILABLE => "unavailable",
            Some(_) => "deny",
        }
    }

    fn failure(&self) -> Option<Failure<'_, 'a>> {
        self.response.status.as_ref().and_then(Status::failure)
    }

    fn body(&self) -> String {
        let patch = self.response.patch.as_deref().unwrap_or_default();
        let mut body = Vec::with_capacity(REST + patch.len().div_ceil(3) * 4);
        // Strings and numbers only: nothing in here can fail to serialise.
        let _ = match self.failure() {
            Some(failure) => serde_json::to_writer(&mut body, &failure),
            None => serde_json::to_writer(&mut body, self),
        };
        let mut body = String::from_utf8(body).unwrap_or_default();
        if !patch.is_empty() {
            insert(&mut body, patch);
        }
        body
    }

    fn of(response: AdmissionResponse<'a>) -> Self {
        Self {
            api_version: ADMISSION_API_VERSION,
            kind: "AdmissionReview",
            response,
        }
    }
}

impl IntoResponse for Answer<'_> {
    fn into_response(self) -> Response {
        let is_failure = self.failure().is_some();
        let mut response = Response::new(Body::from(self.body()));
        if is_failure {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl<'a> AdmissionResponse<'a> {
    fn new(uid: &'a str) -> Self {
        Self {
            uid,
            allowed: false,
            status: None,
            patch: None,
            warnings: Vec::new(),
        }
    }
}

impl<'a> Status<'a> {
    /// As the API server words its own: all faults in the message, each fault a cause.
    fn invalid<O>(request: &'a AdmissionRequest<'_, O>, causes: Vec<Cause>) -> Self {
        let (group, kind, name) = (&*request.kind.group, &*request.kind.kind, &*request.name);
        let faults: Vec<_> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let faults = match faults.as_slice() {
            [fault] => fault.clone(),
            _ => format!("[{}]", faults.join(", ")),
        };
        let dot = if group.is_empty() { "" } else { "." };
        let message = format!("{kind}{dot}{group} {name:?} is invalid: {faults}");
        Self {
            details: Some(Details {
                name,
                group,
                kind,
                causes,
            }),
            ..Self::plain(422, "Invalid", message)
        }
    }

    fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Forbidden(message) => Self::plain(403, "Forbidden", message),
            Refusal::Undecodable(message) => Self::plain(400, "BadRequest", message),
            Refusal::Unavailable(message) => Self::plain(UNAVAILABLE, "ServiceUnavailable", message),
        }
    }

    /// What is sent in place of a review, if that is none.
    fn failure(&self) -> Option<Failure<'_, 'a>> {
        (self.code == UNAVAILABLE).then_some(Failure {
            api_version: "v1",
            kind: "Status",
            status: "Failure",
            of: self,
        })
    }

    fn plain(code: u16, reason: &'static str, message: String) -> Self {
        Self {
            code,
            reason,
            message,
            details: None,
        }
    }
}

fn patch(operations: &[PatchOperation]) -> Option<Vec<u8>> {
    if operations.is_empty() {
        return None;
    }
    let mut json = Vec::with_capacity(PATCH);
    serde_json::to_writer(&mut json, operations).ok().map(|()| json)
}

/// Adds the patch as the last member of the response, which is the last of the review.
fn insert(review: &mut String, patch: &[u8]) {
    let end = review.trim_end_matches('}').len();
    let tail = review.split_off(end);
    review.push_str(",\"patchType\":\"JSONPatch\",\"patch\":\"");
    STANDARD.encode_string(patch, review);
    review.push('"');
    review.push_str(&tail);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::review::Object;
    use crate::serve::decode::decode;

    const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",
        "kind":{"group":"dispatcher.ivan.vc","version":"v1beta1","kind":"JobTemplate"},"name":"a","operation":"CREATE"}}"#;

    fn told(decided: Result<Verdict, Refusal>) -> Value {
        let review = decode::<Object<'_>>(REVIEW.as_bytes()).unwrap();
        serde_json::from_str::<Value>(&Answer::to(&review.request, decided).body()).unwrap()["response"].take()
    }

    fn cause(field: &str, message: &str) -> Cause {
        Cause {
            reason: "FieldValueInvalid",
            message: message.to_owned(),
            field: field.to_owned(),
        }
    }

    #[test]
    fn an_allowed_object_is_told_in_few_words() {
        assert_eq!(told(Ok(Verdict::default())), json!({"uid": "u-1", "allowed": true}));
    }

    #[test]
    fn a_patch_is_base64() {
        let remove = PatchOperation::Remove { path: "/a".to_owned() };
        let answer = told(Ok(Verdict {
            patch: vec![remove],
            ..Verdict::default()
        }));
        assert_eq!(answer["patchType"], "JSONPatch");
        let patch = STANDARD.decode(answer["patch"].as_str().unwrap()).unwrap();
        assert_eq!(patch, br#"[{"op":"remove","path":"/a"}]"#);
    }

    #[test]
    fn a_denial_names_every_fault_twice() {
        let causes = vec![cause("spec.a", "bad"), cause("spec.b", "worse")];
        let answer = told(Ok(Verdict {
            causes,
            warnings: vec!["odd".to_owned()],
            ..Verdict::default()
        }));
        assert_eq!(
            answer,
            json!({
                "uid": "u-1",
                "allowed": false,
                "warnings": ["odd"],
                "status": {
                    "code": 422,
                    "reason": "Invalid",
                    "message": "JobTemplate.dispatcher.ivan.vc \"a\" is invalid: [spec.a: bad, spec.b: worse]",
                    "details": {
                        "name": "a",
                        "group": "dispatcher.ivan.vc",
                        "kind": "JobTemplate",
                        "causes": [
                            {"reason": "FieldValueInvalid", "message": "bad", "field": "spec.a"},
                            {"reason": "FieldValueInvalid", "message": "worse", "field": "spec.b"},
                        ],
                    },
                },
            })
        );
    }

    #[test]
    fn a_refusal_that_is_no_fault_of_the_object_is_forbidden() {
        let answer = told(Err(Refusal::Forbidden("not ours".to_owned())));
        let status = json!({"code": 403, "reason": "Forbidden", "message": "not ours"});
        assert_eq!(answer, json!({"uid": "u-1", "allowed": false, "status": status}));
    }

    #[test]
    fn what_cannot_be_said_now_is_no_review() {
        let review = decode::<Object<'_>>(REVIEW.as_bytes()).unwrap();
        let answer = Answer::to(&review.request, Err(Refusal::Unavailable("not yet".to_owned())));
        assert_eq!(answer.decision(), "unavailable");
        assert_eq!(
            serde_json::to_value(answer.response.status.as_ref().unwrap().failure()).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 503, "reason": "ServiceUnavailable",
                "message": "not yet",
            })
        );
        assert_eq!(answer.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn the_log_hears_of_faults_and_not_of_what_could_not_be_decoded() {
        let review = decode::<Object<'_>>(REVIEW.as_bytes()).unwrap();
        let causes = vec![cause("spec.a", "bad")];
        let denied = Verdict {
            causes,
            ..Verdict::default()
        };
        let faults = "JobTemplate.dispatcher.ivan.vc \"a\" is invalid: spec.a: bad";
        assert_eq!(Answer::to(&review.request, Ok(denied)).faults(), Some(faults));
        for (refusal, expected) in [
            (Refusal::Forbidden("spec is \"secret\"".to_owned()), None),
            (
                Refusal::Undecodable("spec is \"secret\"".to_owned()),
                Some("cannot be decoded"),
            ),
            (Refusal::Unavailable("not yet".to_owned()), Some("not yet")),
        ] {
            assert_eq!(Answer::to(&review.request, Err(refusal)).faults(), expected);
        }
    }

    #[test]
    fn what_is_no_review_is_invalid() {
        let undecodable = decode::<Object<'_>>(br#"{"request":{"uid":"u-2"}}"#).unwrap_err();
        let answer = Answer::invalid(&undecodable);
        assert_eq!(
            (answer.decision(), answer.faults()),
            ("invalid", Some("cannot be decoded"))
        );
        let told = serde_json::to_value(answer).unwrap();
        assert_eq!(
            (&told["response"]["uid"], &told["response"]["status"]["code"]),
            (&json!("u-2"), &json!(400))
        );
    }
}
