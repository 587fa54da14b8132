//! Field paths as Kubernetes writes them, built while a tree is walked.

use std::fmt::{self, Write};

/// Where the field paths of a template start.
pub(super) const ROOT: &str = "spec.jobTemplate";

/// The path of the value that is looked at.
pub(super) struct Path(String);

impl Path {
    pub(super) fn new(root: &str) -> Self {
        Self(root.to_owned())
    }

    /// Looks at an element of a list.
    pub(super) fn at<T>(&mut self, index: usize, look: impl FnOnce(&mut Self) -> T) -> T {
        self.within(|text| write!(text, "[{index}]"), look)
    }

    /// Looks at a member of an object. A key that could be misread stands in brackets, as in
    /// `metadata.labels[app.kubernetes.io/name]`.
    pub(super) fn member<T>(&mut self, key: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let plain = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        self.within(
            |text| {
                if plain {
                    write!(text, ".{key}")
                } else {
                    write!(text, "[{key}]")
                }
            },
            look,
        )
    }

    fn within<T>(&mut self, step: impl FnOnce(&mut String) -> fmt::Result, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.0.len();
        // Writing to a String cannot fail.
        let _ = step(&mut self.0);
        let seen = look(self);
        self.0.truncate(length);
        seen
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_shrinks_with_the_walk() {
        let mut path = Path::new("spec");
        let inner = path.member("containers", |path| {
            path.at(0, |path| path.member("image", |path| path.to_string()))
        });
        assert_eq!(inner, "spec.containers[0].image");
        assert_eq!(path.to_string(), "spec");
    }

    #[test]
    fn puts_odd_keys_into_brackets() {
        for (key, expected) in [
            ("a.b/c", "labels[a.b/c]"),
            ("", "labels[]"),
            ("a-b_C1", "labels.a-b_C1"),
        ] {
            assert_eq!(Path::new("labels").member(key, |path| path.to_string()), expected);
        }
    }
}
