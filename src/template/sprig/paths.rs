//! Sprig's functions for slash-separated paths; those for the operating system's are the same on Linux.

use crate::template::functions::Param::Str;
use crate::template::functions::{Function, fixed, str_at};
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("base", &[Str], |context, args| context.string(base(str_at(args, 0)))),
    fixed("osBase", &[Str], |context, args| context.string(base(str_at(args, 0)))),
    fixed("dir", &[Str], |context, args| context.string(dir(str_at(args, 0)))),
    fixed("osDir", &[Str], |context, args| context.string(dir(str_at(args, 0)))),
    fixed("clean", &[Str], |context, args| context.string(clean(str_at(args, 0)))),
    fixed("osClean", &[Str], |context, args| {
        context.string(clean(str_at(args, 0)))
    }),
    fixed("ext", &[Str], |context, args| context.string(ext(str_at(args, 0)))),
    fixed("osExt", &[Str], |context, args| context.string(ext(str_at(args, 0)))),
    fixed("isAbs", &[Str], |_, args| {
        Ok(Value::Bool(str_at(args, 0).starts_with(b"/")))
    }),
    fixed("osIsAbs", &[Str], |_, args| {
        Ok(Value::Bool(str_at(args, 0).starts_with(b"/")))
    }),
];

/// Where the last slash stands.
fn last_slash(path: &[u8]) -> Option<usize> {
    path.iter().rposition(|byte| *byte == b'/')
}

fn base(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    match &path[..end] {
        b"" if path.is_empty() => b".",
        b"" => b"/",
        trimmed => &trimmed[last_slash(trimmed).map_or(0, |slash| slash + 1)..],
    }
}

fn dir(path: &[u8]) -> Vec<u8> {
    clean(&path[..last_slash(path).map_or(0, |slash| slash + 1)])
}

fn ext(path: &[u8]) -> &[u8] {
    let name = &path[last_slash(path).map_or(0, |slash| slash + 1)..];
    name.iter()
        .rposition(|byte| *byte == b'.')
        .map_or(b"", |dot| &name[dot..])
}

/// The shortest path that means the same.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b"/"[..]);
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
