//! Sprig's functions about types, its flow control, and its checksums.

use sha2::{Digest, Sha256, Sha512};

use crate::template::compare::deep_equal;
use crate::template::functions::Param::{Any, Str};
use crate::template::functions::{Function, fixed, str_at, text_at};
use crate::template::value::Value;

pub(in crate::template) static FUNCTIONS: &[Function] = &[
    fixed("typeOf", &[Any], |context, args| context.string(args[0].type_name())),
    fixed("typeIs", &[Str, Any], |_, args| {
        Ok(Value::Bool(str_at(args, 0) == args[1].type_name().as_bytes()))
    }),
    fixed("typeIsLike", &[Str, Any], |_, args| {
        let name = args[1].type_name();
        let like = name
            .strip_prefix('*')
            .is_some_and(|name| str_at(args, 0) == name.as_bytes());
        Ok(Value::Bool(like || str_at(args, 0) == name.as_bytes()))
    }),
    fixed("kindOf", &[Any], |context, args| context.string(args[0].kind_name())),
    fixed("kindIs", &[Str, Any], |_, args| {
        Ok(Value::Bool(str_at(args, 0) == args[1].kind_name().as_bytes()))
    }),
    fixed("deepEqual", &[Any, Any], |context, args| {
        Ok(Value::Bool(deep_equal(context, &args[0], &args[1], 0)?))
    }),
    fixed("fail", &[Str], |_, args| Err(text_at(args, 0).into_owned().into())),
    fixed("sha1sum", &[Str], |context, args| {
        context.string(hex(&sha1(str_at(args, 0))))
    }),
    fixed("sha256sum", &[Str], |context, args| {
        context.string(hex(&Sha256::digest(str_at(args, 0))))
    }),
    fixed("sha512sum", &[Str], |context, args| {
        context.string(hex(&Sha512::digest(str_at(args, 0))))
    }),
    fixed("adler32sum", &[Str], |context, args| {
        context.string(adler32(str_at(args, 0)).to_string())
    }),
];

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high): (u32, u32), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

/// SHA-1 by its definition; for checksums of old, not for security.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in message.chunks_exact(64) {
        let mut words = [0u32; 80];
        for (index, word) in block.chunks_exact(4).enumerate() {
            words[index] = word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for index in 16..80 {
            words[index] = (words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mixed, constant) = match round / 20 {
                0 => (b & c | !b & d, 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mixed)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (kept, added) in state.iter_mut().zip([a, b, c, d, e]) {
            *kept = kept.wrapping_add(added);
        }
    }
    let mut out = [0; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_sha1_at_every_length() {
        assert_eq!(hex(&sha1(b"")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let fifty_six = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(&sha1(fifty_six)), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    }
}
