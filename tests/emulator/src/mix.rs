//! Numbers that follow from a seed.

/// The next output of splitmix64 for the state `x`.
///
/// It spreads bits well and is the same everywhere, for ever, which the standard library's hashers
/// do not promise. It is no cryptography and need not be: it catches mistakes, not attackers.
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A digest of `bytes` that takes the seed to compute.
pub(crate) fn keyed_digest(seed: u64, bytes: &[u8]) -> u64 {
    let start = mix(seed ^ bytes.len() as u64);
    bytes.chunks(8).fold(start, |digest, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(digest ^ u64::from_le_bytes(word))
    })
}
