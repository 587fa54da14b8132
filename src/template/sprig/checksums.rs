//! Sprig's checksums; what it has of keys and passwords is left out.

use sha2::{Digest, Sha256, Sha512};

use crate::template::functions::Param::Str;
use crate::template::functions::{Function, fixed, str_at};

pub(in crate::template) static FUNCTIONS: &[Function] = &[
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
        let mixed = mixed(&words, state);
        for (kept, added) in state.iter_mut().zip(mixed) {
            *kept = kept.wrapping_add(added);
        }
    }
    let mut out = [0; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// The eighty rounds over one block.
fn mixed(words: &[u32; 80], mut state: [u32; 5]) -> [u32; 5] {
    for (round, word) in words.iter().enumerate() {
        let [first, x, y, z, last] = state;
        let (choice, constant) = match round / 20 {
            0 => (x & y | !x & z, 0x5a82_7999),
            1 => (x ^ y ^ z, 0x6ed9_eba1),
            2 => (x & y | x & z | y & z, 0x8f1b_bcdc),
            _ => (x ^ y ^ z, 0xca62_c1d6_u32),
        };
        let sum = [choice, last, constant, *word]
            .into_iter()
            .fold(first.rotate_left(5), u32::wrapping_add);
        state = [sum, first, x.rotate_left(30), y, z];
    }
    state
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
