//! What the runtime said of a release or a bundle, and who is to blame.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::names::reason;
use crate::api::workers::{Outcome, ProofState};

/// Bytes of the runtime's text that are kept.
const MESSAGE: usize = 1500;
/// Bytes that the same text may take as JSON: a verdict is the message of a container's end, of which 4,096 are kept.
const ESCAPED_MESSAGE: usize = 3000;
/// Longest name that a culprit can have.
const NAME: usize = 63;
/// Longest of the other texts, which are digests and versions.
const WORD: usize = 128;

/// Longest name of an image that is pinned by its digest.
const IMAGE: usize = 255 + 72;

/// What a proof came to; as JSON at most 4,000 bytes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether what was proved may serve.
    pub state: ProofState,
    /// Why not, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Script name of the worker that is to blame, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// The runtime's own text, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Digest of what was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Bytes of all its modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// What proved it: the day of the runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// `REPOSITORY@sha256:…` of what was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Verdict {
    /// It may serve.
    #[must_use]
    pub fn passed() -> Self {
        Verdict {
            state: ProofState::Passed,
            reason: None,
            culprit: None,
            message: None,
            digest: None,
            size: None,
            runtime: None,
            image: None,
        }
    }

    /// It may not; the reason is one of [`reason`].
    #[must_use]
    pub fn failed(reason: &str, message: &str) -> Self {
        Verdict {
            state: ProofState::Failed,
            reason: Some(reason.to_owned()),
            message: Some(shortened(message)),
            ..Verdict::passed()
        }
    }

    /// What is made of a trial. The text names a culprit where it can; where it does not, it is `otherwise`, which is
    /// the worker of a process that has but one.
    #[must_use]
    pub fn of(outcome: &Outcome, otherwise: Option<&str>) -> Self {
        let mut verdict = match outcome {
            Outcome::Passed => return Verdict::passed(),
            Outcome::Refused(text) => {
                let (entries, lines) = messages(text);
                let culprit = entries.iter().chain(&lines).find_map(|message| culprit(message));
                Verdict {
                    culprit: culprit.map(str::to_owned),
                    ..Verdict::failed(reason::PROOF_FAILED, &[&*entries, &*lines].concat().join("\n"))
                }
            }
            Outcome::TimedOut(limit) => Verdict::failed(
                reason::PROOF_TIMED_OUT,
                &format!("top-level code did not end within {} s", limit.as_secs()),
            ),
            Outcome::OutOfMemory(limit) => Verdict::failed(
                reason::PROOF_OUT_OF_MEMORY,
                &format!("top-level code took more than {} MiB of memory", limit >> 20),
            ),
        };
        verdict.culprit = verdict.culprit.or_else(|| otherwise.map(str::to_owned));
        verdict
    }

    /// As the message of a container's end.
    #[must_use]
    pub fn json(&self) -> String {
        let word = |text: &Option<String>| text.as_deref().map(|text| cut(text, WORD, WORD));
        let bounded = Verdict {
            state: self.state,
            reason: word(&self.reason),
            culprit: word(&self.culprit),
            message: self.message.as_deref().map(shortened),
            digest: word(&self.digest),
            size: self.size,
            runtime: word(&self.runtime),
            image: self.image.as_deref().map(|image| cut(image, IMAGE, IMAGE)),
        };
        serde_json::to_string(&bounded).unwrap_or_default()
    }
}

/// Reads what [`Verdict::json`] wrote; nothing where a container ended with something else.
#[must_use]
pub fn read(message: &str) -> Option<Verdict> {
    serde_json::from_str(message).ok()
}

/// The runtime writes its errors as JSON, an entry on each line, as its configuration asks it to. What it writes before it
/// has read that, and what the system writes, is lines of plain text.
fn messages(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut entries, mut lines) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(entry)) => {
                let text = |field: &str| entry.get(field).and_then(Value::as_str);
                // Below that it speaks of tests that pass and of what it does.
                if matches!(text("level"), Some("error" | "fatal")) {
                    entries.extend(text("message").map(str::to_owned));
                }
            }
            _ => lines.push(line.to_owned()),
        }
    }
    (entries, lines)
}

/// Whom a message begins with: `service NAME: …` or `Worker "NAME"'s binding …`.
fn culprit(message: &str) -> Option<&str> {
    let service = message.strip_prefix("service ").and_then(|rest| rest.split_once(": "));
    let worker = message
        .strip_prefix("Worker \"")
        .and_then(|rest| rest.split_once("\"'s "));
    let (name, _) = service.or(worker)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!name.is_empty() && name.len() <= NAME && name.bytes().all(is_name)).then_some(name)
}

fn shortened(text: &str) -> String {
    cut(text, MESSAGE, ESCAPED_MESSAGE)
}

/// As many whole characters as fit in so many bytes, and in so many of a JSON string.
fn cut(text: &str, bytes: usize, escaped: usize) -> String {
    let (mut bytes, mut escaped) = (bytes, escaped);
    let fits = |character: &char| {
        let plain = bytes.checked_sub(character.len_utf8());
        let quoted = escaped.checked_sub(escaped_len(*character));
        plain.zip(quoted).is_some_and(|(plain, quoted)| {
            (bytes, escaped) = (plain, quoted);
            true
        })
    };
    text.chars().take_while(fits).collect()
}

/// Bytes of a character in a JSON string.
fn escaped_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SYNTAX: &str = r#"{"timestamp":"1","level":"error","source":"entry.rs:170","message":"service bad: Uncaught SyntaxError: Unexpected token ';'\n  at index.js:1:17","context_depth":0}"#;

    fn refused(text: &str) -> Verdict {
        Verdict::of(&Outcome::Refused(text.to_owned()), None)
    }

    #[test]
    fn the_runtimes_own_text_is_kept_and_names_the_culprit() {
        let verdict = refused(SYNTAX);
        assert_eq!(
            verdict,
            Verdict {
                state: ProofState::Failed,
                reason: Some("ProofFailed".to_owned()),
                culprit: Some("bad".to_owned()),
                message: Some("service bad: Uncaught SyntaxError: Unexpected token ';'\n  at index.js:1:17".to_owned()),
                ..Verdict::passed()
            }
        );
        assert_eq!(read(&verdict.json()), Some(verdict));
    }

    #[test]
    fn every_way_to_name_a_culprit_is_read() {
        for (text, expected) in [
            ("service bad: No such compatibility flag: nope", Some("bad")),
            (
                "Worker \"bad\"'s binding \"B\" refers to a service \"nobody\", but",
                Some("bad"),
            ),
            ("Config defines multiple services named \"good\".", None),
            ("no service good: fake", None),
            ("service a b: fake", None),
            ("service : fake", None),
            ("service stationmaster.internet: no certificates", None),
            ("", None),
        ] {
            assert_eq!(refused(text).culprit.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_worker_throws_names_nobody_else() {
        let thrown = SYNTAX.replace("Unexpected token ';'", r"x\nservice good: fake");
        let verdict = refused(&format!("{thrown}\n{}", SYNTAX.replace("service bad", "service worse")));
        assert_eq!(verdict.culprit.as_deref(), Some("bad"));
    }

    #[test]
    fn what_is_no_fault_is_left_out() {
        let passed = SYNTAX.replace("error", "debug");
        let verdict = refused(&format!("plain\n{passed}\n\n{SYNTAX}"));
        let message = verdict.message.unwrap();
        assert!(
            message.starts_with("service bad") && message.ends_with("\nplain"),
            "{message}"
        );
        assert_eq!(message.matches("service").count(), 1);
    }

    #[test]
    fn limits_are_told_and_blamed_on_the_only_worker() {
        let timed_out = Verdict::of(&Outcome::TimedOut(Duration::from_secs(10)), Some("a"));
        assert_eq!(timed_out.reason.as_deref(), Some("ProofTimedOut"));
        assert_eq!(
            timed_out.message.as_deref(),
            Some("top-level code did not end within 10 s")
        );
        assert_eq!(timed_out.culprit.as_deref(), Some("a"));
        let memory = Verdict::of(&Outcome::OutOfMemory(512 << 20), None);
        assert_eq!(memory.reason.as_deref(), Some("ProofOutOfMemory"));
        assert!(memory.message.unwrap().contains("512 MiB"));
        assert_eq!(Verdict::of(&Outcome::Passed, Some("a")), Verdict::passed());
    }

    #[test]
    fn a_verdict_fits_whatever_the_text() {
        for text in ["x", "\"", "\u{1}", "é", "🚂", "\\\n"] {
            let long = text.repeat(5000);
            let mut verdict = refused(&long);
            let kept = verdict.message.clone().unwrap();
            assert!(kept.len() <= 1500 && long.starts_with(&kept), "{text:?}");
            let word = Some(long.clone());
            verdict.digest.clone_from(&word);
            verdict.runtime.clone_from(&word);
            verdict.culprit.clone_from(&word);
            verdict.image.clone_from(&word);
            verdict.reason.clone_from(&word);
            verdict.size = Some(i64::MIN);
            verdict.message = word;
            let json = verdict.json();
            assert!(json.len() <= 4000, "{}", json.len());
            assert!(read(&json).is_some());
        }
        let image = format!("{}@sha256:{}", "x".repeat(255), "a".repeat(64));
        let pushed = Verdict {
            image: Some(image),
            ..Verdict::passed()
        };
        assert_eq!(read(&pushed.json()), Some(pushed));
        assert_eq!(refused(&"x".repeat(5000)).message.unwrap().len(), 1500);
        assert_eq!(refused(&"é".repeat(5000)).message.unwrap().len(), 1500);
    }

    #[test]
    fn what_is_no_verdict_is_none() {
        for text in ["", "cannot read /bundle: no such file", "{}", "[1]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
