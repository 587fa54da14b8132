//! Sprig's URL functions, on Go's rules of how a URL is taken apart and what is escaped where.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::strings::find;
use crate::template::context::Context;
use crate::template::fault::Failure;
use crate::template::functions::Param::{Dict, Str};
use crate::template::functions::{Function, Outcome, fixed, str_at};
use crate::template::value::{Str as Text, Value};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("urlParse", &[Str], |context, args| {
        let url = parse(str_at(args, 0)).ok_or(Failure::from("unable to parse url"))?;
        let entries = url
            .parts()
            .map(|(name, value)| (Text::from(name.as_bytes()), Value::str(value)));
        context.dict(BTreeMap::from(entries))
    }),
    fixed("urlJoin", &[Dict], join),
];

/// The part of a URL for which text is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) enum Part {
    Path,
    UserPassword,
    Fragment,
    Host,
    Query,
}

/// The text with everything escaped that may not stand in this part.
pub(in crate::template) fn escape(text: &[u8], part: Part) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        if *byte == b' ' && part == Part::Query {
            out.push('+');
        } else if may_stand(*byte, part) {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn may_stand(byte: u8, part: Part) -> bool {
    match byte {
        b'-' | b'_' | b'.' | b'~' => true,
        byte if byte.is_ascii_alphanumeric() => true,
        b'!' | b'(' | b')' | b'*' => matches!(part, Part::Host | Part::Fragment),
        b'\'' | b'[' | b']' | b'<' | b'>' | b'"' => part == Part::Host,
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match part {
            Part::Path => byte != b'?',
            Part::UserPassword => !matches!(byte, b'@' | b'/' | b'?' | b':'),
            Part::Fragment => true,
            Part::Host => !matches!(byte, b'/' | b'?' | b'@'),
            Part::Query => false,
        },
        _ => false,
    }
}

/// The text without its escapes; `None` when one is malformed or something stands that may not in a host.
fn unescape(text: &[u8], part: Part) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            if part == Part::Host && byte.is_ascii() && !may_stand(*byte, part) {
                return None;
            }
            out.push(*byte);
            rest = after;
            continue;
        }
        let digit = |index: usize| after.get(index).and_then(|digit| char::from(*digit).to_digit(16));
        let (high, low) = (digit(0)?, digit(1)?);
        if part == Part::Host && high < 8 && !after.starts_with(b"25") {
            return None;
        }
        out.push(u8::try_from(high * 16 + low).ok()?);
        rest = &after[2..];
    }
    Some(out)
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    userinfo: String,
    has_user: bool,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

impl Url {
    /// The entries of the dict that stands for a URL.
    fn parts(&self) -> [(&'static str, &[u8]); 8] {
        [
            ("scheme", &self.scheme),
            ("host", &self.host),
            ("hostname", hostname(&self.host)),
            ("path", &self.path),
            ("query", &self.query),
            ("opaque", &self.opaque),
            ("fragment", &self.fragment),
            ("userinfo", self.userinfo.as_bytes()),
        ]
    }

    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.push_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend_from_slice(escape(&self.fragment, Part::Fragment).as_bytes());
        }
        out
    }

    /// Authority and path.
    fn push_hierarchy(&self, out: &mut Vec<u8>) {
        let authority = !self.host.is_empty() || self.has_user;
        if authority || (!self.scheme.is_empty() && !self.path.is_empty()) {
            out.extend_from_slice(b"//");
        }
        if self.has_user {
            out.extend_from_slice(self.userinfo.as_bytes());
            out.push(b'@');
        }
        out.extend_from_slice(escape(&self.host, Part::Host).as_bytes());
        let path = if self.path == b"*" {
            "*".to_owned()
        } else {
            escape(&self.path, Part::Path)
        };
        if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
            out.push(b'/');
        }
        // Without this the first segment would be read as a scheme.
        if out.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
            out.extend_from_slice(b"./");
        }
        out.extend_from_slice(path.as_bytes());
    }
}

/// The host without port and brackets.
fn hostname(host: &[u8]) -> &[u8] {
    let colon = host
        .iter()
        .rposition(|byte| *byte == b':')
        .filter(|colon| is_port(&host[*colon..]));
    let name = &host[..colon.unwrap_or(host.len())];
    name.strip_prefix(b"[")
        .and_then(|name| name.strip_suffix(b"]"))
        .unwrap_or(name)
}

/// Nothing, or a colon and digits.
fn is_port(text: &[u8]) -> bool {
    text.is_empty()
        || text
            .strip_prefix(b":")
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(index) => (&text[..index], Some(&text[index + 1..])),
        None => (text, None),
    }
}

fn parse(text: &[u8]) -> Option<Url> {
    let (text, fragment) = cut(text, b'#');
    if text.iter().any(u8::is_ascii_control) {
        return None;
    }
    let mut url = Url {
        fragment: unescape(fragment.unwrap_or_default(), Part::Fragment)?,
        ..Url::default()
    };
    if text == b"*" {
        url.path = text.to_vec();
        return Some(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (mut rest, query) = cut(rest, b'?');
    url.query = query.unwrap_or_default().to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Some(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return None;
        }
    }
    if rest.starts_with(b"//") && (!url.scheme.is_empty() || !rest.starts_with(b"///")) {
        let authority = &rest[2..];
        let end = authority
            .iter()
            .position(|byte| *byte == b'/')
            .unwrap_or(authority.len());
        rest = &authority[end..];
        url.authority(&authority[..end])?;
    }
    url.path = unescape(rest, Part::Path)?;
    Some(url)
}

/// What stands before the first colon if it can be a scheme, and the rest.
fn scheme(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte)));
    match end {
        Some(0) if text[0] == b':' => None,
        Some(end) if text[end] == b':' && text[0].is_ascii_alphabetic() => Some((&text[..end], &text[end + 1..])),
        _ => Some((b"", text)),
    }
}

impl Url {
    fn authority(&mut self, authority: &[u8]) -> Option<()> {
        let at = authority.iter().rposition(|byte| *byte == b'@');
        self.host = host(&authority[at.map_or(0, |at| at + 1)..], &self.scheme)?;
        let Some(at) = at else { return Some(()) };
        let userinfo = &authority[..at];
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
        if !userinfo.iter().all(allowed) {
            return None;
        }
        let (name, password) = cut(userinfo, b':');
        self.has_user = true;
        self.userinfo = escape(&unescape(name, Part::UserPassword)?, Part::UserPassword);
        if let Some(password) = password {
            self.userinfo.push(':');
            self.userinfo
                .push_str(&escape(&unescape(password, Part::UserPassword)?, Part::UserPassword));
        }
        Some(())
    }
}

/// A host with an optional port, an address in brackets included.
fn host(text: &[u8], scheme: &[u8]) -> Option<Vec<u8>> {
    if let Some(open) = text.iter().rposition(|byte| *byte == b'[') {
        let close = text.iter().rposition(|byte| *byte == b']').filter(|_| open == 0)?;
        let (address, port) = (&text[1..close], &text[close + 1..]);
        let (address, zone) = match find(address, b"%25") {
            Some(zone) => address.split_at(zone),
            None => (address, &b""[..]),
        };
        let address = unescape(address, Part::Host)?;
        let valid = std::str::from_utf8(&address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        if !valid || !is_port(port) {
            return None;
        }
        let zone = unescape(zone, Part::Path)?;
        return Some([b"[", &address[..], &zone, b"]", port].concat());
    }
    let strict = scheme == b"http" || scheme == b"https";
    let colon = if strict {
        text.iter().position(|byte| *byte == b':')
    } else {
        text.iter().rposition(|byte| *byte == b':')
    };
    if !is_port(&text[colon.unwrap_or(text.len())..]) {
        return None;
    }
    unescape(text, Part::Host)
}

/// The URL that a dict as `urlParse` gives it describes.
fn join(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let part = |name: &str| -> Result<Vec<u8>, Failure> {
        let Some(Value::Map(map)) = args.first() else {
            return Ok(Vec::new());
        };
        match map.get(name.as_bytes()) {
            None => Ok(Vec::new()),
            Some(Value::Str(text)) => Ok(text.to_vec()),
            Some(other) => {
                let kind = other.kind_name();
                Err(format!("unable to parse {name} key, must be of type string, but {kind} found").into())
            }
        }
    };
    let userinfo = part("userinfo")?;
    let mut url = Url::default();
    if !userinfo.is_empty() {
        url = parse(&[b"proto://", &userinfo[..], b"@host"].concat())
            .ok_or(Failure::from("unable to parse userinfo in dict"))?;
    }
    url.scheme = part("scheme")?;
    url.host = part("host")?;
    url.path = part("path")?;
    url.query = part("query")?;
    url.opaque = part("opaque")?;
    url.fragment = part("fragment")?;
    let text = url.text();
    context.string(text)
}
