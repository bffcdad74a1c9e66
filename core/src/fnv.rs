//! FNV-1a: short, fast, the same in every run and on every system. For telling things apart where
//! nothing is at stake.

pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

pub(crate) fn add(hash: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(hash, step)
}
