//! An event as headers and a body: binary mode, which every receiver reads.

use super::{CloudEvent, VERSION, attribute};

impl CloudEvent {
    /// The headers of binary mode, names in lower case; the data is the body.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        let fixed = [
            ("ce-specversion", Some(VERSION)),
            ("ce-id", Some(&*self.id)),
            ("ce-source", Some(&*self.source)),
            ("ce-type", Some(&*self.type_)),
            ("ce-time", self.time.as_deref()),
        ];
        let fixed = fixed
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), attribute::encoded(value?))));
        let extensions = self.extensions.iter();
        let extensions = extensions.map(|(name, value)| (format!("ce-{name}"), attribute::encoded(value)));
        let content_type = self.content_type.iter();
        let content_type = content_type.map(|value| ("content-type".to_owned(), value.clone()));
        fixed.chain(extensions).chain(content_type).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::binary;
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let event = CloudEvent {
            id: "a b".into(),
            source: "/ä".into(),
            type_: "t".into(),
            time: Some("2026-01-01T00:00:00Z".into()),
            content_type: Some("application/json".into()),
            extensions: [("causeid".to_owned(), "\"1\"".to_owned())].into(),
            data: b"{}".to_vec(),
        };
        let headers = event.headers();
        assert_eq!(headers[1], ("ce-id".to_owned(), "a%20b".to_owned()));
        let headers = headers.iter().map(|(name, value)| (&**name, value.as_bytes()));
        assert_eq!(binary(headers, b"{}").unwrap(), event);
    }
}
