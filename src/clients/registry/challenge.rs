//! What a registry wants to be shown before it does something.

/// Realm and query of `Bearer realm="…",service="…",scope="…"`.
pub(super) fn bearer(text: &str) -> Option<(&str, Vec<(&str, &str)>)> {
    let (scheme, mut rest) = text.split_once(' ')?;
    let (mut realm, mut query) = (None, Vec::new());
    while let Some((key, value)) = rest.split_once("=\"") {
        let (value, further) = value.split_once('"')?;
        match key.trim_matches([',', ' ']) {
            "realm" => realm = Some(value),
            key @ ("service" | "scope") => query.push((key, value)),
            _ => (),
        }
        rest = further;
    }
    let is_bearer = scheme.eq_ignore_ascii_case("Bearer");
    realm.filter(|_| is_bearer).map(|realm| (realm, query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_whom_to_ask_for_what() {
        let text = r#"Bearer realm="https://a/token", service="r,s" ,scope="repository:a/b:delete,pull",error="x""#;
        let query = vec![("service", "r,s"), ("scope", "repository:a/b:delete,pull")];
        assert_eq!(bearer(text), Some(("https://a/token", query)));
        for other in [
            r#"Basic realm="r""#,
            "Bearer",
            "Bearer realm=\"x",
            "",
            "Bearer service=\"x\"",
        ] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
