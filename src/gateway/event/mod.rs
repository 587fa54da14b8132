//! What an event asks for. Who may ask is the rules' business, and what is already there the caller's.

mod progress;
mod reply;
mod wanted;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::cloud_event::CloudEvent;
use crate::api::names::cloud_event;

pub use progress::{Progress, report};
pub use reply::{Outcome, early_end, is_promised, outcome, refusal, reply, stored_reply};
pub use wanted::{Cause, Wanted, client_name, has_ended_first, is_unfinished};

/// Longest text that an event may bring along, in characters.
const LONGEST_MESSAGE: usize = 4096;

/// Which namespaces events may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Where clients go without another word.
    pub namespace: String,
    /// Those that an event may name.
    pub listed: Vec<String>,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// A client that is wanted.
    Provision(Wanted),
    /// One that is not wanted any more.
    End(End),
    /// An answer of ours has come back, or one of another replica.
    Ours,
    /// It means nothing here.
    Unknown,
}

/// A client that is not wanted any more, said in one of two ways.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By its pod.
    Pod {
        /// Where that is.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// By what it came from.
    Client {
        /// Where it is, or would be.
        namespace: String,
        /// The event that it came from; or in place of that event's id the client's name.
        cause: Cause,
    },
}

/// Why an event cannot be followed, whenever it is sent again.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its data are something that we do not read.
    #[error("the data must be JSON, and datacontenttype application/json or absent")]
    Encoding,
    /// Its data are JSON of another shape.
    #[error("the data must be {0}")]
    Data(&'static str),
    /// Too much text.
    #[error("the message is longer than {LONGEST_MESSAGE} characters")]
    Message,
    /// Not where events may reach.
    #[error("events may not name the namespace {0:?}: --client-namespaces lists those they may")]
    Namespace(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pending {
    gateway_name: Option<String>,
    message: Option<String>,
    namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended {
    pod_name: Option<String>,
    namespace: Option<String>,
}

/// What an event asks for.
///
/// # Errors
/// Its data cannot be read, or ask for what events may not have.
pub fn decide(event: &CloudEvent, rules: &Rules) -> Result<Decision, Error> {
    if event.source == cloud_event::SOURCE {
        return Ok(Decision::Ours);
    }
    match &*event.type_ {
        cloud_event::PENDING => wanted(event, rules).map(Decision::Provision),
        cloud_event::ENDED => end(event, rules).map(Decision::End),
        _ => Ok(Decision::Unknown),
    }
}

fn wanted(event: &CloudEvent, rules: &Rules) -> Result<Wanted, Error> {
    let shape = "{gateway_name, message?, namespace?}, texts all";
    let data: Pending = data(event, shape)?.ok_or(Error::Data(shape))?;
    let message = data.message.unwrap_or_default();
    if message.chars().count() > LONGEST_MESSAGE {
        return Err(Error::Message);
    }
    Ok(Wanted {
        namespace: rules.admit(data.namespace)?,
        gateway_name: data.gateway_name.ok_or(Error::Data(shape))?,
        message,
        cause: Cause::of(event),
    })
}

fn end(event: &CloudEvent, rules: &Rules) -> Result<End, Error> {
    let shape = "{pod_name, namespace}, or the extension causeid there";
    let data: Ended = data(event, shape)?.unwrap_or_default();
    let namespace = rules.reach(data.namespace)?;
    let cause = event.extensions.get(cloud_event::CAUSE_ID).filter(|id| !id.is_empty());
    match (data.pod_name.filter(|name| !name.is_empty()), cause) {
        (Some(name), _) => Ok(End::Pod { namespace, name }),
        (None, Some(cause)) => Ok(End::Client {
            namespace,
            cause: Cause {
                id: cause.clone(),
                ..Cause::of(event)
            },
        }),
        (None, None) => Err(Error::Data(shape)),
    }
}

/// The data, if there are any.
fn data<T: DeserializeOwned>(event: &CloudEvent, shape: &'static str) -> Result<Option<T>, Error> {
    if event.data.trim_ascii().is_empty() {
        return Ok(None);
    }
    if !event.is_json() {
        return Err(Error::Encoding);
    }
    // A list would be taken for the fields in their order.
    if !matches!(event.data.trim_ascii().first(), Some(b'{' | b'n')) {
        return Err(Error::Data(shape));
    }
    serde_json::from_slice(&event.data).map_err(|_| Error::Data(shape))
}

impl Rules {
    /// Where a client is made.
    fn admit(&self, namespace: Option<String>) -> Result<String, Error> {
        match namespace.filter(|namespace| !namespace.is_empty()) {
            None => Ok(self.namespace.clone()),
            Some(named) if self.listed.contains(&named) => Ok(named),
            Some(named) => Err(Error::Namespace(named.chars().take(64).collect())),
        }
    }

    /// Where a client is that ends: answers tell its namespace, listed or not, and are asked for with it.
    fn reach(&self, namespace: Option<String>) -> Result<String, Error> {
        let is_own = namespace.as_ref() == Some(&self.namespace);
        self.admit(namespace.filter(|_| !is_own))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules() -> Rules {
        Rules {
            namespace: "clients".into(),
            listed: vec!["others".into()],
        }
    }

    fn event(type_: &str, data: &Value) -> CloudEvent {
        CloudEvent {
            id: "1".into(),
            source: "/s".into(),
            type_: type_.into(),
            data: data.to_string().into_bytes(),
            ..CloudEvent::default()
        }
    }

    fn pending(data: &Value) -> Result<Decision, Error> {
        decide(&event(cloud_event::PENDING, data), &rules())
    }

    fn ended(data: &Value) -> Result<Decision, Error> {
        decide(&event(cloud_event::ENDED, data), &rules())
    }

    #[test]
    fn a_pending_client_is_wanted() {
        let cause = Cause {
            id: "1".into(),
            source: "/s".into(),
            ..Cause::default()
        };
        let wanted = Wanted {
            namespace: "clients".into(),
            gateway_name: "foo".into(),
            message: "hello".into(),
            cause,
        };
        let data = json!({"gateway_name": "foo", "message": "hello", "more": [1]});
        assert_eq!(pending(&data), Ok(Decision::Provision(wanted)));
    }

    #[test]
    fn namespaces_are_those_that_were_listed() {
        for (named, given) in [
            (json!(null), "clients"),
            (json!(""), "clients"),
            (json!("others"), "others"),
        ] {
            let Ok(Decision::Provision(wanted)) = pending(&json!({"gateway_name": "a", "namespace": named})) else {
                unreachable!("it is allowed");
            };
            assert_eq!(wanted.namespace, given);
        }
        let refused = Error::Namespace("kube-system".into());
        assert_eq!(
            pending(&json!({"gateway_name": "a", "namespace": "kube-system"})),
            Err(refused)
        );
        assert!(ended(&json!({"pod_name": "a", "namespace": "kube-system"})).is_err());
        assert!(pending(&json!({"gateway_name": "a", "namespace": "clients"})).is_err());
        assert!(ended(&json!({"pod_name": "a", "namespace": "clients"})).is_ok());
    }

    #[test]
    fn data_of_another_shape_are_refused() {
        for data in [
            json!([]),
            json!("a"),
            json!(1),
            json!({"gateway_name": 1}),
            json!({"message": "a"}),
            json!({"gateway_name": null}),
            json!({"gateway_name": "a", "message": {}}),
        ] {
            assert!(matches!(pending(&data), Err(Error::Data(_))), "{data}");
        }
        let long = json!({"gateway_name": "a", "message": "ä".repeat(LONGEST_MESSAGE + 1)});
        assert_eq!(pending(&long), Err(Error::Message));
        let longest = json!({"gateway_name": "a", "message": "ä".repeat(LONGEST_MESSAGE)});
        assert!(pending(&longest).is_ok());
        let mut text = event(cloud_event::PENDING, &json!({"gateway_name": "a"}));
        text.content_type = Some("text/plain".into());
        assert_eq!(decide(&text, &rules()), Err(Error::Encoding));
        text.data.clear();
        assert!(matches!(decide(&text, &rules()), Err(Error::Data(_))));
    }

    #[test]
    fn what_ends_is_named_by_its_pod_or_its_cause() {
        let pod = End::Pod {
            namespace: "clients".into(),
            name: "a".into(),
        };
        assert_eq!(ended(&json!({"pod_name": "a"})), Ok(Decision::End(pod)));
        assert!(matches!(ended(&json!({})), Err(Error::Data(_))));
        let mut caused = event(cloud_event::ENDED, &json!(null));
        caused.extensions.insert("causeid".into(), String::new());
        assert!(
            matches!(decide(&caused, &rules()), Err(Error::Data(_))),
            "no event has it"
        );
        caused.extensions.insert("causeid".into(), "7".into());
        let cause = Cause {
            id: "7".into(),
            source: "/s".into(),
            ..Cause::default()
        };
        let client = End::Client {
            namespace: "clients".into(),
            cause,
        };
        assert_eq!(decide(&caused, &rules()), Ok(Decision::End(client)));
    }

    #[test]
    fn our_own_answers_and_other_events_have_no_effect() {
        let mut own = event(cloud_event::PENDING, &json!({"gateway_name": "a"}));
        cloud_event::SOURCE.clone_into(&mut own.source);
        assert_eq!(decide(&own, &rules()), Ok(Decision::Ours));
        assert_eq!(decide(&event("other", &json!(1)), &rules()), Ok(Decision::Unknown));
    }
}
